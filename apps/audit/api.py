"""The audit log, for auditors' programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import access
from apps.core.api import CURSOR, IDEMPOTENCY, actor, idempotent, read
from apps.dataplane.errors import Invalid

from . import exporting, outcomes, proving, selectors, services, walking
from .forms import Search
from .searching import PERIODS
from .views import file_answer, named

FILTERS = [
    OpenApiParameter("q", OpenApiTypes.STR, description="Words of the sentence, the name or the subject."),
    OpenApiParameter("action", OpenApiTypes.STR, description="An action, or all that begin with `change.`"),
    OpenApiParameter("actor", OpenApiTypes.STR, description="An id, or part of a name."),
    OpenApiParameter("subject", OpenApiTypes.STR, description="A subject, or all that begin with `run/`"),
    OpenApiParameter("team", OpenApiTypes.UUID),
    OpenApiParameter("outcome", OpenApiTypes.STR, enum=outcomes.OUTCOMES),
    OpenApiParameter("period", OpenApiTypes.STR, enum=list(PERIODS), description="Back from now."),
    OpenApiParameter("since", OpenApiTypes.DATE),
    OpenApiParameter("until", OpenApiTypes.DATE),
]


class MovedSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class EventSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField(allow_null=True, help_text="Null until the notary has numbered it.")
    at = serializers.DateTimeField()
    action = serializers.CharField()
    outcome = serializers.ChoiceField(outcomes.OUTCOMES)
    actor_id = serializers.CharField()
    actor_kind = serializers.CharField()
    actor_name = serializers.CharField(help_text="Empty when the detail was erased.")
    summary = serializers.CharField()
    subject = serializers.CharField()
    team = serializers.CharField(source="team_id")
    request = serializers.CharField()
    detail = serializers.SerializerMethodField()
    moved = serializers.SerializerMethodField()
    hash = serializers.CharField()

    def get_detail(self, event: selectors.Shown) -> dict[str, str]:
        return dict(event.detail)

    @extend_schema_field(MovedSerializer(many=True))
    def get_moved(self, event: selectors.Shown) -> list[dict[str, str]]:
        return [{"name": name, "before": before, "after": after} for name, before, after in event.moved]


class PageOfEventsSerializer(serializers.Serializer[Any]):
    rows = EventSerializer(many=True)
    older = serializers.CharField(help_text="The cursor of the next older page; empty at the end.")
    newer = serializers.CharField(help_text="The cursor of the next newer page; empty at the start.")
    reached = serializers.DateTimeField(
        allow_null=True, help_text="How far back this page looked, when that was not to the end of the log."
    )


class ProofSerializer(serializers.Serializer[Any]):
    event = EventSerializer()
    body = serializers.CharField(help_text="The canonical bytes that are hashed.")
    hash = serializers.CharField(help_text="SHA-256 of the body.")
    previous = serializers.CharField(help_text="The chain hash before it; empty until it is numbered.")
    chain = serializers.CharField(help_text="SHA-256 of the previous chain hash and this event's, 32 bytes each.")
    sequenced_at = serializers.DateTimeField(allow_null=True)
    fault = serializers.CharField(help_text="What is wrong with it; empty when everything agrees.")


class VerificationSerializer(serializers.Serializer[Any]):
    events = serializers.IntegerField()
    sequenced = serializers.IntegerField()
    pending = serializers.IntegerField()
    ok = serializers.BooleanField()
    first_bad = serializers.CharField()
    sentence = serializers.CharField()


class WalkSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(["QUEUED", "RUNNING", "DONE", "FAILED"])
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    failure = serializers.CharField()
    result = VerificationSerializer(allow_null=True)


class NewExportSerializer(serializers.Serializer[Any]):
    format = serializers.ChoiceField(exporting.FORMATS)
    q = serializers.CharField(required=False, allow_blank=True, max_length=200)
    action = serializers.CharField(required=False, allow_blank=True, max_length=60)
    actor = serializers.CharField(required=False, allow_blank=True, max_length=120)
    subject = serializers.CharField(required=False, allow_blank=True, max_length=120)
    team = serializers.UUIDField(required=False)
    outcome = serializers.ChoiceField(outcomes.OUTCOMES, required=False)
    period = serializers.ChoiceField(list(PERIODS), required=False)
    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)


class ExportSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    format = serializers.CharField()
    filter_text = serializers.CharField()
    state = serializers.ChoiceField(["QUEUED", "RUNNING", "DONE", "FAILED", "EXPIRED"])
    rows = serializers.IntegerField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of every byte before the trailer, the file's last line.")
    failure = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


def _filters(form: Search) -> selectors.Filters:
    if not form.is_valid():
        field, reasons = next(iter(form.errors.items()))
        raise Invalid(str(reasons[0]), field=field)
    return named(form.filters())


@extend_schema(tags=["audit"], parameters=[*FILTERS, CURSOR], responses=PageOfEventsSerializer)
@api_view(["GET"])
def events(request: Request) -> Response:
    """Events, newest first. Reading them is an event, too."""
    who = actor(request)
    access.require(who, "audit.view")
    filters = _filters(Search(request.query_params))
    services.record_reading(actor=who, filters=filters)
    page = selectors.events(who, filters, cursor=request.query_params.get("cursor", ""))
    return Response(PageOfEventsSerializer(page).data)


@extend_schema(tags=["audit"], responses=ProofSerializer)
@api_view(["GET"])
def event(request: Request, event_id: UUID) -> Response:
    """One event with its bytes, its hash, and its link in the chain."""
    who = actor(request)
    proof = proving.proof_of(who, event_id)
    services.record_reading(actor=who, filters=selectors.Filters())
    return Response(ProofSerializer(proof).data)


@extend_schema(tags=["audit"], request=None, responses={200: VerificationSerializer, 202: WalkSerializer})
@api_view(["POST"])
def verify(request: Request) -> Response:
    """Walk the whole log; the first fault, if there is one, is named. A long log is walked by a worker: 202."""
    result = walking.verify_or_walk(actor=actor(request))
    if isinstance(result, walking.Walking):
        return Response(WalkSerializer(result).data, status=202)
    return Response(VerificationSerializer(result).data)


@extend_schema(tags=["audit"], responses=WalkSerializer)
@api_view(["GET"])
def walk(request: Request, walk_id: UUID) -> Response:
    """A verification by a worker: how far it is, and what it found."""
    return Response(WalkSerializer(walking.walk(actor(request), walk_id)).data)


@extend_schema(methods=["GET"], tags=["audit"], responses=ExportSerializer(many=True))
@extend_schema(
    methods=["POST"], tags=["audit"], parameters=[IDEMPOTENCY], request=NewExportSerializer,
    responses={202: ExportSerializer},
)  # fmt: skip
@api_view(["GET", "POST"])
def exports(request: Request) -> Response:
    """The newest exports; a POST has the events that fit a search written into a file."""
    if request.method == "POST":
        return _request_export(request)
    return Response(ExportSerializer(exporting.exports(actor(request)), many=True).data)


@idempotent
def _request_export(request: Request) -> Response:
    who = actor(request)
    access.require(who, "audit.export")
    wanted = read(request, NewExportSerializer)
    asked = exporting.request(actor=who, filters=_filters(Search(wanted)), format=wanted["format"])
    return Response(ExportSerializer(asked).data, status=202)


@extend_schema(tags=["audit"], responses=ExportSerializer)
@api_view(["GET"])
def export(request: Request, export_id: UUID) -> Response:
    """One export: how far it is."""
    return Response(ExportSerializer(exporting.export(actor(request), export_id)).data)


@extend_schema(tags=["audit"], request=None, responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
@api_view(["POST"])
def export_file(request: Request, export_id: UUID) -> FileResponse:
    """The file of a finished export; taking it is recorded. Its last line is the trailer with row total and hash."""
    return file_answer(*exporting.open_file(actor=actor(request), export_id=export_id))
