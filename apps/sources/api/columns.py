"""Columns over many datasets, for programs: filtered pages, decisions in batches, sheets, and the cover of policies."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import access
from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, read
from apps.dataplane.policy import ZONES
from apps.policies import selectors as policies
from apps.sources import column_batches, column_sheets, columns, coverage, selectors
from apps.sources.columns import Filters
from apps.sources.views.proposing import propose_all

from .datasets import SuggestionSerializer

MOST_COVERED = 2_000


class ListedColumnSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="column.id")
    dataset = serializers.UUIDField(source="column.dataset_id")
    connection = serializers.UUIDField(source="column.dataset.connection_id")
    schema = serializers.CharField(source="column.dataset.schema")
    table = serializers.CharField(source="column.dataset.table")
    name = serializers.CharField(source="column.name")
    type = serializers.CharField(source="column.type")
    tags = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="null: unclassified; empty: not sensitive."
    )
    suggestion = serializers.SerializerMethodField()

    @extend_schema_field(SuggestionSerializer(allow_null=True))
    def get_suggestion(self, card: Any) -> dict[str, Any] | None:
        column = card.column
        if not column.suggested_by:
            return None
        said = {"tag": column.suggested_tag or "none", "confidence": column.suggested_confidence}
        return {**said, "reason": column.suggested_reason, "detector": column.suggested_by}


class FiltersSerializer(serializers.Serializer):
    q = serializers.CharField(required=False, default="", allow_blank=True)
    connection = serializers.CharField(required=False, default="", allow_blank=True)
    dataset = serializers.CharField(required=False, default="", allow_blank=True)
    tag = serializers.CharField(required=False, default="", allow_blank=True)
    state = serializers.CharField(required=False, default="", allow_blank=True)
    confidence = serializers.CharField(required=False, default="", allow_blank=True)
    type = serializers.CharField(required=False, default="", allow_blank=True)


class DecisionSerializer(serializers.Serializer):
    columns = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_null=True, default=None, max_length=columns.MOST_AT_ONCE
    )
    filters = FiltersSerializer(required=False, allow_null=True, default=None, help_text="Instead of single columns.")
    matching = serializers.IntegerField(
        required=False, default=-1, help_text="With filters: how many columns you saw; another number is a conflict."
    )
    act = serializers.ChoiceField(list(column_batches.ACTS))
    tag = serializers.CharField(required=False, default="", allow_blank=True, help_text="For the act `tag`.")
    confidence = serializers.IntegerField(required=False, default=80, help_text="For the act `accept`.")
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class ChangesSerializer(serializers.Serializer):
    changes = serializers.ListField(
        child=serializers.IntegerField(), help_text="The numbers of the changes that wait for review."
    )
    columns = serializers.IntegerField()


class SheetSerializer(serializers.Serializer):
    sheet = serializers.CharField(help_text="The CSV text.", trim_whitespace=False)
    propose = serializers.BooleanField(required=False, default=False, help_text="Else only the difference is told.")
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class ProblemSerializer(serializers.Serializer):
    line = serializers.IntegerField()
    sentence = serializers.CharField()
    remedy = serializers.CharField()


class SheetDifferenceSerializer(serializers.Serializer):
    column = serializers.CharField(source="name")
    before = serializers.ListField(child=serializers.CharField(), allow_null=True, source="card.tags")
    after = serializers.ListField(child=serializers.CharField(), allow_null=True, source="tags")


class SheetAnswerSerializer(serializers.Serializer):
    problems = ProblemSerializer(many=True)
    differences = SheetDifferenceSerializer(many=True)
    changes = serializers.ListField(child=serializers.IntegerField())


class GapSerializer(serializers.Serializer):
    tag = serializers.CharField()
    code = serializers.CharField()
    sentence = serializers.CharField()
    count = serializers.IntegerField()
    names = serializers.ListField(child=serializers.CharField())


class CoverageSerializer(serializers.Serializer):
    zone = serializers.CharField()
    treated = serializers.IntegerField()
    readable = serializers.IntegerField(help_text="Sensitive and passed on by a rule.")
    harmless = serializers.IntegerField()
    refused = serializers.IntegerField()
    gaps = GapSerializer(many=True)


QUERY = [
    OpenApiParameter("q", OpenApiTypes.STR, description="A part of the column's, table's or schema's name."),
    OpenApiParameter("connection", OpenApiTypes.UUID),
    OpenApiParameter("dataset", OpenApiTypes.UUID),
    OpenApiParameter("tag", OpenApiTypes.STR, description="A tag or the subtree above it, decided or suggested."),
    OpenApiParameter("state", OpenApiTypes.STR, enum=list(columns.STATES)),
    OpenApiParameter("confidence", OpenApiTypes.INT, description="Suggested with at least so many percent."),
    OpenApiParameter("type", OpenApiTypes.STR),
    OpenApiParameter("sort", OpenApiTypes.STR, description="place, name, type or confidence; - before it turns it."),
]


@extend_schema(tags=["sources"], parameters=[*QUERY, CURSOR], responses=cursor_page(ListedColumnSerializer))
@api_view(["GET"])
def listed(request: Request) -> Response:
    """Columns over all datasets, a page at a time."""
    access.require(actor(request), "dataset.view")
    query = request.query_params
    page = columns.paged(actor(request), Filters.read(query.dict()), cursor=query.get("cursor", ""))
    rows = ListedColumnSerializer(page.rows, many=True).data
    return Response({"rows": rows, "older": page.older, "newer": page.newer})


@extend_schema(
    tags=["sources"], parameters=[IDEMPOTENCY], request=DecisionSerializer, responses={201: ChangesSerializer}
)
@api_view(["POST"])
@idempotent
def classify(request: Request) -> Response:
    """Decide what many columns are: one change for each connection waits for review."""
    who = actor(request)
    access.require(who, "classification.propose")
    body = read(request, DecisionSerializer)
    choice = column_batches.Choice.of(body["act"], body["tag"], str(body["confidence"]))
    batches = column_batches.batches(column_batches.decided(_cards(request, body), choice))
    return _proposed(who, batches, body["reason"])


def _cards(request: Request, body: dict[str, Any]) -> Any:
    who = actor(request)
    if body["filters"] is None:
        return columns.chosen(who, body["columns"] or ())
    filters = Filters.read(body["filters"])
    matching = columns.count(who, filters)
    column_batches.require_as_seen(str(body["matching"]), matching)
    if matching > columns.MOST_AT_ONCE:
        raise column_batches.too_many()
    return columns.all_matching(who, filters, most=columns.MOST_AT_ONCE)


def _proposed(who: Any, batches: Any, reason: str) -> Response:
    changes = propose_all(who, batches, reason)
    count = sum(len(one.decisions) for one in batches)
    return Response({"changes": [one.number for one in changes], "columns": count}, status=201)


@extend_schema(methods=["GET"], tags=["sources"], parameters=QUERY, responses={(200, "text/csv"): OpenApiTypes.STR})
@extend_schema(
    methods=["POST"],
    tags=["sources"],
    parameters=[IDEMPOTENCY],
    request=SheetSerializer,
    responses=SheetAnswerSerializer,
)
@api_view(["GET", "POST"])
def sheet(request: Request) -> Response | HttpResponse:
    """The columns that fit, as CSV. POST takes such a sheet: which lines are wrong, and what it would change."""
    access.require(actor(request), "dataset.view")
    if request.method == "POST":
        return _sheet(request)
    filters = Filters.read(request.query_params.dict())
    cards = columns.all_matching(actor(request), filters, most=columns.MOST_IN_A_SHEET)
    return HttpResponse(column_sheets.written(cards), content_type="text/csv; charset=utf-8")


@idempotent
def _sheet(request: Request) -> Response:
    who = actor(request)
    access.require(who, "classification.propose")
    body = read(request, SheetSerializer)
    taken = column_sheets.read(body["sheet"].encode("utf-8", "replace"))
    decisions, problems = column_sheets.compared(taken, columns.named(who, taken.lines))
    changes: list[Any] = []
    if body["propose"] and decisions and not problems:
        changes = propose_all(who, column_batches.batches(decisions), body["reason"])
    found = {"problems": problems, "differences": decisions, "changes": [one.number for one in changes]}
    return Response(SheetAnswerSerializer(found).data, status=201 if changes else 200)


@extend_schema(
    tags=["sources"],
    parameters=[OpenApiParameter("confidence", OpenApiTypes.INT, description="As if such suggestions were approved.")],
    responses=CoverageSerializer(many=True),
)
@api_view(["GET"])
def covered(request: Request, connection_id: UUID) -> Response:
    """By zone, what the active policies make of a connection's first 2,000 columns."""
    row = selectors.connection(actor(request), connection_id)
    here = Filters(connection=str(row.id))
    cards = columns.all_matching(actor(request), here, most=MOST_COVERED)
    sure = request.query_params.get("confidence", "")
    chosen = {}
    if sure:
        choice = column_batches.Choice.of("accept", "", sure)
        chosen = {card.column.id: tags for card in cards if (tags := choice.tags_for(card)) is not None}
    facts = coverage.as_if(cards, chosen, selectors.fact_of)
    ask = partial(_ask, policies.active(row.team_id))
    return Response(CoverageSerializer(coverage.coverage(facts, ZONES, ask), many=True).data)


def _ask(texts: Any, fact: Any, zone: str) -> Any:
    return policies.answer(fact, zone=zone, texts=texts)
