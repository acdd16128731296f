"""Incidents, for programs."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged, read

from . import selectors, services
from .forms import Filter


class IncidentSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    team = serializers.SlugField(source="team.slug")
    title = serializers.CharField()
    sentence = serializers.CharField(help_text="What is wrong, how bad, and whether the old data is still served.")
    level = serializers.CharField(help_text="WARN or ERROR.")
    state = serializers.CharField(help_text="OPEN, ACKNOWLEDGED or RESOLVED.")
    subject = serializers.CharField(help_text="What it is about: pipeline/<id>.")
    problem = serializers.CharField(help_text="The same problem with the same subject is one incident.")
    times = serializers.IntegerField(help_text="How often it showed.")
    last_ref = serializers.CharField(help_text="What showed it last: run/<id>.")
    last_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution = serializers.CharField()


class EntrySerializer(serializers.Serializer):
    at = serializers.DateTimeField(source="created_at")
    what = serializers.CharField(help_text="opened, again, acknowledged or resolved.")
    who = serializers.CharField()
    sentence = serializers.CharField()


class IncidentDetailSerializer(IncidentSerializer):
    timeline = EntrySerializer(many=True)


class ResolutionSerializer(serializers.Serializer):
    resolution = serializers.CharField(max_length=300)


STATE = OpenApiParameter(
    "state", OpenApiTypes.STR, enum=["OPEN", "ACKNOWLEDGED", "RESOLVED", "ALL"], description="Default: not resolved."
)
LEVEL = OpenApiParameter("level", OpenApiTypes.STR, enum=["WARN", "ERROR"])
TEXT = OpenApiParameter("q", OpenApiTypes.STR, description="A number, or a part of the title.")


@extend_schema(tags=["incidents"], parameters=[STATE, LEVEL, TEXT, CURSOR], responses=cursor_page(IncidentSerializer))
@api_view(["GET"])
def incidents(request: Request) -> Response:
    """The incidents that you may see, newest first."""
    filters = Filter(request.query_params).filters()
    page = selectors.listed(actor(request), filters, cursor=request.query_params.get("cursor", ""))
    return paged(page, IncidentSerializer)


@extend_schema(tags=["incidents"], responses=IncidentDetailSerializer)
@api_view(["GET"])
def incident(request: Request, number: int) -> Response:
    """One incident with its timeline."""
    found = selectors.incident(actor(request), number)
    timeline = EntrySerializer(selectors.timeline(found), many=True).data
    return Response({**IncidentSerializer(found).data, "timeline": timeline})


@extend_schema(tags=["incidents"], parameters=[IDEMPOTENCY], request=None, responses=IncidentSerializer)
@api_view(["POST"])
@idempotent
def acknowledge(request: Request, number: int) -> Response:
    """Say that you look after it."""
    who = actor(request)
    found = services.acknowledge(actor=who, incident_id=selectors.incident(who, number).id)
    return Response(IncidentSerializer(found).data)


@extend_schema(tags=["incidents"], parameters=[IDEMPOTENCY], request=ResolutionSerializer, responses=IncidentSerializer)
@api_view(["POST"])
@idempotent
def resolve(request: Request, number: int) -> Response:
    """Close it with a reason."""
    who, given = actor(request), read(request, ResolutionSerializer)
    found = selectors.incident(who, number)
    resolved = services.resolve(actor=who, incident_id=found.id, resolution=given["resolution"])
    return Response(IncidentSerializer(resolved).data)
