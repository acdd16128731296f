"""Datasets with their columns, profiles and pipelines, for programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import access
from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged
from apps.dataplane.errors import NotFound
from apps.dataplane.plan import TableRef
from apps.pipelines import taking
from apps.policies import selectors as policies
from apps.sources import profiling, selectors

from .connections import StartedSerializer


class DatasetSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="dataset.id")
    connection = serializers.UUIDField(source="dataset.connection_id")
    schema = serializers.CharField(source="dataset.schema")
    table = serializers.CharField(source="dataset.table")
    estimated_rows = serializers.IntegerField(source="dataset.estimated_rows")
    seen_at = serializers.DateTimeField(source="dataset.seen_at")
    gone_at = serializers.DateTimeField(source="dataset.gone_at", allow_null=True)
    columns = serializers.IntegerField()
    unclassified = serializers.IntegerField()
    sensitive = serializers.IntegerField()


class AnswerSerializer(serializers.Serializer):
    zone = serializers.CharField()
    state = serializers.CharField(help_text="The treatment's kind, or `refused`.")
    phrase = serializers.CharField()
    sentence = serializers.CharField(help_text="Why.")
    remedy = serializers.CharField()
    policy = serializers.CharField()
    version = serializers.IntegerField()
    rule = serializers.CharField()


class SuggestionSerializer(serializers.Serializer):
    tag = serializers.CharField()
    confidence = serializers.IntegerField()
    reason = serializers.CharField()
    detector = serializers.CharField()


class ColumnSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    type = serializers.CharField()
    gone_at = serializers.DateTimeField(allow_null=True)
    tags = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="null: unclassified; empty: not sensitive."
    )
    suggestion = SuggestionSerializer(allow_null=True)
    zones = AnswerSerializer(many=True)


class WaySerializer(serializers.Serializer):
    pipeline = serializers.CharField(help_text="Team and short name.")
    stream = serializers.CharField()
    reads = serializers.BooleanField(help_text="Whether it reads the dataset; else it writes it.")
    other = serializers.CharField(help_text="The table at its other end.")
    paused = serializers.BooleanField()


class DatasetPageSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    connection = serializers.UUIDField()
    schema = serializers.CharField()
    table = serializers.CharField()
    columns = ColumnSerializer(many=True)
    pipelines = WaySerializer(many=True)


class ProfileColumnSerializer(serializers.Serializer):
    name = serializers.CharField()
    type = serializers.CharField()
    sensitive = serializers.BooleanField(help_text="Then it has shapes and counts alone.")
    nulls = serializers.IntegerField()
    distinct = serializers.IntegerField()
    min_length = serializers.IntegerField(allow_null=True)
    max_length = serializers.IntegerField(allow_null=True)
    minimum = serializers.CharField(allow_null=True)
    maximum = serializers.CharField(allow_null=True)
    patterns = serializers.ListField(child=serializers.ListField(), help_text="[shape, count], the commonest first.")
    histogram = serializers.ListField(child=serializers.IntegerField(), help_text="Equal steps, minimum to maximum.")


class ProfileSerializer(serializers.Serializer):
    rows = serializers.IntegerField(help_text="The rows that were looked at.")
    sampled = serializers.BooleanField(help_text="Whether there are more.")
    at = serializers.DateTimeField()
    columns = ProfileColumnSerializer(many=True)


FILTERS = [
    OpenApiParameter("q", OpenApiTypes.STR, description="A part of the schema's or table's name."),
    OpenApiParameter("connection", OpenApiTypes.UUID, description="Only this connection's."),
    OpenApiParameter("state", OpenApiTypes.STR, enum=["unclassified", "suggested", "gone"]),
]


@extend_schema(tags=["sources"], parameters=[*FILTERS, CURSOR], responses=cursor_page(DatasetSerializer))
@api_view(["GET"])
def datasets(request: Request) -> Response:
    """Datasets, newest first."""
    access.require(actor(request), "dataset.view")
    query = request.query_params
    page = selectors.datasets(
        actor(request),
        q=query.get("q", ""),
        connection_id=query.get("connection", ""),
        state=query.get("state", ""),
        cursor=query.get("cursor", ""),
    )
    return paged(page, DatasetSerializer)


@extend_schema(tags=["sources"], responses=DatasetPageSerializer)
@api_view(["GET"])
def dataset(request: Request, dataset_id: UUID) -> Response:
    """A dataset with its columns: what each is, what it seems to be, and what happens to it in each zone."""
    row = selectors.dataset(actor(request), dataset_id)
    texts = policies.active(row.connection.team_id)
    columns = [_column(card, texts) for card in selectors.column_cards(row)]
    found = {"id": row.id, "connection": row.connection_id, "schema": row.schema, "table": row.table}
    found["pipelines"] = _ways(request, row)
    return Response(DatasetPageSerializer({**found, "columns": columns}).data)


def _column(card: selectors.ColumnCard, texts: Any) -> dict[str, Any]:
    column = card.column
    suggestion = {
        "tag": column.suggested_tag or "none",
        "confidence": column.suggested_confidence,
        "reason": column.suggested_reason,
        "detector": column.suggested_by,
    }
    return {
        "id": column.id,
        "name": column.name,
        "type": column.type,
        "gone_at": column.gone_at,
        "tags": card.tags,
        "suggestion": suggestion if column.suggested_by else None,
        "zones": policies.answers(selectors.fact_of(column, card.tags), texts),
    }


def _ways(request: Request, row: Any) -> list[dict[str, Any]]:
    here = (row.connection_id, TableRef(row.schema, row.table))
    found = []
    for way in taking.ways(actor(request), [row.connection_id]):
        reads, writes = here == (way.source_id, way.source), here == (way.destination_id, way.destination)
        if reads or writes:
            other = way.destination if reads else way.source
            named = {"pipeline": f"{way.team}/{way.slug}", "stream": way.stream, "paused": way.paused}
            found.append({**named, "reads": reads, "other": str(other)})
    return found


@extend_schema(methods=["GET"], tags=["sources"], responses=ProfileSerializer)
@extend_schema(
    methods=["POST"], tags=["sources"], parameters=[IDEMPOTENCY], request=None, responses={202: StartedSerializer}
)
@api_view(["GET", "POST"])
def profile(request: Request, dataset_id: UUID) -> Response:
    """The newest profile of a dataset. POST has its rows counted again."""
    return _profile_again(request, dataset_id) if request.method == "POST" else _profile(request, dataset_id)


def _profile(request: Request, dataset_id: UUID) -> Response:
    row = selectors.dataset(actor(request), dataset_id)
    found = selectors.profile_of(row.id)
    if found is None:
        raise NotFound("This dataset has no profile yet.", remedy="Ask for one with POST.")
    return Response(ProfileSerializer(found.body).data)


@idempotent
def _profile_again(request: Request, dataset_id: UUID) -> Response:
    row = profiling.request_profile(actor=actor(request), dataset_id=dataset_id)
    return Response({"id": str(row.id)}, status=202)
