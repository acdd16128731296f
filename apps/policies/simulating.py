"""What a run would do with each column of a dataset in a zone: under the active policies, and under a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.dataplane import planner, treatments
from apps.dataplane.errors import Invalid, Refusal
from apps.dataplane.plan import ColumnPlan, ColumnSchema, TableRef
from apps.dataplane.policy import ZONES, ColumnFacts, PolicyText, parse
from apps.keys import selectors as keys
from apps.sources import selectors as sources

from . import proposals, selectors

Tags = tuple[str, ...] | None


@dataclass(frozen=True)
class Outcome:
    """What becomes of a column, and why; or why it is refused."""

    treatment: str
    phrase: str
    why: str
    remedy: str = ""
    refused: bool = False
    code: str = ""

    @property
    def readable(self) -> bool:
        return self.treatment == "pass"


@dataclass(frozen=True)
class Row:
    """A column as it would be treated now, and under the draft."""

    column_id: UUID
    name: str
    type: str
    tags: Tags
    now: Outcome
    draft: Outcome | None = None

    @property
    def changed(self) -> bool:
        return self.draft is not None and (self.now.treatment, self.now.refused) != (
            self.draft.treatment,
            self.draft.refused,
        )

    @property
    def weaker(self) -> bool:
        """Whether it becomes readable under the draft, and was not before."""
        return self.draft is not None and self.draft.readable and not self.now.readable


@dataclass(frozen=True)
class Simulation:
    """A dataset in a zone, column by column."""

    dataset: Any
    zone: str
    purpose: str
    rows: tuple[Row, ...]
    drafted: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many columns are treated, pass, are refused, and differ under the draft."""
        shown = [row.draft or row.now for row in self.rows]
        return {
            "treated": sum(1 for one in shown if not one.refused and not one.readable),
            "readable": sum(1 for one in shown if one.readable),
            "refused": sum(1 for one in shown if one.refused),
            "changed": sum(1 for row in self.rows if row.changed),
        }


def simulate(
    actor: Actor,
    dataset_id: Id,
    *,
    zone: str,
    purpose: str = "",
    draft: Mapping[str, Any] | None = None,
    policy: str = "",
) -> Simulation:
    """Every column of the dataset; a `draft` text stands for the policy of that short name, or beside all others.

    Nothing is stored. Raises NotFound, Invalid for an unknown zone, and naming the place where the draft is wrong.
    """
    access.require(actor, "policy.view")
    if zone not in ZONES:
        raise Invalid(_("There is no zone %(zone)s.") % {"zone": zone[:40]}, field="zone")
    dataset = sources.dataset(actor, dataset_id)
    team_id = dataset.connection.team_id
    active = selectors.active(team_id)
    drafted = _with(active, policy, draft, team_id) if draft is not None else None
    cards = sources.present(dataset)
    ref = TableRef(dataset.schema, dataset.table)
    columns = tuple(ColumnSchema(card.column.name, card.column.type) for card in cards)
    facts = {card.column.name: sources.fact_of(card.column, card.tags, ref) for card in cards}
    versions = {domain: keys.active_version(domain) for domain in keys.domains()}
    now, then = (
        _outcomes(columns, facts, zone, purpose, policies, versions) if policies is not None else None
        for policies in (active, drafted)
    )
    rows = tuple(
        Row(
            card.column.id,
            card.column.name,
            card.column.type,
            card.tags,
            (now or {})[card.column.name],
            then[card.column.name] if then else None,
        )
        for card in cards
    )
    return Simulation(dataset, zone, purpose, rows, drafted is not None)


def _with(active: Sequence[PolicyText], slug: str, draft: Mapping[str, Any], team_id: Id) -> list[PolicyText]:
    """The active policies with the draft among them. Raises Invalid naming the place."""
    if slug and slug not in {policy.slug for policy in active}:
        raise Invalid(_("There is no policy %(slug)s in this team.") % {"slug": slug}, field="policy")
    name = slug or "draft"
    read = proposals.normalise({"slug": name, "name": name, "text": draft}, team_id=team_id)
    version = next((policy.version for policy in active if policy.slug == name), 0) + 1
    return [*(policy for policy in active if policy.slug != name), PolicyText(name, version, parse(read["text"]))]


def _outcomes(
    columns: Sequence[ColumnSchema],
    facts: Mapping[str, ColumnFacts],
    zone: str,
    purpose: str,
    policies: Sequence[PolicyText],
    versions: Mapping[str, int],
) -> dict[str, Outcome]:
    planned = planner.plan_columns(columns, facts, zone=zone, purpose=purpose, policies=policies, key_versions=versions)
    return {column.name: _outcome(found) for column, found in zip(columns, planned, strict=True)}


def _outcome(found: ColumnPlan | Refusal) -> Outcome:
    if isinstance(found, Refusal):
        return Outcome("", _("refused"), found.sentence, found.remedy, refused=True, code=found.code)
    return Outcome(str(found.treatment), treatments.describe(found.treatment), found.why.sentence)
