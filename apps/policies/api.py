"""Masking policies, and why a column is treated as it is, for programs."""

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
from apps.core.api import IDEMPOTENCY, actor, idempotent, read
from apps.dataplane.errors import NotFound
from apps.dataplane.policy import ZONES

from . import proposals, selectors, simulating, starter, yamltext


class PolicySerializer(serializers.Serializer):
    id = serializers.UUIDField()
    team = serializers.CharField(source="team.slug")
    slug = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField(source="active_version")


class PolicyVersionSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    hash = serializers.CharField()
    change = serializers.CharField()
    text = serializers.JSONField(help_text="{format: 1, rules: [{name, tag or column, zone, treatment, domain}]}")


class NewPolicySerializer(serializers.Serializer):
    team = serializers.CharField(help_text="The team's short name.")
    slug = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=120)
    text = serializers.JSONField(help_text="The rules as an object, or as YAML text of at most 200 KB.")
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class ProposedPolicySerializer(serializers.Serializer):
    change = serializers.IntegerField(help_text="The number of the change that waits for review.")


class VerdictSerializer(serializers.Serializer):
    title = serializers.CharField()
    sentence = serializers.CharField(help_text="What would follow from approval.")
    risk = serializers.ChoiceField(["LOW", "MEDIUM", "HIGH"])
    reasons = serializers.ListField(child=serializers.CharField())
    approvals = serializers.IntegerField()


class WhySerializer(serializers.Serializer):
    zone = serializers.CharField()
    state = serializers.CharField(help_text="The treatment's kind, or `refused`.")
    phrase = serializers.CharField()
    sentence = serializers.CharField()
    remedy = serializers.CharField()
    policy = serializers.CharField()
    version = serializers.IntegerField()
    rule = serializers.CharField()


class PackItemSerializer(serializers.Serializer):
    reference = serializers.CharField()
    name = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    treatment = serializers.CharField(allow_null=True)
    public = serializers.CharField(allow_null=True, help_text="In zone public, where that differs.")
    gap = serializers.CharField(help_text="What the pack cannot do yet, and what to do about it.")


class PackSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    sentence = serializers.CharField()
    for_whom = serializers.CharField()
    items = PackItemSerializer(many=True)
    policy_text = serializers.JSONField()
    classification_map = serializers.JSONField(help_text="By tag: the items of the pack that it stands for.")
    retention_defaults = serializers.JSONField(help_text="[{tag, keep: {amount, unit}, action, why}]")


class SwitchOnSerializer(serializers.Serializer):
    team = serializers.CharField(help_text="The team's short name.")
    packs = serializers.ListField(child=serializers.CharField(max_length=60), allow_empty=False, max_length=20)
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class SimulateSerializer(serializers.Serializer):
    dataset = serializers.UUIDField()
    zone = serializers.ChoiceField(list(ZONES))
    purpose = serializers.CharField(required=False, default="", allow_blank=True, max_length=60)
    policy = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=60,
        help_text="Short name of the one that `text` replaces.",
    )
    text = serializers.JSONField(required=False, help_text="A draft: the rules as an object, or as YAML text.")


class OutcomeSerializer(serializers.Serializer):
    treatment = serializers.CharField()
    phrase = serializers.CharField()
    why = serializers.CharField()
    remedy = serializers.CharField()
    refused = serializers.BooleanField()
    code = serializers.CharField()


class SimulatedSerializer(serializers.Serializer):
    name = serializers.CharField()
    type = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField(), allow_null=True)
    now = OutcomeSerializer()
    draft = OutcomeSerializer(allow_null=True)
    changed = serializers.BooleanField()


class SimulationSerializer(serializers.Serializer):
    zone = serializers.CharField()
    purpose = serializers.CharField()
    rows = SimulatedSerializer(many=True)
    counts = serializers.JSONField()


@extend_schema(methods=["GET"], tags=["policies"], responses=PolicySerializer(many=True))
@extend_schema(
    methods=["POST"],
    tags=["policies"],
    parameters=[IDEMPOTENCY],
    request=NewPolicySerializer,
    responses={201: ProposedPolicySerializer},
)
@api_view(["GET", "POST"])
def policies(request: Request) -> Response:
    """The policies that you may see. POST proposes a new one, or the next version of one with that short name."""
    if request.method == "POST":
        return _propose(request)
    access.require(actor(request), "policy.view")
    return Response(PolicySerializer(selectors.policies(actor(request)), many=True).data)


@idempotent
def _propose(request: Request) -> Response:
    team_id, proposal, reason = _proposed(request)
    change = changes.propose(actor=actor(request), kind="policy", team_id=team_id, proposal=proposal, reason=reason)
    return Response({"change": change.number}, status=201)


def _proposed(request: Request) -> tuple[Any, dict[str, Any], str]:
    access.require(actor(request), "policy.propose")
    body = read(request, NewPolicySerializer)
    team = _team(request, body["team"])
    text = yamltext.read(body["text"]) if isinstance(body["text"], str) else body["text"]
    return team.id, {"slug": body["slug"], "name": body["name"], "text": text}, body["reason"]


def _team(request: Request, slug: str) -> Any:
    team = next((one for one in accounts.teams(actor(request)) if one.slug == slug), None)
    if team is None:
        raise NotFound("There is no such team, or none that you are in.", field="team")
    return team


@extend_schema(tags=["policies"], responses=PolicyVersionSerializer)
@api_view(["GET"])
def policy(request: Request, team: str, slug: str) -> Response:
    """The active version of a policy."""
    row = selectors.policy(actor(request), team, slug)
    return Response(PolicyVersionSerializer(selectors.version(row)).data)


@extend_schema(tags=["policies"], responses=PolicyVersionSerializer)
@api_view(["GET"])
def version(request: Request, team: str, slug: str, number: int) -> Response:
    """One version of a policy."""
    row = selectors.policy(actor(request), team, slug)
    return Response(PolicyVersionSerializer(selectors.version(row, number)).data)


@extend_schema(tags=["policies"], request=NewPolicySerializer, responses=VerdictSerializer)
@api_view(["POST"])
def validate(request: Request) -> Response:
    """What would follow from a policy, without proposing it. Errors name the place, such as `rules[2].zone`."""
    team_id, proposal, _reason = _proposed(request)
    access.require(actor(request), "policy.propose", team_id)
    proposal = proposals.normalise(proposal, team_id=team_id)
    before = proposals.current(proposals.target(proposal, team_id=team_id)).proposal
    found = proposals.consequence(before, proposal, team_id=team_id)
    return Response(VerdictSerializer(found).data)


@extend_schema(methods=["GET"], tags=["policies"], responses=PackSerializer(many=True))
@extend_schema(
    methods=["POST"],
    tags=["policies"],
    parameters=[IDEMPOTENCY],
    request=SwitchOnSerializer,
    responses={201: ProposedPolicySerializer},
)
@api_view(["GET", "POST"])
def packs(request: Request) -> Response:
    """The starter packs with what each covers. POST proposes to switch some on for a team."""
    if request.method == "POST":
        return _switch_on(request)
    access.require(actor(request), "policy.view")
    return Response(PackSerializer(starter.packs(), many=True).data)


@idempotent
def _switch_on(request: Request) -> Response:
    access.require(actor(request), "policy.propose")
    body = read(request, SwitchOnSerializer)
    team = _team(request, body["team"])
    proposal = selectors.starter_proposal(team.id, body["packs"])
    change = changes.propose(
        actor=actor(request), kind="policy", team_id=team.id, proposal=proposal, reason=body["reason"]
    )
    return Response({"change": change.number}, status=201)


@extend_schema(tags=["policies"], request=SimulateSerializer, responses=SimulationSerializer)
@api_view(["POST"])
def simulate(request: Request) -> Response:
    """What a run would do with each column of a dataset in a zone, now and under a draft. Nothing is stored."""
    access.require(actor(request), "policy.view")
    body = read(request, SimulateSerializer)
    draft = body.get("text")
    found = simulating.simulate(
        actor(request),
        body["dataset"],
        zone=body["zone"],
        purpose=body["purpose"],
        draft=yamltext.read(draft) if isinstance(draft, str) else draft,
        policy=body["policy"],
    )
    return Response(SimulationSerializer(found).data)


@extend_schema(tags=["policies"], responses=WhySerializer)
@api_view(["GET"])
def why(request: Request, column_id: UUID, zone: str) -> Response:
    """What happens to a column on its way into a zone, and why, in one sentence."""
    return Response(WhySerializer(selectors.why(actor(request), column_id, zone)).data)
