"""Incidents, for programs."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.alerts import selectors as alerts
from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged, read

from . import selectors, services
from .forms import Filter


class PersonSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class IncidentSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    team = serializers.SlugField(
        source="team.slug", default=None, allow_null=True, help_text="null: it is about Lockgate itself."
    )
    title = serializers.CharField()
    sentence = serializers.CharField(help_text="What is wrong, how bad, and whether the old data is still served.")
    effect = serializers.CharField(help_text="What became of the data; empty where none is touched.")
    level = serializers.CharField(help_text="WARN or ERROR.")
    state = serializers.CharField(help_text="OPEN, ACKNOWLEDGED, SNOOZED or RESOLVED.")
    subject = serializers.CharField(help_text="What it is about: pipeline/<id>, or system/<name>.")
    problem = serializers.CharField(help_text="The same problem with the same subject is one incident.")
    times = serializers.IntegerField(help_text="How often it showed.")
    reopened = serializers.IntegerField(help_text="How often it came back after it was resolved.")
    last_ref = serializers.CharField(help_text="What showed it last: run/<id>.")
    last_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    opened_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is live this time.")
    assignee = PersonSerializer(allow_null=True)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution = serializers.CharField()
    resolution_kind = serializers.CharField(help_text="fixed, false_alarm, accepted, other, or gone by itself.")


class EntrySerializer(serializers.Serializer):
    at = serializers.DateTimeField(source="created_at")
    what = serializers.CharField(
        help_text="opened, again, worse, returned, acknowledged, assigned, snoozed, woke, commented, resolved, gone, …"
    )
    who = serializers.CharField()
    sentence = serializers.CharField()


class AlertSerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    event = serializers.CharField(help_text="incident.opened, incident.reopened, …")
    to = serializers.CharField(help_text="A person's name, or a channel's.")
    channel = serializers.CharField(help_text="mail or webhook.")
    state = serializers.CharField(help_text="WAITING, SENT, DEAD or DROPPED.")
    transport = serializers.CharField(help_text="smtp, outbox or webhook; empty until it left.")
    attempts = serializers.IntegerField()
    last_error = serializers.CharField()


class IncidentDetailSerializer(IncidentSerializer):
    timeline = EntrySerializer(many=True)
    alerts = AlertSerializer(many=True)


class ResolutionSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(list(services.REASONS))
    resolution = serializers.CharField(max_length=300)


class AssignmentSerializer(serializers.Serializer):
    person = serializers.UUIDField(allow_null=True, help_text="null: nobody.")


class SnoozeSerializer(serializers.Serializer):
    until = serializers.DateTimeField(help_text="Within the next 30 days.")


class ReopeningSerializer(serializers.Serializer):
    comment = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class SaidSerializer(serializers.Serializer):
    text = serializers.CharField(max_length=2000)


class ManySerializer(serializers.Serializer):
    numbers = serializers.ListField(child=serializers.IntegerField(min_value=1), max_length=services.MOST_AT_ONCE)
    act = serializers.ChoiceField(["acknowledge", "assign"])
    person = serializers.UUIDField(required=False, allow_null=True, default=None)


class ManyDoneSerializer(serializers.Serializer):
    done = serializers.IntegerField()
    moved_on = serializers.IntegerField(help_text="How many somebody else had acted on in between.")


def _text(name: str, description: str, enum: list[str] | None = None) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, enum=enum, description=description)


FILTERS = [
    _text("show", "Default: open, without snoozed ones.", list(selectors.SHOWN)),
    _text("state", "One state, or ALL.", ["OPEN", "ACKNOWLEDGED", "SNOOZED", "RESOLVED", "ALL"]),
    _text("level", "", ["WARN", "ERROR"]),
    _text("team", "A team's short name."),
    _text("assignee", "A person's id, me or nobody."),
    _text("subject", "What it is about: pipeline/<id>, or the kind alone."),
    _text("seen", "When it showed last.", list(selectors.SEEN)),
    _text("q", "A number, or a part of the title."),
    _text("sort", "number, seen, level, times or title; a minus before it for falling order."),
    CURSOR,
]


@extend_schema(tags=["incidents"], parameters=FILTERS, responses=cursor_page(IncidentSerializer))
@api_view(["GET"])
def incidents(request: Request) -> Response:
    """The incidents that you may see, newest first unless sorted."""
    filters = Filter(request.query_params).filters()
    page = selectors.listed(actor(request), filters, cursor=request.query_params.get("cursor", ""))
    return paged(page, IncidentSerializer)


@extend_schema(tags=["incidents"], responses=IncidentDetailSerializer)
@api_view(["GET"])
def incident(request: Request, number: int) -> Response:
    """One incident with its timeline and the alerts that it sent."""
    found = selectors.incident(actor(request), number)
    return Response({
        **IncidentSerializer(found).data,
        "timeline": EntrySerializer(selectors.timeline(found), many=True).data,
        "alerts": AlertSerializer(alerts.about(f"incident/{found.id}"), many=True).data,
    })  # fmt: skip


@extend_schema(tags=["incidents"], parameters=[IDEMPOTENCY], request=None, responses=IncidentSerializer)
@api_view(["POST"])
@idempotent
def acknowledge(request: Request, number: int) -> Response:
    """Say that you look after it."""
    who = actor(request)
    services.acknowledge(actor=who, incident_id=selectors.incident(who, number).id)
    return _now(request, number)


@extend_schema(tags=["incidents"], parameters=[IDEMPOTENCY], request=AssignmentSerializer, responses=IncidentSerializer)
@api_view(["POST"])
@idempotent
def assign(request: Request, number: int) -> Response:
    """Give it to a person of its team, or to nobody."""
    who, given = actor(request), read(request, AssignmentSerializer)
    services.assign(actor=who, incident_id=selectors.incident(who, number).id, person_id=given["person"])
    return _now(request, number)


@extend_schema(tags=["incidents"], parameters=[IDEMPOTENCY], request=SnoozeSerializer, responses=IncidentSerializer)
@api_view(["POST"])
@idempotent
def snooze(request: Request, number: int) -> Response:
    """Let it rest until a moment; it comes back by itself."""
    who, given = actor(request), read(request, SnoozeSerializer)
    services.snooze(actor=who, incident_id=selectors.incident(who, number).id, until=given["until"])
    return _now(request, number)


@extend_schema(tags=["incidents"], parameters=[IDEMPOTENCY], request=ResolutionSerializer, responses=IncidentSerializer)
@api_view(["POST"])
@idempotent
def resolve(request: Request, number: int) -> Response:
    """Close it with a reason."""
    who, given = actor(request), read(request, ResolutionSerializer)
    found = selectors.incident(who, number)
    services.resolve(actor=who, incident_id=found.id, resolution=given["resolution"], kind=given["kind"])
    return _now(request, number)


@extend_schema(tags=["incidents"], parameters=[IDEMPOTENCY], request=ReopeningSerializer, responses=IncidentSerializer)
@api_view(["POST"])
@idempotent
def reopen(request: Request, number: int) -> Response:
    """Open a resolved one again."""
    who, given = actor(request), read(request, ReopeningSerializer)
    services.reopen(actor=who, incident_id=selectors.incident(who, number).id, comment=given["comment"])
    return _now(request, number)


@extend_schema(tags=["incidents"], parameters=[IDEMPOTENCY], request=SaidSerializer, responses={201: EntrySerializer})
@api_view(["POST"])
@idempotent
def comment(request: Request, number: int) -> Response:
    """Say something in its timeline."""
    who, given = actor(request), read(request, SaidSerializer)
    found = selectors.incident(who, number)
    entry = services.comment(actor=who, incident_id=found.id, text=given["text"])
    entry.refresh_from_db()
    return Response(EntrySerializer(entry).data, status=201)


@extend_schema(tags=["incidents"], parameters=[IDEMPOTENCY], request=ManySerializer, responses=ManyDoneSerializer)
@api_view(["POST"])
@idempotent
def many(request: Request) -> Response:
    """Acknowledge or assign up to 100 at once; those that moved on in between are counted and left."""
    who = actor(request)
    selectors.require_any(who)
    given = read(request, ManySerializer)
    done, left = services.act_on_many(actor=who, numbers=given["numbers"], act=given["act"], person_id=given["person"])
    return Response({"done": done, "moved_on": left})


def _now(request: Request, number: int) -> Response:
    return Response(IncidentSerializer(selectors.incident(actor(request), number)).data)
