"""Search, for programs."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import actor

from .search import LONGEST, PER_KIND
from .search import search as found

TEXT = OpenApiParameter("q", OpenApiTypes.STR, description=f"A few words or a number; at most {LONGEST} characters.")


class HitSerializer(serializers.Serializer):
    title = serializers.CharField()
    sub = serializers.CharField(help_text="Where it belongs: team, table, number.")
    url = serializers.CharField(help_text="The address of its page.")


class GroupSerializer(serializers.Serializer):
    kind = serializers.CharField(
        help_text="run, change, incident, pipeline, connection, policy, dataset, column, person, page or action."
    )
    hits = HitSerializer(many=True, help_text=f"At most {PER_KIND} of a kind.")


class FoundSerializer(serializers.Serializer):
    groups = GroupSerializer(many=True)


@extend_schema(
    tags=["search"],
    parameters=[TEXT],
    responses=FoundSerializer,
    description="Everything that you may see and that fits, by kind: the beginnings of words of column names, parts "
    "of other names, numbers of runs, changes and incidents.",
)
@api_view(["GET"])
def search(request: Request) -> Response:
    groups = found(actor(request), request.query_params.get("q", ""))
    return Response(FoundSerializer({"groups": groups}).data)
