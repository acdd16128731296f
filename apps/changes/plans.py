"""What a proposal does to pipelines: each column's treatment and why, before and after, from what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Plan = dict[str, Any]
MOST_PIPELINES = 50


def affected_plans(
    kind: str, target: str, proposal: Mapping[str, Any], team_id: object | None
) -> tuple[list[Plan], list[Plan]]:
    """The plans of the team's pipelines that the proposal touches, as they are and as they would be.

    One entry for each pipeline and stream: {pipeline, stream, columns: [{column, treatment, key, why, refused}]}.
    """
    return [], []


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
    def changed(self) -> bool:
        return (self.before, self.before_refused) != (self.after, self.after_refused)


def table(before: Sequence[Plan], after: Sequence[Plan]) -> tuple[PlanRow, ...]:
    """Both plans side by side, changed columns of a stream first."""
    old, new = _by_place(before), _by_place(after)
    rows = [_row(place, old.get(place), new.get(place)) for place in dict.fromkeys((*new, *old))]
    return tuple(sorted(rows, key=lambda row: (row.pipeline, row.stream, not row.changed)))


def first_difference(bound: Sequence[Plan], now: Sequence[Plan]) -> str:
    """Where two plans differ first, such as `crm-to-warehouse, customers.email: token → pass`; empty when nowhere."""
    old, new = _by_place(bound), _by_place(now)
    for place in dict.fromkeys((*old, *new)):
        if old.get(place) != new.get(place):
            row = _row(place, old.get(place), new.get(place))
            return f"{row.pipeline}, {row.stream}.{row.column}: {row.before or '–'} → {row.after or '–'}"
    return ""


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
