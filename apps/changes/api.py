"""Changes, for programs. A token can propose and discuss; deciding takes a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors as accounts
from apps.core.actor import Actor
from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged, read
from apps.dataplane.errors import NotFound

from . import selectors, services
from .forms import RISKS, SORTS, Filter
from .kinds import KINDS

SHOW = OpenApiParameter("show", OpenApiTypes.STR, enum=["open", "needs-me", "mine", "all"])
KIND = OpenApiParameter("kind", OpenApiTypes.STR, enum=list(KINDS))
STATE = OpenApiParameter("state", OpenApiTypes.STR)
RISK = OpenApiParameter("risk", OpenApiTypes.STR, enum=[name for name, _label in RISKS])
TEAM = OpenApiParameter("team", OpenApiTypes.STR, description="A team's short name.")
AUTHOR = OpenApiParameter("author", OpenApiTypes.STR, description="Part of the author's name.")
SORT = OpenApiParameter("sort", OpenApiTypes.STR, enum=list(SORTS))
TEXT = OpenApiParameter("q", OpenApiTypes.STR, description="A number, or words of the title.")


class ChangeSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    title = serializers.CharField()
    sentence = serializers.CharField(help_text="What follows from approval.")
    kind = serializers.CharField()
    team = serializers.CharField(source="team_slug")
    risk = serializers.ChoiceField(["LOW", "MEDIUM", "HIGH"])
    state = serializers.CharField()
    author = serializers.CharField()
    approvals_given = serializers.IntegerField(source="given")
    approvals_needed = serializers.IntegerField(source="needed")
    founding = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class PlanRowSerializer(serializers.Serializer[Any]):
    pipeline = serializers.CharField()
    stream = serializers.CharField()
    column = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    before_why = serializers.CharField()
    after_why = serializers.CharField()


class PartSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    part = serializers.CharField()
    verdict = serializers.CharField()
    comment = serializers.CharField()
    at = serializers.DateTimeField()
    counts = serializers.BooleanField()


class DifferenceSerializer(serializers.Serializer[Any]):
    what = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class SeenSerializer(serializers.Serializer[Any]):
    column = serializers.CharField()
    shape = serializers.CharField()
    rows = serializers.IntegerField()
    now = serializers.CharField()
    proposed = serializers.CharField()


class CheckSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(["done", "failed", "waiting"])
    label = serializers.CharField()  # type: ignore[assignment]


class StandingSerializer(serializers.Serializer[Any]):
    given = serializers.ListField(child=serializers.CharField())
    missing = serializers.IntegerField()
    may = serializers.ListField(child=serializers.CharField(), help_text="Who may still approve.")
    barred = serializers.ListField(child=serializers.CharField(), help_text="Reviewers who wrote or edited it.")
    stuck = serializers.BooleanField(help_text="It cannot be approved as things are.")
    sentence = serializers.CharField()
    remedy = serializers.CharField()


class MomentSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    who = serializers.CharField()
    what = serializers.CharField()
    note = serializers.CharField()
    text = serializers.CharField()


class ChangeDetailSerializer(serializers.Serializer[Any]):
    change = ChangeSerializer(source="row")
    reason = serializers.CharField()
    risk_reasons = serializers.ListField(child=serializers.CharField())
    target = serializers.CharField()
    base_version = serializers.IntegerField()
    proposal = serializers.JSONField()
    seen = serializers.CharField(source="binding_hash", help_text="Send it back with a decision.")
    text_before = serializers.CharField()
    text_after = serializers.CharField()
    differences = DifferenceSerializer(many=True)
    plan = PlanRowSerializer(many=True)
    seen_by_readers = SeenSerializer(many=True, source="seen", help_text="Shapes, never values.")
    checks = CheckSerializer(many=True)
    checked_at = serializers.DateTimeField(allow_null=True)
    standing = StandingSerializer(allow_null=True)
    timeline = MomentSerializer(many=True)
    parts = PartSerializer(many=True)
    outcome = serializers.CharField()
    applied_at = serializers.DateTimeField(allow_null=True)


class ProposeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(list(KINDS))
    team = serializers.CharField(allow_blank=True, default="", help_text="Its slug; empty for the organisation.")
    proposal = serializers.DictField()
    reason = serializers.CharField(allow_blank=True, default="")


class EditSerializer(serializers.Serializer[Any]):
    proposal = serializers.DictField()
    reason = serializers.CharField(required=False, allow_blank=True)
    seen = serializers.CharField(required=False, max_length=64, help_text="`seen` of the change as it was read.")


class DecisionSerializer(serializers.Serializer[Any]):
    seen = serializers.CharField(max_length=64, help_text="`seen` of the change as it was read.")
    comment = serializers.CharField(allow_blank=True, default="")


class CommentSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(allow_blank=True, default="")


@extend_schema(
    methods=["GET"],
    tags=["changes"],
    parameters=[SHOW, KIND, STATE, RISK, TEAM, AUTHOR, TEXT, SORT, CURSOR],
    responses=cursor_page(ChangeSerializer),
)
@extend_schema(
    methods=["POST"],
    tags=["changes"],
    parameters=[IDEMPOTENCY],
    request=ProposeSerializer,
    responses={201: ChangeDetailSerializer},
)
@api_view(["GET", "POST"])
def changes(request: Request) -> Response:
    """The changes that you may see, newest first; or propose one."""
    if request.method == "POST":
        return _propose(request)
    filters = Filter(request.query_params).filters()
    page = selectors.changes(actor(request), filters, cursor=request.query_params.get("cursor", ""))
    return paged(page, ChangeSerializer)


@idempotent
def _propose(request: Request) -> Response:
    selectors.require_proposing(actor(request))
    given = read(request, ProposeSerializer)
    slug = given.pop("team")
    made = services.propose(actor=actor(request), team_id=_team(request, slug), **given)
    return _detail(request, made.number, status=201)


def _team(request: Request, slug: str) -> UUID | None:
    if not slug:
        return None
    found = next((team.id for team in accounts.teams(actor(request)) if team.slug == slug), None)
    if found is None:
        raise NotFound("There is no such team, or none that you may see.", field="team")
    return found


@extend_schema(tags=["changes"], responses=ChangeDetailSerializer)
@api_view(["GET"])
def change(request: Request, number: int) -> Response:
    """One change with everything that a reviewer reads."""
    return _detail(request, number)


def _act(service: str, find: Callable[[Actor, int], Any], shape: type[serializers.Serializer[Any]], text: str) -> Any:
    """A POST that does one thing with a change and answers with the change."""

    @extend_schema(
        tags=["changes"],
        parameters=[IDEMPOTENCY],
        request=shape,
        responses=ChangeDetailSerializer,
        description=text,
        operation_id=f"changes_{service}",
    )
    @api_view(["POST"])
    @idempotent
    def handler(request: Request, number: int) -> Response:
        found = find(actor(request), number)
        given = read(request, shape)
        made = getattr(services, service)(actor=actor(request), change_id=found.id, **given)
        return _detail(request, made.number if service == "roll_back" else number)

    return handler


class NothingSerializer(serializers.Serializer[Any]):
    pass


edit = _act(
    "edit", selectors.to_propose_anew, EditSerializer, "Replace the proposal; earlier decisions no longer count."
)
approve = _act(
    "approve",
    selectors.to_review,
    DecisionSerializer,
    "Approve exactly what `seen` identifies. Takes a person, not a token.",
)
reject = _act(
    "reject",
    selectors.to_review,
    DecisionSerializer,
    "End the change; the comment is required. Takes a person, not a token.",
)
request_changes = _act(
    "request_changes", selectors.to_review, DecisionSerializer, "Ask for something else; the comment is required."
)
comment = _act("comment", selectors.to_discuss, CommentSerializer, "Say something.")
withdraw = _act("withdraw", selectors.numbered, NothingSerializer, "Take back your own change.")
roll_back = _act(
    "roll_back",
    selectors.to_propose_anew,
    ReasonSerializer,
    "Propose what was active before; answers with the new change.",
)


def _detail(request: Request, number: int, *, status: int = 200) -> Response:
    shown = selectors.change(actor(request), number)
    return Response(ChangeDetailSerializer(shown).data, status=status)
