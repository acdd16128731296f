"""Reads what checks found. A soft reference stands for a run or pipeline that the caller was allowed to see."""

from __future__ import annotations

from .models import CheckResult


def of_run(run: str) -> list[CheckResult]:
    """Every verdict of a run (`run/<id>`), those that did not pass first, then by stream and check."""
    rows = list(CheckResult.objects.filter(run=run).order_by("stream", "phase", "check_id"))
    return sorted(rows, key=lambda row: row.status == CheckResult.PASSED)


def failed(run: str) -> int:
    """How many output checks of a run did not pass; rules that turned rows away are counted as quarantine instead."""
    return CheckResult.objects.filter(run=run, phase="output").exclude(status=CheckResult.PASSED).count()


def history(pipeline: str, stream: str, check_id: str, limit: int = 30) -> list[CheckResult]:
    """One check of a pipeline (`pipeline/<id>`), run after run, newest first."""
    rows = CheckResult.objects.filter(pipeline=pipeline, stream=stream, check_id=check_id)
    return list(rows.order_by("-id")[:limit])
