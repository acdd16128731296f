"""Differences that discovery found, for programs."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import access
from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged, read
from apps.sources import drifted, drifting
from apps.sources.drifted import Filters


class DifferenceSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    since = serializers.DateTimeField(source="created_at")
    connection = serializers.UUIDField(source="connection_id")
    dataset = serializers.UUIDField(source="dataset_id")
    schema = serializers.CharField(source="dataset.schema")
    table = serializers.CharField(source="dataset.table")
    column = serializers.CharField(help_text="Empty: the whole dataset.")
    what = serializers.ChoiceField(list(drifted.WHATS))
    before = serializers.CharField()
    after = serializers.CharField()
    unclassified = serializers.BooleanField(help_text="Pipelines refuse it until somebody says what it is.")
    settled_at = serializers.DateTimeField(allow_null=True)
    settled_by = serializers.CharField()
    settled_how = serializers.CharField(help_text="CLASSIFIED, SEEN or REVERTED; empty while it is open.")


class SettleSerializer(serializers.Serializer):
    differences = serializers.ListField(child=serializers.UUIDField(), max_length=drifting.MOST_AT_ONCE)


class SettledSerializer(serializers.Serializer):
    settled = serializers.IntegerField()


QUERY = [
    OpenApiParameter("q", OpenApiTypes.STR),
    OpenApiParameter("connection", OpenApiTypes.UUID),
    OpenApiParameter("dataset", OpenApiTypes.UUID),
    OpenApiParameter("what", OpenApiTypes.STR, enum=list(drifted.WHATS)),
    OpenApiParameter("state", OpenApiTypes.STR, enum=[drifted.OPEN, drifted.SETTLED]),
]


@extend_schema(tags=["sources"], parameters=[*QUERY, CURSOR], responses=cursor_page(DifferenceSerializer))
@api_view(["GET"])
def listed(request: Request) -> Response:
    """What differs from what was last settled, newest first."""
    access.require(actor(request), "dataset.view")
    query = request.query_params
    page = drifted.paged(actor(request), Filters.read(query.dict()), cursor=query.get("cursor", ""))
    return paged(page, DifferenceSerializer)


@extend_schema(tags=["sources"], parameters=[IDEMPOTENCY], request=SettleSerializer, responses=SettledSerializer)
@api_view(["POST"])
@idempotent
def settle(request: Request) -> Response:
    """Say that differences were seen; what is unclassified stays refused all the same."""
    access.require(actor(request), "drift.settle")
    body = read(request, SettleSerializer)
    count = drifting.settle(actor=actor(request), difference_ids=body["differences"])
    return Response({"settled": count})
