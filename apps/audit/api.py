"""The audit log, for auditors' programs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import access
from apps.core.api import CURSOR, actor, cursor_page, paged
from apps.dataplane.errors import Invalid

from . import selectors, services
from .forms import Search

FILTERS = [
    OpenApiParameter("q", OpenApiTypes.STR, description="Part of the sentence."),
    OpenApiParameter("action", OpenApiTypes.STR, description="An action, or its beginning, such as `change.`"),
    OpenApiParameter("actor", OpenApiTypes.STR, description="An id, or part of a name."),
    OpenApiParameter("subject", OpenApiTypes.STR, description="A subject, or its beginning, such as `run/`"),
    OpenApiParameter("team", OpenApiTypes.UUID),
    OpenApiParameter("since", OpenApiTypes.DATE),
    OpenApiParameter("until", OpenApiTypes.DATE),
]


class EventSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField(allow_null=True, help_text="Null until the notary has numbered it.")
    at = serializers.DateTimeField()
    action = serializers.CharField()
    actor_id = serializers.CharField()
    actor_kind = serializers.CharField()
    actor_name = serializers.CharField(help_text="Empty when the detail was erased.")
    summary = serializers.CharField()
    subject = serializers.CharField()
    team = serializers.CharField(source="team_id")
    request = serializers.CharField()
    detail = serializers.SerializerMethodField()
    hash = serializers.CharField()

    def get_detail(self, event: selectors.Shown) -> dict[str, str]:
        return dict(event.detail)


class VerificationSerializer(serializers.Serializer[Any]):
    events = serializers.IntegerField()
    sequenced = serializers.IntegerField()
    pending = serializers.IntegerField()
    ok = serializers.BooleanField()
    first_bad = serializers.CharField()
    sentence = serializers.CharField()


@extend_schema(tags=["audit"], parameters=[*FILTERS, CURSOR], responses=cursor_page(EventSerializer))
@api_view(["GET"])
def events(request: Request) -> Response:
    """Events, newest first. Reading them is an event, too."""
    who = actor(request)
    access.require(who, "audit.view")
    form = Search(request.query_params)
    if not form.is_valid():
        field, reasons = next(iter(form.errors.items()))
        raise Invalid(str(reasons[0]), field=field)
    services.record_reading(actor=who, filters=form.filters())
    page = selectors.events(who, form.filters(), cursor=request.query_params.get("cursor", ""))
    return paged(page, EventSerializer)


@extend_schema(tags=["audit"], request=None, responses=VerificationSerializer)
@api_view(["POST"])
def verify(request: Request) -> Response:
    """Walk the whole log; the first fault, if there is one, is named."""
    return Response(VerificationSerializer(services.verify_as(actor=actor(request))).data)
