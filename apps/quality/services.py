"""Records what checks found, and gives the verdicts of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from .models import CheckResult


@dataclass(frozen=True)
class Outcome:
    """The verdict of one check: counts and a short text, never a value of a row."""

    stream: str
    check_id: str
    phase: str
    kind: str
    severity: str
    status: str
    observed: str
    unexpected: int | None = None
    total: int | None = None
    measured: Decimal | None = None
    lowest: Decimal | None = None
    highest: Decimal | None = None


def record(*, run: str, pipeline: str, outcomes: Sequence[Outcome]) -> None:
    """Keep the verdicts of a run, in the caller's transaction; a later attempt of the same step replaces its own."""
    rows = [CheckResult(run=run, pipeline=pipeline, **asdict(outcome)) for outcome in outcomes]
    CheckResult.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["run", "stream", "check_id", "phase"],
        update_fields=[
            "kind",
            "severity",
            "status",
            "observed",
            "unexpected",
            "total",
            "measured",
            "lowest",
            "highest",
        ],
    )


def verdicts(run: str) -> list[dict[str, Any]]:
    """Every verdict of a run, for its manifest."""
    rows = CheckResult.objects.filter(run=run).order_by("stream", "phase", "check_id")
    fields = ("stream", "check_id", "phase", "kind", "severity", "status", "unexpected", "total")
    return [dict(row) for row in rows.values(*fields)]
