"""The steps of a run, in order, and the line of its log."""

from __future__ import annotations

from django.db.models.functions import Now

from apps.core.ids import Id

from .models import LogLine, Run, Step

INSPECT, PLAN, EXTRACT, CHECK, TREAT = "inspect", "plan", "extract", "check", "treat"
STAGE, SETTLE, GATE, PUBLISH, CONCLUDE = "stage", "settle", "gate", "publish", "conclude"
NAMES = (INSPECT, PLAN, EXTRACT, CHECK, TREAT, STAGE, SETTLE, GATE, PUBLISH, CONCLUDE)
# These four go on together, batch by batch.
TOGETHER = (EXTRACT, CHECK, TREAT, STAGE)


def create(run: Run) -> None:
    Step.objects.bulk_create([Step(run=run, position=place, name=name) for place, name in enumerate(NAMES)])


def begin(run_id: Id, *names: str, attempt: int, expected: int = 0) -> None:
    """A later attempt starts the step over."""
    rows = Step.objects.filter(run_id=run_id, name__in=names)
    rows.update(state=Step.RUNNING, attempt=attempt, started_at=Now(), ended_at=None, rows=0, rows_expected=expected)


def count(run_id: Id, *names: str, rows: int) -> None:
    Step.objects.filter(run_id=run_id, name__in=names, state=Step.RUNNING).update(rows=rows)


def done(run_id: Id, *names: str, detail: str = "", rows: int | None = None) -> None:
    fields = {"state": Step.DONE, "ended_at": Now(), "detail": detail[:300]}
    Step.objects.filter(run_id=run_id, name__in=names).update(**fields, **({} if rows is None else {"rows": rows}))


def fail_running(run_id: Id, detail: str) -> None:
    """Whatever step was under way is where the run ended."""
    running = Step.objects.filter(run_id=run_id, state=Step.RUNNING)
    running.update(state=Step.FAILED, ended_at=Now(), detail=detail[:300])


def log(run_id: Id, step: str, sentence: str, *, level: str = "INFO") -> None:
    """One line of the run's log. The sentence holds names and counts, never a value of a row."""
    LogLine.objects.create(run_id=run_id, at=Now(), level=level, step=step, sentence=sentence[:400])
