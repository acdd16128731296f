"""The access review and the exceptions, for programs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import PersonSerializer
from apps.changes import pairs as pairing
from apps.core import access as permission
from apps.core.api import CURSOR, actor, cursor_page, paged
from apps.dataplane.errors import Invalid
from apps.runs import passing as passing_columns

from . import oversight
from .oversight_forms import Review

FILTERS = [
    OpenApiParameter("q", OpenApiTypes.STR, description="Part of a name or an address."),
    OpenApiParameter("role", OpenApiTypes.STR),
    OpenApiParameter("days", OpenApiTypes.INT, description="After how many days an account is dormant; 90."),
    OpenApiParameter("dormant", OpenApiTypes.STR, enum=["yes"]),
]


class AccessSerializer(serializers.Serializer[Any]):
    person = PersonSerializer(source="reviewed.person")
    is_service = serializers.BooleanField(source="reviewed.is_service")
    tokens = serializers.IntegerField(source="reviewed.tokens", help_text="Live ones.")
    token_used = serializers.DateTimeField(source="reviewed.token_used", allow_null=True)
    dormant = serializers.BooleanField(source="reviewed.dormant")
    last_act = serializers.DateTimeField(allow_null=True, help_text="The last act of theirs that is on record.")


class PairSerializer(serializers.Serializer[Any]):
    author_id = serializers.UUIDField()
    author = serializers.CharField()
    approver_id = serializers.UUIDField()
    approver = serializers.CharField()
    count = serializers.IntegerField()
    of_author = serializers.IntegerField(help_text="Approvals that the author got in all.")
    last = serializers.DateTimeField()


class PassingSerializer(serializers.Serializer[Any]):
    pipeline = serializers.CharField(source="pipeline_slug")
    team = serializers.CharField(source="team_slug")
    zone = serializers.CharField()
    column = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    policy = serializers.CharField()
    policy_version = serializers.IntegerField()
    rule = serializers.CharField()
    run = serializers.IntegerField(help_text="The newest planned run, whose plan says so.")
    at = serializers.DateTimeField()


class AloneSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    title = serializers.CharField()
    kind = serializers.CharField()
    risk = serializers.CharField()
    author = serializers.CharField()
    approver = serializers.CharField()
    founding = serializers.BooleanField()
    applied_at = serializers.DateTimeField(allow_null=True)


class GrantSerializer(serializers.Serializer[Any]):
    person = serializers.CharField()
    role = serializers.CharField()
    where = serializers.CharField()
    since = serializers.DateTimeField()
    by = serializers.CharField()


def _cursor(request: Request) -> str:
    return request.query_params.get("cursor", "")


@extend_schema(tags=["console"], parameters=[*FILTERS, CURSOR], responses=cursor_page(AccessSerializer))
@api_view(["GET"])
def access(request: Request) -> Response:
    """Everybody who can get in, their roles, when they last came, and whether that was long ago."""
    who = actor(request)
    permission.require(who, "people.view")
    form = Review(request.query_params)
    if not form.is_valid():
        field, reasons = next(iter(form.errors.items()))
        raise Invalid(str(reasons[0]), field=field)
    return paged(oversight.access_page(who, form.wanted(), cursor=_cursor(request)), AccessSerializer)


@extend_schema(tags=["console"], responses=PairSerializer(many=True))
@api_view(["GET"])
def pairs(request: Request) -> Response:
    """Who approved whose changes how often in the last year."""
    return Response(PairSerializer(pairing.pairs(actor(request)), many=True).data)


@extend_schema(tags=["console"], parameters=[CURSOR], responses=cursor_page(PassingSerializer))
@api_view(["GET"])
def passing(request: Request) -> Response:
    """Sensitive columns that pass unchanged; a page is one of pipelines."""
    return paged(passing_columns.passing(actor(request), cursor=_cursor(request)), PassingSerializer)


@extend_schema(tags=["console"], parameters=[CURSOR], responses=cursor_page(AloneSerializer))
@api_view(["GET"])
def alone(request: Request) -> Response:
    """Applied changes that one signature sufficed for."""
    return paged(pairing.alone(actor(request), cursor=_cursor(request)), AloneSerializer)


@extend_schema(tags=["console"], responses=GrantSerializer(many=True))
@api_view(["GET"])
def grants(request: Request) -> Response:
    """Roles that let somebody approve, or give out roles."""
    rows = [dict(zip(oversight.GRANT_COLUMNS, row, strict=True)) for row in oversight.grant_rows(actor(request))]
    return Response(GrantSerializer(rows, many=True).data)
