"""How Lockgate itself is, for programs."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import actor

from . import selectors


class ProcessSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="Its kind: web, extract, gate, publish, general, control.")
    host = serializers.CharField()
    pid = serializers.IntegerField()
    does = serializers.ListField(child=serializers.CharField())
    locked = serializers.BooleanField()
    started_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    memory_bytes = serializers.IntegerField()


class PartSerializer(serializers.Serializer):
    name = serializers.CharField()
    state = serializers.ChoiceField(["ACTIVE", "LOCKED", "SILENT", "ABSENT"])
    meaning = serializers.CharField(help_text="What does not happen while it is silent.")
    seen_at = serializers.DateTimeField(allow_null=True)
    processes = ProcessSerializer(many=True)


class QueueSerializer(serializers.Serializer):
    name = serializers.CharField()
    waiting = serializers.IntegerField()
    working = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)


class DiskSerializer(serializers.Serializer):
    free = serializers.IntegerField()
    total = serializers.IntegerField()
    percent = serializers.IntegerField()


class HealthSerializer(serializers.Serializer):
    well = serializers.BooleanField()
    parts = PartSerializer(many=True)
    queues = QueueSerializer(many=True)
    disk = DiskSerializer(allow_null=True)
    disk_limit = serializers.IntegerField(help_text="In percent: below it an incident opens.")
    mail_leaves = serializers.BooleanField()
    keys_copied_at = serializers.DateTimeField(allow_null=True)
    sequenced = serializers.IntegerField()
    pending = serializers.IntegerField()
    dead_letters = serializers.IntegerField()
    incidents = serializers.ListField(child=serializers.IntegerField(), help_text="Numbers.")


@extend_schema(tags=["system"], responses=HealthSerializer)
@api_view(["GET"])
def health(request: Request) -> Response:
    """Processes with their last sign of life, queues, disk, and what is missing."""
    found = selectors.health(actor(request))
    return Response({
        **HealthSerializer({**vars(found), "well": found.well, "incidents": []}).data,
        "incidents": [one.number for one in found.incidents],
    })  # fmt: skip
