"""Reads what checks found. A soft reference stands for a run or pipeline that the caller was allowed to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.core.paging import Page, page

from .models import CheckResult

# For annotations above: the table itself is this app's alone.
Result = CheckResult


@dataclass(frozen=True)
class Course:
    """One check over several runs: its results, oldest first, never none."""

    results: tuple[CheckResult, ...]

    @property
    def last(self) -> CheckResult:
        return self.results[-1]

    @property
    def changed(self) -> bool:
        """Whether the last run judged otherwise than the one before."""
        return len(self.results) > 1 and self.results[-2].status != self.last.status


def of_run(run: str) -> list[CheckResult]:
    """Every verdict of a run (`run/<id>`), those that did not pass first, then by stream and check."""
    rows = list(CheckResult.objects.filter(run=run).order_by("stream", "phase", "check_id"))
    return sorted(rows, key=lambda row: row.status == CheckResult.PASSED)


def failed(run: str) -> int:
    """How many output checks of a run did not pass; rules that turned rows away are counted as quarantine instead."""
    return CheckResult.objects.filter(run=run, phase="output").exclude(status=CheckResult.PASSED).count()


def courses(runs: Sequence[str]) -> list[Course]:
    """Every check over these runs of one pipeline (`run/<id>`), in one query; those that fail now come first."""
    found: dict[tuple[str, str, str], list[CheckResult]] = {}
    for row in CheckResult.objects.filter(run__in=list(runs)).order_by("id"):
        found.setdefault((row.stream, row.phase, row.check_id), []).append(row)
    courses = [Course(tuple(rows)) for _key, rows in sorted(found.items())]
    return sorted(courses, key=lambda course: course.last.status == CheckResult.PASSED)


def history(
    pipeline: str, stream: str = "", check_id: str = "", *, cursor: str = "", size: int = 50
) -> Page[CheckResult]:
    """Results of a pipeline (`pipeline/<id>`), of one stream or one check of it, run after run, newest first."""
    rows = CheckResult.objects.filter(pipeline=pipeline)
    for name, value in (("stream", stream), ("check_id", check_id)):
        rows = rows.filter(**{name: value}) if value else rows
    return page(rows, cursor=cursor, size=size)
