"""Sets two runs side by side: how their plans differ, what they counted, how long each step took, what checks found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.templatetags.formats import duration
from apps.dataplane.differences import Difference, differences
from apps.quality import selectors as quality

from . import presenting, selectors
from .models import Run, Step

KINDS = {
    "pipeline": _("Pipeline"),
    "policy": _("Policy"),
    "connection": _("Connection"),
    "column": _("Column"),
    "treatment": _("Treatment"),
    "key": _("Key version"),
    "stream": _("Table"),
    "source": _("Source schema"),
    "destination": _("Destination schema"),
    "rules": _("Row rules"),
    "window": _("What was read"),
    "checks": _("Output checks"),
    "code": _("Lockgate"),
}
COUNTED = {
    "rows_read": _("Read"),
    "rows_published": _("Published"),
    "rows_quarantined": _("Quarantined"),
    "rows_rejected": _("Rejected"),
    "rows_excluded": _("Excluded by rule"),
}


@dataclass(frozen=True)
class Told:
    """One difference of the plans, for people."""

    kind: str
    subject: str
    before: str
    after: str


@dataclass(frozen=True)
class Pair:
    """One line of two values; `change` is told where it can be."""

    label: str
    before: str
    after: str
    change: str = ""
    differs: bool = False


@dataclass(frozen=True)
class Comparison:
    """Everything that the page shows. `planned` is false where one of the two never had a plan."""

    before: Run
    after: Run
    planned: bool
    plan: tuple[Told, ...]
    counts: tuple[Pair, ...]
    steps: tuple[Pair, ...]
    checks: tuple[Pair, ...]


def compare(before: Run, after: Run) -> Comparison:
    """Both were read for the actor already."""
    then, now = selectors.plan(before), selectors.plan(after)
    found = differences(then, now) if then and now else ()
    return Comparison(
        before,
        after,
        bool(then and now),
        tuple(_told(one) for one in found),
        tuple(_counts(before, after)),
        tuple(_steps(before, after)),
        tuple(_checks(before, after)),
    )


def as_json(found: Comparison) -> dict[str, Any]:
    """For programs."""
    return {
        "before": found.before.number,
        "after": found.after.number,
        "planned": found.planned,
        **{name: [vars(one) for one in getattr(found, name)] for name in ("plan", "counts", "steps", "checks")},
    }


def _told(difference: Difference) -> Told:
    return Told(str(KINDS[difference.kind]), difference.subject, difference.before, difference.after)


def _counts(before: Run, after: Run) -> Iterator[Pair]:
    for name, label in COUNTED.items():
        old, new = getattr(before, name), getattr(after, name)
        yield Pair(str(label), f"{old:,}", f"{new:,}", _change(old, new), old != new)


def _change(old: int, new: int) -> str:
    if old == new:
        return ""
    share = f" ({100 * (new - old) / old:+.1f} %)" if old else ""
    return f"{new - old:+,}{share}"


def _steps(before: Run, after: Run) -> Iterator[Pair]:
    yield _times(str(_("Whole run")), before.took, after.took)
    old, new = ({step.name: step for step in selectors.steps(run)} for run in (before, after))
    for name, label in presenting.STEPS.items():
        yield _times(str(label), _spent(old.get(name)), _spent(new.get(name)))


def _times(label: str, old: timedelta | None, new: timedelta | None) -> Pair:
    return Pair(label, _duration(old), _duration(new), _slower(old, new))


def _spent(step: Step | None) -> timedelta | None:
    return step.ended_at - step.started_at if step and step.started_at and step.ended_at else None


def _duration(spent: timedelta | None) -> str:
    return duration(spent) if spent is not None else "—"


def _slower(old: timedelta | None, new: timedelta | None) -> str:
    if not old or not new or abs((new - old).total_seconds()) < 1:
        return ""
    return f"{(new - old).total_seconds():+,.0f} s"


def _checks(before: Run, after: Run) -> Iterator[Pair]:
    old, new = (_results(run) for run in (before, after))
    for name in dict.fromkeys((*old, *new)):
        one, other = old.get(name), new.get(name)
        yield Pair(name, _result(one), _result(other), differs=_status(one) != _status(other))


def _results(run: Run) -> Mapping[str, Any]:
    return {f"{one.stream}/{one.check_id}": one for one in quality.of_run(f"run/{run.id}")}


def _status(result: Any) -> str:
    return str(result.status) if result else ""


def _result(result: Any) -> str:
    if result is None:
        return "—"
    words = {"PASSED": _("passed"), "FAILED": _("failed"), "ERROR": _("could not be evaluated")}
    return f"{words.get(result.status, result.status)}: {result.observed}" if result.observed else str(result.status)
