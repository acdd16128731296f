"""Glue to the API: who asks, which status an error has, pages by cursor, and acting once for one Idempotency-Key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from apps.dataplane import errors

from . import idempotency
from .actor import Actor
from .paging import Page

STATUS: dict[type[errors.LockgateError], int] = {
    errors.Invalid: 422,
    errors.Denied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Refused: 409,
    errors.Unreachable: 502,
    errors.Locked: 503,
    errors.Fenced: 409,
}
KEY_LENGTH = 128

CURSOR = OpenApiParameter(
    "cursor", OpenApiTypes.STR, description="Where the page starts: `older` or `newer` of a page."
)
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Any text, new for each act. The same key with the same request gives the first answer again.",
)


def status_of(error: errors.LockgateError) -> int:
    """The HTTP status of an expected failure."""
    return next(status for kind in type(error).__mro__ for known, status in STATUS.items() if kind is known)


def actor(request: Request) -> Actor:
    """Who asks: the token's Actor, or that of the session."""
    _ = request.user  # Authentication is lazy, and a token sets the actor.
    return request._request.actor  # type: ignore[attr-defined,no-any-return]


def cursor_page(rows: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The shape of one page of these rows: `{rows, older, newer}`."""
    fields = {
        "rows": rows(many=True),
        "older": serializers.CharField(help_text="The cursor of the next older page; empty at the end."),
        "newer": serializers.CharField(help_text="The cursor of the next newer page; empty at the start."),
    }
    shape = {**fields, "__module__": rows.__module__}
    return type(f"PageOf{rows.__name__}", (serializers.Serializer,), shape)


def paged(page: Page[Any], rows: type[serializers.Serializer[Any]]) -> Response:
    """One page as an answer."""
    return Response({"rows": rows(page.rows, many=True).data, "older": page.older, "newer": page.newer})


def read(request: Request, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """The body in its shape; Invalid, naming the field, for anything else."""
    serializer = shape(data=request.data)
    if not serializer.is_valid():
        field, reason = next(_reasons(serializer.errors))
        raise errors.Invalid(reason, field=field)
    return dict(serializer.validated_data)


def _reasons(found: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(found, dict):
        for name, inner in found.items():
            yield from _reasons(inner, path if name == "non_field_errors" else f"{path}.{name}".lstrip("."))
    elif found and isinstance(found[0], dict):
        for position, inner in enumerate(found):
            yield from _reasons(inner, f"{path}.{position}")
    elif found:
        yield path, str(found[0])


def idempotent(handler: Callable[..., Response]) -> Callable[..., Response]:
    """Act once for one Idempotency-Key and actor: the act and the memory of its answer are one transaction.

    Stands beneath `@api_view(["POST"])`. An act that failed is not remembered; the same key may try again.
    """

    @wraps(handler)
    def once(request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return handler(request, *args, **kwargs)
        if len(key) > KEY_LENGTH:
            raise errors.Invalid("An Idempotency-Key has at most 128 characters.", field="Idempotency-Key")
        with transaction.atomic():
            answered = idempotency.claim(actor(request).id, key, _hash(request))
            if answered.status:
                return Response(answered.body, status=answered.status, headers={"Idempotent-Replayed": "true"})
            response = handler(request, *args, **kwargs)
            idempotency.remember(answered, response.status_code, json.loads(json.dumps(response.data, cls=JSONEncoder)))
            return response

    return once


def _hash(request: Request) -> str:
    plain: HttpRequest = request._request
    body = json.dumps(request.data, sort_keys=True, default=str)
    return hashlib.sha256(f"{plain.method} {plain.get_full_path()} {body}".encode()).hexdigest()
