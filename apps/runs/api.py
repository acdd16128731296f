"""Runs, for programs."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import access
from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged, read
from apps.dataplane.errors import NotFound
from apps.dataplane.plan import as_json
from apps.quality import selectors as quality

from . import comparing, presenting, recalling, selectors, services
from .forms import Compare, Filter, LogFilter

MOST_LINES = 500


class RunSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    id = serializers.UUIDField()
    pipeline = serializers.SlugField(source="pipeline.slug")
    team = serializers.SlugField(source="pipeline.team.slug")
    pipeline_version = serializers.IntegerField()
    trigger = serializers.CharField(help_text="manual, schedule, retry or same_plan.")
    repeats = serializers.IntegerField(allow_null=True, help_text="The run that this one retries or repeats.")
    reload = serializers.BooleanField(help_text="Incremental tables were loaded anew.")
    state = serializers.CharField(
        help_text="QUEUED, RUNNING, PUBLISHED, REFUSED, BLOCKED, FAILED, CANCELLED, RECALLING or RECALLED."
    )
    sentence = serializers.CharField(help_text="Why it ended as it did; the row equation of a published run.")
    remedy = serializers.CharField()
    code = serializers.CharField(help_text="The kind of failure it ended with, for programs; empty without one.")
    founding = serializers.BooleanField(help_text="Carried a single signature.")
    rows_read = serializers.IntegerField()
    rows_published = serializers.IntegerField()
    rows_quarantined = serializers.IntegerField()
    rows_rejected = serializers.IntegerField()
    rows_excluded = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class StepSerializer(serializers.Serializer):
    name = serializers.CharField()
    state = serializers.CharField(help_text="WAITING, RUNNING, DONE or FAILED.")
    attempt = serializers.IntegerField()
    rows = serializers.IntegerField()
    rows_expected = serializers.IntegerField(help_text="An estimate; 0 where there is none.")
    detail = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class RefusalSerializer(serializers.Serializer):
    code = serializers.CharField()
    subject = serializers.CharField(help_text="stream, stream.column or schema.table.column.")
    sentence = serializers.CharField()
    remedy = serializers.CharField()


class RunDetailSerializer(RunSerializer):
    plan_hash = serializers.CharField()
    counts = serializers.JSONField(help_text="By stream: read, staged, quarantined, rejected, excluded.")
    refusals = RefusalSerializer(many=True)
    steps = StepSerializer(many=True)


class StartSerializer(serializers.Serializer):
    pipeline = serializers.UUIDField(help_text="The pipeline's id.")
    reload = serializers.BooleanField(
        default=False, help_text="Incremental tables are read whole once more, and what is there is replaced."
    )


class ReasonSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=recalling.LONGEST_REASON, help_text="Stays in the audit log.")


class TaintSerializer(serializers.Serializer):
    run = serializers.IntegerField(source="run.number")
    pipeline = serializers.SlugField(source="run.pipeline.slug")
    team = serializers.SlugField(source="run.pipeline.team.slug")
    through = serializers.CharField(help_text="The table it was read from.")


class RecallSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.CharField(help_text="QUEUED, RUNNING, DONE, REFUSED or FAILED.")
    reason = serializers.CharField()
    asked_by = serializers.CharField(source="asker")
    back_to = serializers.IntegerField(
        source="good.number", default=None, allow_null=True, help_text="Null: its tables were emptied."
    )
    rows = serializers.DictField(child=serializers.IntegerField(), help_text="Rows loaded again, by stream.")
    sentence = serializers.CharField()
    remedy = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class RecallDetailSerializer(RecallSerializer):
    tainted = TaintSerializer(many=True, help_text="Later runs that read what was taken back, as far as you see them.")
    unseen = serializers.IntegerField(help_text="How many of those belong to teams that you do not see.")
    manifest_hash = serializers.CharField()
    signature_state = serializers.CharField(help_text="WAITING for the notary, VALID or INVALID; empty without one.")


class CheckSerializer(serializers.Serializer):
    stream = serializers.CharField()
    check_id = serializers.CharField()
    phase = serializers.CharField(help_text="row, settle or output.")
    kind = serializers.CharField()
    severity = serializers.CharField()
    status = serializers.CharField(help_text="PASSED, FAILED or ERROR.")
    observed = serializers.CharField(help_text="Counts and shares, never a value of a row.")
    unexpected = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)


class LineSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    level = serializers.CharField()
    step = serializers.CharField()
    sentence = serializers.CharField()


class ManifestSerializer(serializers.Serializer):
    body = serializers.JSONField(help_text="The record; sign and hash are over its canonical bytes.")
    hash = serializers.CharField()
    signature_state = serializers.CharField(help_text="WAITING for the notary, VALID or INVALID.")
    signature = serializers.CharField(help_text="Ed25519, in hex.")
    key_version = serializers.IntegerField()
    signed_at = serializers.DateTimeField(allow_null=True)


STATE = OpenApiParameter("state", OpenApiTypes.STR)
PIPELINE = OpenApiParameter("pipeline", OpenApiTypes.STR, description="A short name, or team/short-name.")
TRIGGER = OpenApiParameter("trigger", OpenApiTypes.STR)
TEXT = OpenApiParameter("q", OpenApiTypes.STR, description="A number, or a part of the pipeline's name.")
TEAM = OpenApiParameter("team", OpenApiTypes.STR, description="A team's short name.")
SINCE = OpenApiParameter("since", OpenApiTypes.DATE, description="Queued on this day or later, in your time zone.")
UNTIL = OpenApiParameter("until", OpenApiTypes.DATE, description="Queued on this day or earlier.")
SORT = OpenApiParameter("sort", OpenApiTypes.STR, description="number, duration or rows; with - the other way round.")
FOUND = OpenApiParameter("q", OpenApiTypes.STR, description="A part of a sentence; the whole log is searched.")
LEVEL = OpenApiParameter("level", OpenApiTypes.STR, description="INFO, WARN or ERROR.")
WITH = OpenApiParameter("with", OpenApiTypes.INT, description="Another run; the one before without it.")
AFTER = OpenApiParameter("after", OpenApiTypes.INT, description="The id of the last line that you have.")


@extend_schema(
    tags=["runs"],
    methods=["GET"],
    parameters=[STATE, PIPELINE, TRIGGER, TEXT, TEAM, SINCE, UNTIL, SORT, CURSOR],
    responses=cursor_page(RunSerializer),
    description="The runs that you may see, newest first.",
)
@extend_schema(
    tags=["runs"],
    methods=["POST"],
    parameters=[IDEMPOTENCY],
    request=StartSerializer,
    responses={201: RunSerializer},
    description="Start a run of a pipeline's active version.",
)
@api_view(["GET", "POST"])
def runs(request: Request) -> Response:
    """The runs that you may see; a POST starts one."""
    return _start(request) if request.method == "POST" else _list(request)


def _list(request: Request) -> Response:
    filters = Filter(request.query_params).filters()
    page = selectors.listed(actor(request), filters, cursor=request.query_params.get("cursor", ""))
    return paged(page, RunSerializer)


@idempotent
def _start(request: Request) -> Response:
    given = read(request, StartSerializer)
    run = services.start(actor=actor(request), pipeline_id=given["pipeline"], reload=given["reload"])
    return Response(RunSerializer(run).data, status=201)


@extend_schema(tags=["runs"], responses=RunDetailSerializer)
@api_view(["GET"])
def run(request: Request, number: int) -> Response:
    """One run with its steps and refusals."""
    return Response(_detail(request, number))


def _detail(request: Request, number: int) -> dict[str, Any]:
    found = selectors.run(actor(request), number)
    return {
        **RunSerializer(found).data,
        "plan_hash": found.plan_hash,
        "counts": found.counts,
        "refusals": found.refusals,
        "steps": StepSerializer(selectors.steps(found), many=True).data,
    }


@extend_schema(tags=["runs"], responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def plan(request: Request, number: int) -> Response:
    """The frozen plan: every column, its treatment, why, and its key version."""
    frozen = selectors.plan(selectors.run(actor(request), number))
    if frozen is None:
        raise NotFound(_("Run %(number)s has no plan: it waits, or planning was refused.") % {"number": number})
    return Response({**as_json(frozen), "hash": frozen.hash})


@extend_schema(tags=["runs"], responses=CheckSerializer(many=True))
@api_view(["GET"])
def checks(request: Request, number: int) -> Response:
    """What each check of a run found."""
    found = selectors.run(actor(request), number)
    return Response(CheckSerializer(quality.of_run(f"run/{found.id}"), many=True).data)


@extend_schema(tags=["runs"], responses=ManifestSerializer)
@api_view(["GET"])
def manifest(request: Request, number: int) -> Response:
    """The signed record of a published run."""
    record = selectors.manifest(selectors.run(actor(request), number))
    if record is None:
        raise NotFound(_("Run %(number)s has no manifest: only a published run has one.") % {"number": number})
    signed = selectors.signature(record)
    return Response(
        {
            "body": json.loads(bytes(record.body)),
            "hash": record.hash,
            "signature_state": signed.state,
            "signature": signed.hex,
            "key_version": signed.key_version,
            "signed_at": signed.signed_at,
        }
    )


@extend_schema(tags=["runs"], parameters=[AFTER, FOUND, LEVEL], responses=LineSerializer(many=True))
@api_view(["GET"])
def log(request: Request, number: int) -> Response:
    """Up to 500 lines after the one that you have, or with `q` or `level` the last 500 that fit; oldest first."""
    found, asked = selectors.run(actor(request), number), LogFilter(request.query_params).asked()
    given = request.query_params.get("after", "")
    after = int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else 0
    if any(asked.values()):
        lines = selectors.log_found(found, **asked, limit=MOST_LINES)
    else:
        lines = selectors.log_after(found, after, MOST_LINES)
    return Response(LineSerializer(lines, many=True).data)


@extend_schema(tags=["runs"], parameters=[WITH], responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def compare(request: Request, number: int) -> Response:
    """How this run differs from another: plan, counts, durations, results of checks."""
    who, form = actor(request), Compare({"number": request.query_params.get("with", "")})
    found = selectors.run(who, number)
    asked = form.cleaned_data["number"] if form.is_valid() else None
    other = selectors.run(who, asked) if asked else selectors.before(who, found)
    if other is None:
        raise NotFound(_("Run %(number)s is the first of its pipeline.") % {"number": number})
    return Response(comparing.as_json(comparing.compare(other, found)))


@extend_schema(tags=["runs"], parameters=[IDEMPOTENCY], request=None, responses=RunSerializer)
@api_view(["POST"])
@idempotent
def cancel(request: Request, number: int) -> Response:
    """End a run before it publishes."""
    who = actor(request)
    ended = services.cancel(actor=who, run_id=selectors.run(who, number).id)
    return Response(RunSerializer(ended).data)


@extend_schema(tags=["runs"], parameters=[IDEMPOTENCY], request=None, responses={201: RunSerializer})
@api_view(["POST"])
@idempotent
def retry(request: Request, number: int) -> Response:
    """A new run for one that did not publish, of the version that is active now."""
    who = actor(request)
    started = services.retry(actor=who, run_id=selectors.run(who, number).id)
    return Response(RunSerializer(started).data, status=201)


@extend_schema(tags=["runs"], parameters=[IDEMPOTENCY], request=None, responses={201: RunSerializer})
@api_view(["POST"])
@idempotent
def repeat(request: Request, number: int) -> Response:
    """A new run with the very plan of this one; refused by name when something that it binds has moved."""
    who = actor(request)
    started = services.repeat(actor=who, run_id=selectors.run(who, number).id)
    return Response(RunSerializer(started).data, status=201)


@extend_schema(
    tags=["runs"],
    methods=["GET"],
    responses=RecallDetailSerializer(many=True),
    description="Every time this run was asked to be taken back, newest first.",
)
@extend_schema(
    tags=["runs"],
    methods=["POST"],
    parameters=[IDEMPOTENCY],
    request=ReasonSerializer,
    responses={202: RecallSerializer},
    description="Take a published run back: its destination holds again what the last good run before it published.",
)
@api_view(["GET", "POST"])
def recall(request: Request, number: int) -> Response:
    """The recalls of a run; a POST asks for one."""
    return _recall(request, number) if request.method == "POST" else _recalls(request, number)


def _recalls(request: Request, number: int) -> Response:
    who = actor(request)
    shown = presenting.recalls(who, selectors.run(who, number))
    return Response(
        [
            {
                **RecallSerializer(one["recall"]).data,
                "tainted": TaintSerializer(one["tainted"], many=True).data,
                "unseen": one["unseen"],
                "manifest_hash": one["manifest"].hash if one["manifest"] else "",
                "signature_state": one["signature"].state if one["signature"] else "",
            }
            for one in shown
        ]
    )


@idempotent
def _recall(request: Request, number: int) -> Response:
    who = actor(request)
    found = selectors.run(who, number)
    # Who may not ask does not learn what a right question would be.
    access.require(who, "run.recall", found.team_id)
    given = read(request, ReasonSerializer)
    asked = recalling.recall(actor=who, run_id=found.id, reason=given["reason"])
    return Response(RecallSerializer(asked).data, status=202)
