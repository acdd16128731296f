"""Answers of the API to what went wrong: problem documents after RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apps.core.api import status_of
from apps.dataplane.errors import LockgateError, PlanRefused

from .denials import record_denial

CONTENT_TYPE = "application/problem+json"
CODES = {400: "invalid", 401: "not-signed-in", 403: "denied", 404: "not-found", 405: "wrong-verb", 415: "invalid"}


def handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """REST framework's exception handler. None for a bug, which goes on as an exception."""
    request: HttpRequest = context["request"]._request
    set_rollback()
    if isinstance(error, LockgateError):
        record_denial(request, error)
        return _response(document(request, error), status_of(error))
    if isinstance(error, Http404):
        return _response(_plain(request, 404, _("There is nothing at this address.")), 404)
    if isinstance(error, PermissionDenied):
        return _response(_plain(request, 403, _("You may not do this.")), 403)
    if isinstance(error, APIException):
        return _response(_plain(request, error.status_code, _first(error.detail)), error.status_code, _headers(error))
    return None


def document(request: HttpRequest, error: LockgateError) -> dict[str, Any]:
    """The problem document of an expected failure."""
    told = _plain(request, status_of(error), error.sentence, code=error.code)
    extra = {"remedy": error.remedy, "field": error.field, "step": getattr(error, "step", "")}
    told |= {name: value for name, value in extra.items() if value}
    if isinstance(error, PlanRefused):
        told["refusals"] = [vars(refusal) for refusal in error.refusals]
    return told


def answer(request: HttpRequest, error: LockgateError) -> JsonResponse:
    """The same as Django's answer, for views that are not REST framework's."""
    status = status_of(error)
    return JsonResponse(document(request, error), status=status, content_type=CONTENT_TYPE)


def not_found(request: HttpRequest) -> JsonResponse:
    """Nothing at this address beneath /api."""
    told = _plain(request, 404, _("There is nothing at this address."))
    return JsonResponse(told, status=404, content_type=CONTENT_TYPE)


def away(request: HttpRequest) -> JsonResponse:
    """The database does not answer."""
    sentence = _("Lockgate cannot reach its database. Nothing was changed; try again in a moment.")
    told = _plain(request, 503, sentence, code="away")
    return JsonResponse(told, status=503, content_type=CONTENT_TYPE)


def bug(request: HttpRequest) -> JsonResponse:
    """Something failed that should not."""
    told = _plain(request, 500, _("Lockgate failed in a way that it should not; its log has the place."), code="bug")
    return JsonResponse(told, status=500, content_type=CONTENT_TYPE)


def _plain(request: HttpRequest, status: int, sentence: str, code: str = "") -> dict[str, Any]:
    code = code or CODES.get(status, "error")
    return {
        "type": f"urn:lockgate:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": sentence,
        "request": getattr(request, "id", ""),
    }


def _first(detail: Any) -> str:
    while isinstance(detail, (dict, list)):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail), "")
    return str(detail)


def _headers(error: APIException) -> dict[str, str]:
    challenge = getattr(error, "auth_header", "")
    return {"WWW-Authenticate": challenge} if challenge else {}


def _response(told: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(told, status=status, headers=headers, content_type=CONTENT_TYPE)
