"""Pipelines, for programs. What is governed is proposed under /api/v1/changes."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged, read
from apps.dataplane import definition as definitions
from apps.dataplane.errors import Refusal
from apps.dataplane.plan import ColumnPlan
from apps.runs import selectors as run_rows
from apps.runs import services as runs

from . import planning, selectors, services
from .forms import Filter


class PipelineSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    team = serializers.SlugField(source="team.slug")
    slug = serializers.SlugField()
    name = serializers.CharField()
    source_id = serializers.UUIDField(help_text="The connection that is read.")
    destination_id = serializers.UUIDField(help_text="The connection that is written.")
    active_version = serializers.IntegerField()
    paused_at = serializers.DateTimeField(allow_null=True)
    paused_reason = serializers.CharField()
    paused_by = serializers.CharField()
    next_due_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class PipelineDetailSerializer(PipelineSerializer):
    definition = serializers.JSONField(help_text="What the active version says.")


class PlannedColumnSerializer(serializers.Serializer):
    stream = serializers.CharField()
    column = serializers.CharField(help_text="Its name; schema.table.column where it is refused.")
    treatment = serializers.CharField(help_text="Empty where it is refused.")
    why = serializers.CharField()
    refusal = serializers.CharField(help_text="unclassified, no-rule, conflict, …; empty where it is planned.")
    remedy = serializers.CharField()


class ReasonSerializer(serializers.Serializer):
    reason = serializers.CharField(default="", allow_blank=True, help_text="Needed to pause; at most 300 characters.")


class StartedSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    state = serializers.CharField()


TEXT = OpenApiParameter("q", OpenApiTypes.STR, description="A part of the name.")
TEAM = OpenApiParameter("team", OpenApiTypes.STR)
STATE = OpenApiParameter("state", OpenApiTypes.STR, enum=[selectors.ACTIVE, selectors.PAUSED])


@extend_schema(tags=["pipelines"], parameters=[TEXT, TEAM, STATE, CURSOR], responses=cursor_page(PipelineSerializer))
@api_view(["GET"])
def pipelines(request: Request) -> Response:
    """The pipelines that you may see, newest first."""
    filters = Filter(request.query_params).filters()
    cursor = request.query_params.get("cursor", "")
    page = selectors.listed(actor(request), filters, last_state=run_rows.last_state(), cursor=cursor)
    return paged(page, PipelineSerializer)


@extend_schema(tags=["pipelines"], responses=PipelineDetailSerializer)
@api_view(["GET"])
def pipeline(request: Request, team: str, slug: str) -> Response:
    """One pipeline with its active definition."""
    found = selectors.pipeline_named(actor(request), team, slug)
    document = definitions.as_document(selectors.definition_of(found))
    return Response({**PipelineSerializer(found).data, "definition": document})


@extend_schema(tags=["pipelines"], responses=PlannedColumnSerializer(many=True))
@api_view(["GET"])
def plan(request: Request, team: str, slug: str) -> Response:
    """What happens to each column as last discovered, and why; or why it is refused."""
    found = selectors.pipeline_named(actor(request), team, slug)
    planned = planning.stored_plan(planning.wiring_of(found))
    return Response([_line(stream, column) for stream, columns in planned.items() for column in columns])


def _line(stream: str, column: ColumnPlan | Refusal) -> dict[str, str]:
    if isinstance(column, Refusal):
        refused = {"refusal": column.code, "remedy": column.remedy}
        return {"stream": stream, "column": column.subject, "treatment": "", "why": column.sentence, **refused}
    return {
        "stream": stream,
        "column": column.name,
        "treatment": str(column.treatment),
        "why": column.why.sentence,
        "refusal": "",
        "remedy": "",
    }


@extend_schema(tags=["pipelines"], parameters=[IDEMPOTENCY], request=None, responses={201: StartedSerializer})
@api_view(["POST"])
@idempotent
def start(request: Request, team: str, slug: str) -> Response:
    """Start a run of the active version."""
    who = actor(request)
    run = runs.start(actor=who, pipeline_id=selectors.pipeline_named(who, team, slug).id)
    return Response(StartedSerializer(run).data, status=201)


@extend_schema(tags=["pipelines"], parameters=[IDEMPOTENCY], request=ReasonSerializer, responses=PipelineSerializer)
@api_view(["POST"])
@idempotent
def pause(request: Request, team: str, slug: str) -> Response:
    """Let no run start any more, from now on, and say why."""
    who, reason = actor(request), read(request, ReasonSerializer)["reason"]
    found = selectors.pipeline_named(who, team, slug)
    return Response(PipelineSerializer(services.pause(actor=who, pipeline_id=found.id, reason=reason)).data)


@extend_schema(tags=["pipelines"], parameters=[IDEMPOTENCY], request=ReasonSerializer, responses=PipelineSerializer)
@api_view(["POST"])
@idempotent
def resume(request: Request, team: str, slug: str) -> Response:
    """Take up the approved schedule again."""
    who, reason = actor(request), read(request, ReasonSerializer)["reason"]
    found = selectors.pipeline_named(who, team, slug)
    return Response(PipelineSerializer(services.resume(actor=who, pipeline_id=found.id, reason=reason)).data)
