"""What a proposal does to pipelines: each column's treatment and why, before and after, from what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.core.ids import Id
from apps.dataplane import definition as definitions
from apps.dataplane.canonical import canonical_hash
from apps.dataplane.errors import Refusal
from apps.dataplane.plan import ColumnPlan
from apps.dataplane.policy import PolicyText, parse
from apps.pipelines import proposals as pipeline_proposals
from apps.pipelines import selectors as pipelines
from apps.pipelines.planning import Wiring, stored_plan, wiring_of
from apps.policies import selectors as policies
from apps.sources import classification_proposals as classifications
from apps.sources import selectors as sources

Plan = dict[str, Any]
Both = tuple[list[Plan], list[Plan]]
MOST_PIPELINES = 50


def affected_plans(kind: str, target: str, proposal: Mapping[str, Any], team_id: Id | None) -> Both:
    """The plans of the pipelines that would treat a column differently, as they are and as they would be.

    One entry for each pipeline and stream: {pipeline, stream, columns: [{column, treatment, why, refused}]}. Beyond the
    first 50 pipelines the columns are left out and a hash of them stands instead.
    """
    found = _KINDS.get(kind, _nothing)(target, proposal, team_id)
    changed = {slug: both for slug, both in sorted(found.items()) if both[0] != both[1]}
    before: list[Plan] = []
    after: list[Plan] = []
    for position, (old, new) in enumerate(changed.values()):
        shorten = position >= MOST_PIPELINES
        before += [_hashed(plan) for plan in old] if shorten else old
        after += [_hashed(plan) for plan in new] if shorten else new
    return before, after


def _nothing(target: str, proposal: Mapping[str, Any], team_id: Id | None) -> dict[str, Both]:
    return {}


def _of_policy(target: str, proposal: Mapping[str, Any], team_id: Id | None) -> dict[str, Both]:
    if team_id is None:
        return {}
    active = policies.active(team_id)
    version = next((policy.version for policy in active if policy.slug == proposal["slug"]), 0) + 1
    proposed = PolicyText(proposal["slug"], version, parse(proposal["text"]))
    others = [policy for policy in active if policy.slug != proposal["slug"]]
    after = sorted([*others, proposed], key=lambda policy: policy.slug)
    return {
        pipeline.slug: (
            _plans(pipeline.slug, wiring_of(pipeline), policies=active),
            _plans(pipeline.slug, wiring_of(pipeline), policies=after),
        )
        for pipeline in pipelines.of_team(team_id)
    }


def _of_classification(target: str, proposal: Mapping[str, Any], team_id: Id | None) -> dict[str, Both]:
    wanted, connection = classifications.tags_in(proposal), str(proposal["connection"])
    named = {(connection, *name): wanted.get(name) for name in classifications.live_columns(proposal)}
    return {
        pipeline.slug: (
            _plans(pipeline.slug, wiring_of(pipeline)),
            _plans(pipeline.slug, wiring_of(pipeline), classifications=named),
        )
        for pipeline in pipelines.of_connection(connection)
        if str(pipeline.source_id) == connection
    }


def _of_connection(target: str, proposal: Mapping[str, Any], team_id: Id | None) -> dict[str, Both]:
    """Another zone brings other rules to bear on what is written there."""
    if target.startswith("connection/new/"):
        return {}
    connection, zone = target.partition("/")[2], proposal["definition"]["zone"]
    return {
        pipeline.slug: (
            _plans(pipeline.slug, wiring_of(pipeline)),
            _plans(pipeline.slug, wiring_of(pipeline), zone=zone),
        )
        for pipeline in pipelines.of_connection(connection)
        if str(pipeline.destination_id) == connection
    }


def _of_pipeline(target: str, proposal: Mapping[str, Any], team_id: Id | None) -> dict[str, Both]:
    slug, base = proposal["slug"], pipeline_proposals.current(target).proposal
    before = _plans(slug, _wiring(base, team_id)) if base else []
    return {slug: (before, _plans(slug, _wiring(proposal, team_id)))}


_KINDS: dict[str, Callable[[str, Mapping[str, Any], Id | None], dict[str, Both]]] = {
    "policy": _of_policy,
    "classification": _of_classification,
    "connection": _of_connection,
    "pipeline": _of_pipeline,
}


def _wiring(proposal: Mapping[str, Any], team_id: Id | None) -> Wiring:
    source, destination = (UUID(str(proposal[end])) for end in ("source", "destination"))
    return Wiring(UUID(str(team_id)), source, destination, definitions.parse(proposal["definition"]))


def _plans(slug: str, wiring: Wiring, **proposed: Any) -> list[Plan]:
    planned = stored_plan(wiring, **proposed)
    return [
        {"pipeline": slug, "stream": stream.name, "columns": _column_plans(wiring, stream, planned[stream.name])}
        for stream in wiring.definition.streams
    ]


def _column_plans(
    wiring: Wiring, stream: definitions.StreamDefinition, planned: Sequence[ColumnPlan | Refusal]
) -> list[dict[str, Any]]:
    schema = sources.stored_schema(wiring.source_id, stream.source)
    names = [column.name for column in schema.columns] if schema else []
    return [_column_plan(name, column) for name, column in zip(names, planned, strict=True)]


def _column_plan(name: str, column: ColumnPlan | Refusal) -> dict[str, Any]:
    if isinstance(column, Refusal):
        return {"column": name, "treatment": "", "why": column.sentence, "refused": True}
    return {"column": name, "treatment": str(column.treatment), "why": column.why.sentence, "refused": False}


def _hashed(plan: Plan) -> Plan:
    return {**plan, "columns": [], "hash": canonical_hash(plan["columns"])}


@dataclass(frozen=True)
class PlanRow:
    """A column in the table of a review: its treatment before and after; an empty one: the column is not there."""

    pipeline: str
    stream: str
    column: str
    before: str
    before_why: str
    before_refused: bool
    after: str
    after_why: str
    after_refused: bool

    @property
    def says_before(self) -> str:
        return _("refused") if self.before_refused else self.before or _("absent")

    @property
    def says_after(self) -> str:
        return _("refused") if self.after_refused else self.after or _("absent")

    @property
    def changed(self) -> bool:
        return (self.before, self.before_refused) != (self.after, self.after_refused)


def table(before: Sequence[Plan], after: Sequence[Plan]) -> tuple[PlanRow, ...]:
    """Both plans side by side, changed columns of a stream first."""
    old, new = _by_place(before), _by_place(after)
    rows = [_row(place, old.get(place), new.get(place)) for place in dict.fromkeys((*new, *old))]
    return tuple(sorted(rows, key=lambda row: (row.pipeline, row.stream, not row.changed)))


@dataclass(frozen=True)
class PipelinePlan:
    """What a change does to one pipeline: the columns that are treated differently, and those that stay."""

    pipeline: str
    changed: tuple[PlanRow, ...]
    same: tuple[PlanRow, ...]


def by_pipeline(rows: Sequence[PlanRow]) -> tuple[PipelinePlan, ...]:
    """The rows of a review, for each pipeline."""
    return tuple(
        PipelinePlan(
            name,
            tuple(row for row in rows if row.pipeline == name and row.changed),
            tuple(row for row in rows if row.pipeline == name and not row.changed),
        )
        for name in dict.fromkeys(row.pipeline for row in rows)
    )


def first_difference(bound: Sequence[Plan], now: Sequence[Plan]) -> str:
    """Where two plans differ first, such as `crm-to-warehouse, customers.email: token → pass`; empty when nowhere."""
    old, new = _by_place(bound), _by_place(now)
    for place in dict.fromkeys((*old, *new)):
        if old.get(place) != new.get(place):
            row = _row(place, old.get(place), new.get(place))
            return f"{row.pipeline}, {row.stream}.{row.column}: {row.says_before} → {row.says_after}"
    hashes = [{(plan["pipeline"], plan["stream"], plan.get("hash", "")) for plan in plans} for plans in (bound, now)]
    other = sorted(hashes[0] ^ hashes[1])
    return f"{other[0][0]}, {other[0][1]}" if other else ""


def _by_place(plans: Sequence[Plan]) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    return dict(_columns(plans))


def _columns(plans: Sequence[Plan]) -> Iterator[tuple[tuple[str, str, str], Mapping[str, Any]]]:
    for plan in plans:
        for column in plan["columns"]:
            yield (plan["pipeline"], plan["stream"], column["column"]), column


def _row(place: tuple[str, str, str], before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> PlanRow:
    old, new = before or _ABSENT, after or _ABSENT
    return PlanRow(
        *place,
        before=old["treatment"],
        before_why=old["why"],
        before_refused=old["refused"],
        after=new["treatment"],
        after_why=new["why"],
        after_refused=new["refused"],
    )


_ABSENT: Mapping[str, Any] = {"treatment": "", "why": "", "refused": False}
