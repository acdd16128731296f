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

from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged, read
from apps.dataplane.errors import NotFound
from apps.dataplane.plan import as_json
from apps.quality import selectors as quality

from . import selectors, services
from .forms import Filter

MOST_LINES = 500


class RunSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    id = serializers.UUIDField()
    pipeline = serializers.SlugField(source="pipeline.slug")
    team = serializers.SlugField(source="pipeline.team.slug")
    pipeline_version = serializers.IntegerField()
    trigger = serializers.CharField(help_text="manual, schedule or retry.")
    state = serializers.CharField(help_text="QUEUED, RUNNING, PUBLISHED, REFUSED, BLOCKED, FAILED or CANCELLED.")
    sentence = serializers.CharField(help_text="Why it ended as it did; the row equation of a published run.")
    remedy = serializers.CharField()
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
AFTER = OpenApiParameter("after", OpenApiTypes.INT, description="The id of the last line that you have.")


@extend_schema(
    tags=["runs"],
    methods=["GET"],
    parameters=[STATE, PIPELINE, TRIGGER, TEXT, CURSOR],
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
    run = services.start(actor=actor(request), pipeline_id=given["pipeline"])
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


@extend_schema(tags=["runs"], parameters=[AFTER], responses=LineSerializer(many=True))
@api_view(["GET"])
def log(request: Request, number: int) -> Response:
    """Up to 500 lines of the log after the one that you have, oldest first."""
    given = request.query_params.get("after", "")
    after = int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else 0
    lines = selectors.log_after(selectors.run(actor(request), number), after, MOST_LINES)
    return Response(LineSerializer(lines, many=True).data)


@extend_schema(tags=["runs"], parameters=[IDEMPOTENCY], request=None, responses=RunSerializer)
@api_view(["POST"])
@idempotent
def cancel(request: Request, number: int) -> Response:
    """End a run before it publishes."""
    who = actor(request)
    ended = services.cancel(actor=who, run_id=selectors.run(who, number).id)
    return Response(RunSerializer(ended).data)
