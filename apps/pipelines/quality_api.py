"""Suites, suggestions, results and judgements for programs. Nothing here changes anything: that takes a change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.api import CURSOR, actor, cursor_page, paged, read
from apps.dataplane import definition as definitions
from apps.dataplane.errors import Invalid, NotFound
from apps.dataplane.quality.catalogue import CATALOGUE
from apps.quality import selectors as quality

from . import editing, planning, proposals, rehearsal, selectors
from . import suite as suites
from .planning import Wiring

ACTION = "pipeline.propose"


class CheckSerializer(serializers.Serializer):
    id = serializers.CharField()
    stream = serializers.CharField()
    expectation = serializers.CharField()
    kwargs = serializers.JSONField()
    severity = serializers.CharField(help_text="ERROR keeps the gate closed, WARN tells.")
    words = serializers.CharField(help_text="What it demands, in a sentence.")
    problem = serializers.CharField(help_text="Why it could not be evaluated on staged data; empty where it can.")
    remedy = serializers.CharField()


class ImportSerializer(serializers.Serializer):
    text = serializers.CharField(trim_whitespace=False, help_text="The JSON of a suite of Great Expectations.")


class RefusedSerializer(serializers.Serializer):
    line = serializers.IntegerField()
    expectation = serializers.CharField()
    sentence = serializers.CharField()
    remedy = serializers.CharField()


class LeftOutSerializer(serializers.Serializer):
    line = serializers.IntegerField()
    what = serializers.ListField(child=serializers.CharField())


class ImportedSerializer(serializers.Serializer):
    added = serializers.IntegerField()
    refused = RefusedSerializer(many=True)
    left_out = LeftOutSerializer(many=True, help_text="What of an expectation a check has no place for.")
    definition = serializers.JSONField(help_text="The active definition with these checks, to be proposed as a change.")


class SuggestionSerializer(serializers.Serializer):
    stream = serializers.CharField()
    expectation = serializers.CharField()
    kwargs = serializers.JSONField()
    severity = serializers.CharField()
    words = serializers.CharField()
    reason = serializers.CharField()


class ResultSerializer(serializers.Serializer):
    run = serializers.CharField(help_text="run/<id>")
    stream = serializers.CharField()
    check_id = serializers.CharField()
    phase = serializers.CharField(help_text="row, settle or output.")
    kind = serializers.CharField()
    severity = serializers.CharField()
    status = serializers.CharField(help_text="PASSED, FAILED or ERROR.")
    observed = serializers.CharField()
    unexpected = serializers.IntegerField(allow_null=True, help_text="Failed rows, also where the check passed.")
    total = serializers.IntegerField(allow_null=True)
    measured = serializers.DecimalField(max_digits=28, decimal_places=9, allow_null=True)
    lowest = serializers.DecimalField(max_digits=28, decimal_places=9, allow_null=True)
    highest = serializers.DecimalField(max_digits=28, decimal_places=9, allow_null=True)
    created_at = serializers.DateTimeField()


class ExpectationSerializer(serializers.Serializer):
    type = serializers.CharField()
    title = serializers.CharField()
    example = serializers.CharField()
    parameters = serializers.JSONField(help_text="name, kind, label, help, required, choices of each.")


class TimesSerializer(serializers.Serializer):
    words = serializers.CharField()
    times = serializers.ListField(child=serializers.DateTimeField())
    local = serializers.ListField(child=serializers.CharField(), help_text="The same in the schedule's own zone.")
    shift = serializers.CharField(help_text="What a change of clocks does to them; empty where there is none.")


class ProposalSerializer(serializers.Serializer):
    team = serializers.SlugField()
    proposal = serializers.JSONField(help_text="{slug, name, source, destination, definition}, as a change takes it.")


class JudgedSerializer(serializers.Serializer):
    consequence = serializers.CharField()
    risk = serializers.ChoiceField(["LOW", "MEDIUM", "HIGH"])
    refusals = serializers.JSONField(help_text="What a run would refuse: code, subject, sentence, remedy.")
    columns = serializers.IntegerField()


STREAM = OpenApiParameter("stream", OpenApiTypes.STR)
CHECK = OpenApiParameter("check", OpenApiTypes.STR, description="The id of a check; needs `stream`.")
CRON = OpenApiParameter("cron", OpenApiTypes.STR, required=True)
ZONE = OpenApiParameter("zone", OpenApiTypes.STR, description="A time zone of the IANA database; UTC without one.")


@extend_schema(tags=["pipelines"], responses=ExpectationSerializer(many=True))
@api_view(["GET"])
def expectations(request: Request) -> Response:
    """What the gate can check, with the parameters of each."""
    access.require(actor(request), "pipeline.view")
    kinds = {kind.type: kind.example for _group, listed in suites.kinds() for kind in listed}
    return Response([_described(type_, kinds[type_]) for type_ in CATALOGUE])


def _described(type_: str, example: str) -> dict[str, Any]:
    one = CATALOGUE[type_]
    told = ("name", "kind", "label", "help", "required", "choices", "default", "minimum", "maximum")
    parameters = [{name: getattr(parameter, name) for name in told} for parameter in one.parameters]
    return {"type": type_, "title": one.title, "example": example, "parameters": parameters}


@extend_schema(tags=["pipelines"], parameters=[CRON, ZONE], responses=TimesSerializer)
@api_view(["GET"])
def times(request: Request) -> Response:
    """The next five times of a schedule."""
    access.require(actor(request), "pipeline.view")
    cron = request.query_params.get("cron", "").strip()
    line, problem = editing.next_times(cron, request.query_params.get("zone", "").strip() or "UTC")
    if line is None:
        raise Invalid(problem or "A schedule has five fields: minute hour day month weekday.", field="cron")
    local = [text for text, _at in line.local]
    return Response({"words": line.words, "times": line.times, "local": local, "shift": line.shift})


@extend_schema(tags=["pipelines"], request=ProposalSerializer, responses=JudgedSerializer)
@api_view(["POST"])
def judge(request: Request) -> Response:
    """Judge a definition without proposing it: what approval would bring about, and what a run would refuse."""
    who, body = actor(request), read(request, ProposalSerializer)
    team = next((team for team in accounts.teams(who) if team.slug == body["team"]), None)
    if team is None:
        raise NotFound("There is no such team, or none that you may see.")
    access.require(who, ACTION, team.id)
    if not isinstance(body["proposal"], dict):
        raise Invalid("A proposal is an object.", field="proposal")
    whole = proposals.normalise(body["proposal"], team_id=team.id)
    before = proposals.current(proposals.target(whole, team_id=team.id)).proposal
    said = proposals.consequence(before, whole, team_id=team.id)
    definition = definitions.parse(whole["definition"])
    wiring = Wiring(team.id, UUID(whole["source"]), UUID(whole["destination"]), definition)
    told = [vars(refusal) for refusal in rehearsal.rehearse(wiring)]
    columns = sum(map(len, planning.stored_plan(wiring).values()))
    return Response({"consequence": said.sentence, "risk": said.risk, "refusals": told, "columns": columns})


@extend_schema(tags=["pipelines"], responses=CheckSerializer(many=True))
@api_view(["GET"])
def suite(request: Request, team: str, slug: str) -> Response:
    """The checks of the active version, in words, with what is wrong with each."""
    state = suites.begin(selectors.pipeline_named(actor(request), team, slug))
    told = {one.place: one for one in suites.told(state)}
    listed = [(check, told[f"output_checks.{index}"]) for index, check in enumerate(state.checks)]
    return Response([{**one, "words": t.words, "problem": t.problem, "remedy": t.remedy} for one, t in listed])


@extend_schema(tags=["pipelines"], responses=OpenApiResponse(OpenApiTypes.OBJECT, "A suite of Great Expectations."))
@api_view(["GET"])
def export(request: Request, team: str, slug: str, stream: str) -> HttpResponse:
    """The checks of one stream as a suite of Great Expectations."""
    found = selectors.pipeline_named(actor(request), team, slug)
    _require_stream(selectors.definition_of(found), stream)
    return HttpResponse(suites.export(found, stream), content_type="application/json")


@extend_schema(tags=["pipelines"], request=ImportSerializer, responses=ImportedSerializer)
@api_view(["POST"])
def import_(request: Request, team: str, slug: str, stream: str) -> Response:
    """Read a suite of Great Expectations into the definition; propose what comes back as a change."""
    who = actor(request)
    found = selectors.pipeline_named(who, team, slug)
    access.require(who, ACTION, found.team_id)
    state = suites.begin(found)
    _require_stream(state.definition, stream)
    suites.take(state, stream, read(request, ImportSerializer)["text"])
    if state.error:
        raise Invalid(state.error, field="text")
    assert state.imported is not None
    left_out = [{"line": one.line, "what": one.left_out} for one in state.imported.checks if one.left_out]
    refused = [vars(one) for one in state.imported.refused]
    answer = {"added": state.added, "refused": refused, "left_out": left_out, "definition": state.document()}
    return Response(answer)


@extend_schema(tags=["pipelines"], responses=SuggestionSerializer(many=True))
@api_view(["GET"])
def suggestions(request: Request, team: str, slug: str) -> Response:
    """Checks that the profiles of the source tables suggest, beyond those that there are."""
    state = suites.begin(selectors.pipeline_named(actor(request), team, slug))
    found = [one for stream in state.definition.streams for _key, one in suites.suggestions(state, stream)]
    return Response(
        [
            {
                "stream": one.check.stream,
                "expectation": one.check.expectation,
                "kwargs": one.check.kwargs,
                "severity": one.check.severity,
                "words": one.words,
                "reason": one.reason,
            }
            for one in found
        ]
    )


@extend_schema(tags=["pipelines"], parameters=[STREAM, CHECK, CURSOR], responses=cursor_page(ResultSerializer))
@api_view(["GET"])
def results(request: Request, team: str, slug: str) -> Response:
    """What checks found, newest first; counts and verdicts, never a value of a row."""
    found = selectors.pipeline_named(actor(request), team, slug)
    asked = {name: request.query_params.get(name, "") for name in ("stream", "check", "cursor")}
    page = quality.history(f"pipeline/{found.id}", asked["stream"], asked["check"], cursor=asked["cursor"])
    return paged(page, ResultSerializer)


def _require_stream(definition: Any, name: str) -> None:
    if name not in {stream.name for stream in definition.streams}:
        raise NotFound("The pipeline has no such stream.")
