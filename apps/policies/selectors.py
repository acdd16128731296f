"""Reads masking policies: which are active, what their rules reach, and why a column is treated as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.dataplane import treatments
from apps.dataplane.errors import Invalid, NotFound, Refusal
from apps.dataplane.plan import PolicyRef, TableRef
from apps.dataplane.policy import ZONES, ColumnFacts, Decision, PolicyText, Rule, closeness, decide, parse
from apps.sources import selectors as sources

from . import effects, starter
from .models import Policy, PolicyVersion


@dataclass(frozen=True)
class PolicyCard:
    """A policy in the list."""

    policy: Policy
    rules: tuple[Rule, ...]
    columns: int


@dataclass(frozen=True)
class RuleRow:
    """A rule as a line of a table: what it does in words, and which columns its selector fits."""

    rule: Rule
    treatment: str
    columns: tuple[str, ...]

    @property
    def selector(self) -> str:
        return self.rule.tag or self.rule.column

    @property
    def keyed(self) -> bool:
        return treatments.needs_key(self.rule.treatment)


@dataclass(frozen=True)
class Answer:
    """What happens to a column in a zone, in one sentence. `state` is the treatment's kind, or `refused`.

    `code` is that of the refusal: unclassified, no-rule or conflict.
    """

    zone: str
    state: str
    phrase: str
    sentence: str
    remedy: str = ""
    code: str = ""
    policy: str = ""
    version: int = 0
    rule: str = ""


def active(team_id: Id) -> tuple[PolicyText, ...]:
    """The active text of each of the team's policies, in order of slug."""
    rows = PolicyVersion.objects.filter(
        policy__team_id=team_id, policy__archived_at=None, number=F("policy__active_version")
    ).order_by("policy__slug")
    texts = rows.values_list("policy__slug", "number", "text")
    return tuple(PolicyText(slug, number, parse(text)) for slug, number, text in texts)


def policies(actor: Actor) -> QuerySet[Policy]:
    """Every policy that the actor may see, by team and name."""
    rows = Policy.objects.filter(archived_at=None).select_related("team").order_by("team__name", "name", "id")
    if not access.everywhere(actor, "policy.view"):
        rows = rows.filter(team_id__in=access.teams(actor, "policy.view"))
    return rows


def policy(actor: Actor, team: str, slug: str) -> Policy:
    """By the slugs of its team and its own. Raises NotFound."""
    found = policies(actor).filter(team__slug=team, slug=slug).first()
    if found is None:
        raise NotFound(_("There is no policy %(slug)s, or none that you may see.") % {"slug": slug})
    return found


def cards(actor: Actor) -> tuple[PolicyCard, ...]:
    """The list; its queries grow with the number of teams alone."""
    rows = list(policies(actor))
    texts = {
        row.policy_id: row for row in PolicyVersion.objects.filter(policy__in=rows, number=F("policy__active_version"))
    }
    facts = {team_id: sources.team_facts(team_id) for team_id in {row.team_id for row in rows}}
    return tuple(_card(row, parse(texts[row.id].text), facts[row.team_id]) for row in rows)


def _card(policy: Policy, rules: tuple[Rule, ...], facts: Sequence[ColumnFacts]) -> PolicyCard:
    reached = {path for paths in effects.reach(rules, facts).values() for path in paths}
    return PolicyCard(policy, rules, len(reached))


def version(policy: Policy, number: int | None = None) -> PolicyVersion:
    """One version, the active one unless told. Raises NotFound."""
    found = PolicyVersion.objects.filter(policy=policy, number=number or policy.active_version).first()
    if found is None:
        raise NotFound(_("This policy has no version %(number)s.") % {"number": number})
    return found


def versions(policy: Policy) -> list[PolicyVersion]:
    """Newest first."""
    return list(PolicyVersion.objects.filter(policy=policy).order_by("-number"))


def rule_rows(team_id: Id, document: Mapping[str, Any]) -> tuple[RuleRow, ...]:
    """The rules of a text, the closest first, with what they reach among the team's classified columns."""
    rules = parse(document)
    reached = effects.reach(rules, sources.team_facts(team_id))
    strongest = sorted(rules, key=closeness, reverse=True)
    return tuple(RuleRow(rule, treatments.describe(rule.treatment), reached[rule.name]) for rule in strongest)


@dataclass(frozen=True)
class StarterState:
    """The policy that holds a team's starter packs, as it is active."""

    policy: Policy
    rules: tuple[Rule, ...]


def starter_state(team_id: Id) -> StarterState | None:
    """None while no pack was ever switched on."""
    row = Policy.objects.filter(team_id=team_id, slug=starter.SLUG, archived_at=None).select_related("team").first()
    return StarterState(row, parse(version(row).text)) if row else None


def starter_proposal(team_id: Id, slugs: Iterable[str]) -> dict[str, Any]:
    """The team's starter policy with these packs as well. Raises Invalid for a pack that does not exist."""
    state = starter_state(team_id)
    if state is None:
        return starter.proposal(slugs)
    return starter.proposal(slugs, name=state.policy.name, rules=state.rules)


def answer(column: ColumnFacts, *, zone: str, texts: Sequence[PolicyText], purpose: str = "") -> Answer:
    """What `texts` say about a column in a zone."""
    outcome: Decision | Refusal = decide(column, zone=zone, purpose=purpose, policies=texts)
    if isinstance(outcome, Refusal):
        return Answer(zone, "refused", _("refused"), outcome.sentence, outcome.remedy, outcome.code)
    why, spec = outcome.why, outcome.treatment
    return Answer(zone, spec.kind, str(spec), why.sentence, "", "", why.policy, why.policy_version, why.rule)


def answers(column: ColumnFacts, texts: Sequence[PolicyText]) -> tuple[Answer, ...]:
    """What happens to the column, for each zone."""
    return tuple(answer(column, zone=zone, texts=texts) for zone in ZONES)


def why(actor: Actor, column_id: Id, zone: str) -> Answer:
    """Why a column is treated as it is on its way into a zone. Raises NotFound, Invalid for an unknown zone."""
    if zone not in ZONES:
        raise Invalid(_("There is no zone %(zone)s.") % {"zone": zone}, field="zone")
    column = sources.column(actor, column_id)
    return answer(sources.fact(column), zone=zone, texts=active(column.dataset.connection.team_id))


def why_named(actor: Actor, connection_id: Id, ref: TableRef, name: str, zone: str) -> Answer:
    """The same for a column by its names."""
    connection = sources.connection(actor, connection_id)
    fact = next((one for one in sources.facts(connection.id, ref) if one.name == name), None)
    if fact is None:
        raise NotFound(_("There is no column %(name)s in %(table)s.") % {"name": name, "table": ref})
    return answer(fact, zone=zone, texts=active(connection.team_id))


def change_of(team_id: Id, policy: PolicyRef) -> str:
    """The change that approved a policy version, as a soft reference; empty for a version that never was."""
    rows = PolicyVersion.objects.filter(policy__team_id=team_id, policy__slug=policy.slug, number=policy.version)
    return rows.values_list("change", flat=True).first() or ""
