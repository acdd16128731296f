"""Retention rules, their dry runs and deletions, and legal holds, for programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors as accounts
from apps.changes import services as changes
from apps.core import access
from apps.core.api import IDEMPOTENCY, actor, cursor_page, idempotent, paged, read
from apps.dataplane.errors import NotFound
from apps.grants import selectors as holds_

from . import selectors, services


class RuleSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    team = serializers.CharField(source="team.slug")
    slug = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField(source="active_version")
    paused_at = serializers.DateTimeField(allow_null=True)
    next_due_at = serializers.DateTimeField(allow_null=True)


class RuleDetailSerializer(RuleSerializer):
    definition = serializers.JSONField(help_text="{format: 1, connection, dataset or tag, age_column, keep, zone, …}")
    released = serializers.BooleanField(help_text="Whether a first deletion of this version was approved and done.")


class NewRuleSerializer(serializers.Serializer):
    team = serializers.CharField(help_text="The team's short name.")
    slug = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=120)
    definition = serializers.JSONField()
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class ChangeNumberSerializer(serializers.Serializer):
    change = serializers.IntegerField(help_text="The number of the change that waits for review.")


class EnforcementSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    mode = serializers.ChoiceField(["DRY_RUN", "DELETION"])
    trigger = serializers.CharField()
    state = serializers.ChoiceField(["QUEUED", "RUNNING", "DONE", "REFUSED", "FAILED"])
    version = serializers.IntegerField(source="rule_version")
    before = serializers.DateTimeField(help_text="Rows dated before this moment are due.")
    rows = serializers.IntegerField()
    outcomes = serializers.JSONField(help_text="By dataset: state, rows, oldest, newest, undated, sentence.")
    sentence = serializers.CharField()
    remedy = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class HoldSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    team = serializers.CharField(source="team.slug")
    connection = serializers.UUIDField(source="connection_id")
    dataset = serializers.CharField()
    title = serializers.CharField()
    reason = serializers.CharField()
    placed_by = serializers.CharField(source="placed_by_name")
    created_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)


class NewHoldSerializer(serializers.Serializer):
    dataset = serializers.UUIDField(help_text="The id of a discovered dataset.")
    title = serializers.CharField(max_length=120)
    reason = serializers.CharField(max_length=2000)


@extend_schema(methods=["GET"], tags=["retention"], responses=cursor_page(RuleSerializer))
@extend_schema(
    methods=["POST"],
    tags=["retention"],
    parameters=[IDEMPOTENCY],
    request=NewRuleSerializer,
    responses={201: ChangeNumberSerializer},
)
@api_view(["GET", "POST"])
def rules(request: Request) -> Response:
    """The retention rules that you may see. POST proposes a new one, or the next version of one."""
    if request.method == "POST":
        return _propose(request)
    access.require(actor(request), "retention.view")
    return paged(selectors.paged(actor(request), cursor=request.query_params.get("cursor", "")), RuleSerializer)


@idempotent
def _propose(request: Request) -> Response:
    access.require(actor(request), "retention.propose")
    body = read(request, NewRuleSerializer)
    team = next((one for one in accounts.teams(actor(request)) if one.slug == body["team"]), None)
    if team is None:
        raise NotFound("There is no such team, or none that you are in.", field="team")
    proposal = {name: body[name] for name in ("slug", "name", "definition")}
    change = changes.propose(
        actor=actor(request), kind="retention", team_id=team.id, proposal=proposal, reason=body["reason"]
    )
    return Response({"change": change.number}, status=201)


@extend_schema(tags=["retention"], responses=RuleDetailSerializer)
@api_view(["GET"])
def rule(request: Request, team: str, slug: str) -> Response:
    """One rule with its active definition."""
    row = selectors.rule_named(actor(request), team, slug)
    more = {"definition": selectors.definition_of(row).as_document(), "released": selectors.is_released(row)}
    return Response({**RuleSerializer(row).data, **more})


@extend_schema(tags=["retention"], parameters=[IDEMPOTENCY], request=None, responses={201: EnforcementSerializer})
@api_view(["POST"])
@idempotent
def dry_run(request: Request, team: str, slug: str) -> Response:
    """Count what the rule would delete now."""
    return _started(request, team, slug, services.dry_run)


@extend_schema(tags=["retention"], parameters=[IDEMPOTENCY], request=None, responses={201: EnforcementSerializer})
@api_view(["POST"])
@idempotent
def enforce(request: Request, team: str, slug: str) -> Response:
    """Delete what is due now; refused before a first deletion was approved."""
    return _started(request, team, slug, services.enforce)


def _started(request: Request, team: str, slug: str, act: Any) -> Response:
    row = selectors.rule_named(actor(request), team, slug)
    return Response(EnforcementSerializer(act(actor=actor(request), rule_id=row.id)).data, status=201)


@extend_schema(tags=["retention"], parameters=[IDEMPOTENCY], request=None, responses=RuleSerializer)
@api_view(["POST"])
@idempotent
def pause(request: Request, team: str, slug: str) -> Response:
    """Delete nothing any more, from now on."""
    row = selectors.rule_named(actor(request), team, slug)
    return Response(RuleSerializer(services.pause(actor=actor(request), rule_id=row.id)).data)


@extend_schema(tags=["retention"], parameters=[IDEMPOTENCY], request=None, responses=RuleSerializer)
@api_view(["POST"])
@idempotent
def resume(request: Request, team: str, slug: str) -> Response:
    """Take up the approved schedule again."""
    row = selectors.rule_named(actor(request), team, slug)
    return Response(RuleSerializer(services.resume(actor=actor(request), rule_id=row.id)).data)


@extend_schema(tags=["retention"], responses=EnforcementSerializer)
@api_view(["GET"])
def enforcement(request: Request, number: int) -> Response:
    """A dry run or deletion: what was counted or deleted, by dataset."""
    return Response(EnforcementSerializer(selectors.enforcement(actor(request), number)).data)


@extend_schema(tags=["retention"], parameters=[IDEMPOTENCY], request=None, responses={201: ChangeNumberSerializer})
@api_view(["POST"])
@idempotent
def propose_deletion(request: Request, number: int) -> Response:
    """Ask for the approval of exactly what a dry run counted."""
    run = selectors.enforcement(actor(request), number)
    change = changes.propose(
        actor=actor(request), kind="deletion", team_id=run.rule.team_id, proposal={"dry_run": str(run.id)}
    )
    return Response({"change": change.number}, status=201)


@extend_schema(methods=["GET"], tags=["retention"], responses=cursor_page(HoldSerializer))
@extend_schema(
    methods=["POST"],
    tags=["retention"],
    parameters=[IDEMPOTENCY],
    request=NewHoldSerializer,
    responses={201: HoldSerializer},
)
@api_view(["GET", "POST"])
def holds(request: Request) -> Response:
    """The legal holds in force (`?released=true`: those that ended). POST places one, at once."""
    if request.method == "POST":
        return _place(request)
    access.require(actor(request), "hold.view")
    released, cursor = request.query_params.get("released") == "true", request.query_params.get("cursor", "")
    return paged(holds_.paged(actor(request), released=released, cursor=cursor), HoldSerializer)


@idempotent
def _place(request: Request) -> Response:
    access.require(actor(request), "hold.place")
    body = read(request, NewHoldSerializer)
    hold = services.place_hold(
        actor=actor(request), dataset_id=body["dataset"], title=body["title"], reason=body["reason"]
    )
    return Response(HoldSerializer(hold).data, status=201)


@extend_schema(tags=["retention"], parameters=[IDEMPOTENCY], request=None, responses={201: ChangeNumberSerializer})
@api_view(["POST"])
@idempotent
def release_hold(request: Request, hold_id: UUID) -> Response:
    """Ask for the approval of a release."""
    hold = holds_.hold(actor(request), hold_id)
    change = changes.propose(
        actor=actor(request), kind="hold_release", team_id=hold.team_id, proposal={"hold": str(hold.id)}
    )
    return Response({"change": change.number}, status=201)
