"""Shapes runs for pages: words, steps, progress, tabs and remedies."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor
from apps.core.templatetags.formats import duration
from apps.dataplane import treatments
from apps.dataplane.plan import ColumnPlan, RunPlan
from apps.pipelines import remedies
from apps.quality import selectors as quality

from . import recalling, selectors, tainting
from . import steps as names
from .models import LogLine, Quarantine, Run, Step

STATES = [
    (Run.QUEUED, gettext_lazy("Queued")),
    (Run.RUNNING, gettext_lazy("Running")),
    (Run.PUBLISHED, gettext_lazy("Published")),
    (Run.REFUSED, gettext_lazy("Refused")),
    (Run.BLOCKED, gettext_lazy("Blocked")),
    (Run.FAILED, gettext_lazy("Failed")),
    (Run.CANCELLED, gettext_lazy("Cancelled")),
    (Run.RECALLING, gettext_lazy("Being recalled")),
    (Run.RECALLED, gettext_lazy("Recalled")),
]
TRIGGERS = [
    ("manual", gettext_lazy("by hand")),
    ("schedule", gettext_lazy("by schedule")),
    ("retry", gettext_lazy("run again")),
    ("same_plan", gettext_lazy("with the same plan")),
]
LEVELS = [("ERROR", gettext_lazy("Errors")), ("WARN", gettext_lazy("Warnings")), ("INFO", gettext_lazy("Information"))]
STEPS = {
    names.INSPECT: gettext_lazy("Inspect the destination"),
    names.PLAN: gettext_lazy("Plan every column"),
    names.EXTRACT: gettext_lazy("Extract"),
    names.CHECK: gettext_lazy("Check rows"),
    names.TREAT: gettext_lazy("Treat"),
    names.STAGE: gettext_lazy("Stage and sign"),
    names.SETTLE: gettext_lazy("Settle duplicates and orphans"),
    names.GATE: gettext_lazy("Quality gate"),
    names.PUBLISH: gettext_lazy("Publish"),
    names.CONCLUDE: gettext_lazy("Conclude"),
}
# Shares of a run's time, roughly: only the bar depends on them.
WEIGHTS = {
    names.INSPECT: 2,
    names.PLAN: 2,
    names.EXTRACT: 14,
    names.CHECK: 14,
    names.TREAT: 14,
    names.STAGE: 14,
    names.SETTLE: 6,
    names.GATE: 12,
    names.PUBLISH: 20,
    names.CONCLUDE: 2,
}
ROW_STEPS = (*names.TOGETHER, names.PUBLISH)
LEAST_SHARE_TOLD = 0.1
# Runs whose rows once reached the destination.
TOOK_PLACE = (Run.PUBLISHED, Run.RECALLING, Run.RECALLED)


@dataclass(frozen=True)
class StepLine:
    """One line of the list of steps."""

    label: str
    state: str
    detail: str
    note: str


@dataclass(frozen=True)
class Progress:
    """How far a run is, and what is told of the rest."""

    percent: int
    rest: str


@dataclass(frozen=True)
class Line:
    """One line of the log, as the log box draws it."""

    at: datetime
    level: str
    source: str
    text: str


@dataclass(frozen=True)
class ColumnLine:
    """One column of the plan: what happens to it, and why."""

    column: ColumnPlan
    treatment: str
    phrase: str
    key: str


@dataclass(frozen=True)
class Reason:
    """One refusal, with the page on which it is mended."""

    sentence: str
    remedy: str
    url: str
    action: str
    title: str = ""


@dataclass(frozen=True)
class Allowed:
    """Which buttons the actor sees."""

    cancel: bool
    start: bool
    repeat: bool = False
    recall: bool = False
    anew: bool = False


@dataclass(frozen=True)
class Term:
    """One term of the row equation."""

    sign: str
    rows: int
    label: str


def page(actor: Actor, run: Run, at: datetime) -> dict[str, Any]:
    """What the first tab shows, whole or piece by piece as it happens; with the outcome once the run has ended."""
    steps = selectors.steps(run)
    shown = {
        "run": run,
        "may": buttons(actor, run, steps),
        "steps": step_lines(run, steps, at),
        "progress": progress(run, steps, at),
        "seconds": seconds(run, at),
        "tabs": tabs(run, "run"),
        "repeats": run.repeats,
    }
    return shown | outcome(actor, run) if run.ended else shown


def outcome(actor: Actor, run: Run) -> dict[str, Any]:
    """Sentence, row equation and reasons of a run that has ended; what was recalled, and whom that reaches."""
    plan = selectors.plan(run)
    manifest = selectors.manifest(run)
    return {
        "plan": plan,
        "equation": equation(run) if run.state in TOOK_PLACE else (),
        "streams": streams(run, plan),
        "reasons": reasons(run),
        "manifest": manifest,
        "signature": selectors.signature(manifest) if manifest else None,
        "recalls": recalls(actor, run) if run.state in TOOK_PLACE else [],
        "taints": selectors.taints(run) if run.state in TOOK_PLACE else [],
        "who": who_started(run),
        "trigger": trigger(run),
    }


def recalls(actor: Actor, run: Run) -> list[dict[str, Any]]:
    """Each recall with its signature and the runs that it taints, as far as the actor may see them."""
    found = []
    for one in selectors.recalls(run):
        record = getattr(one, "manifest", None)
        tainted, unseen = selectors.tainted(actor, one)
        signed = selectors.signature(record) if record else None
        found.append({"recall": one, "manifest": record, "signature": signed, "tainted": tainted, "unseen": unseen})
    return found


def head(actor: Actor, run: Run, here: str) -> dict[str, Any]:
    """What stands above every tab."""
    told = {"who": who_started(run), "trigger": trigger(run)}
    return {"run": run, "may": buttons(actor, run, selectors.steps(run)), "tabs": tabs(run, here), **told}


def trigger(run: Run) -> str:
    return str(dict(TRIGGERS).get(run.trigger, run.trigger))


def who_started(run: Run) -> str:
    """A person's name; the process's own for what starts by itself."""
    return accounts.names([run.started_by]).get(run.started_by, run.started_by)


def seconds(run: Run, at: datetime) -> float | None:
    """How long it took, or has taken until `at`."""
    return ((run.ended_at or at) - run.started_at).total_seconds() if run.started_at else None


def buttons(actor: Actor, run: Run, steps: Sequence[Step]) -> Allowed:
    """Cancelling ends where publishing begins."""
    publishing = any(step.name == names.PUBLISH and step.state != Step.WAITING for step in steps)
    under_way = not run.ended
    may_start = not under_way and run.state != Run.RECALLING and access.allowed(actor, "run.start", run.team_id)
    return Allowed(
        cancel=under_way and not publishing and access.allowed(actor, "run.cancel", run.team_id),
        start=may_start,
        repeat=may_start and bool(run.plan_hash),
        recall=run.state == Run.PUBLISHED and access.allowed(actor, "run.recall", run.team_id),
        anew=may_start and any(stream["mode"] != "replace" for stream in (run.plan or {}).get("streams", ())),
    )


def step_lines(run: Run, steps: Sequence[Step], at: datetime) -> list[StepLine]:
    return [
        StepLine(
            str(STEPS.get(step.name, step.name)), _step_state(run, step), step.detail, _note(step, run.ended_at or at)
        )
        for step in steps
    ]


def _step_state(run: Run, step: Step) -> str:
    """What was never reached is skipped; what a cancelled run was at has no end of its own."""
    if run.ended and step.state in (Step.WAITING, Step.RUNNING):
        return "skipped"
    return step.state.lower()


def _note(step: Step, at: datetime) -> str:
    if step.started_at is None:
        return ""
    rows = ngettext("%(rows)s row", "%(rows)s rows", step.rows) % {"rows": f"{step.rows:,}"}
    took = duration((step.ended_at or at) - step.started_at)
    return f"{rows} · {took}" if step.name in ROW_STEPS and step.rows else took


def progress(run: Run, steps: Sequence[Step], at: datetime) -> Progress:
    """The share of the whole run, and about how long the rest will take."""
    share = sum(WEIGHTS.get(step.name, 0) * _share(step) for step in steps) / sum(WEIGHTS.values())
    if run.state == Run.PUBLISHED:
        return Progress(100, "")
    spent = seconds(run, at)
    if run.ended:
        return Progress(int(share * 100), "")
    if spent is None:
        return Progress(0, _("waits for a worker"))
    if share <= LEAST_SHARE_TOLD:
        return Progress(int(share * 100), "")
    return Progress(int(share * 100), _("about %(time)s left") % {"time": _roughly(spent * (1 - share) / share)})


def _share(step: Step) -> float:
    if step.state == Step.DONE:
        return 1.0
    if step.state != Step.RUNNING or not step.rows_expected:
        return 0.0
    # The expected number is a statistic's guess: a step that goes beyond it is not done for that.
    return min(step.rows / step.rows_expected, 0.98)


def _roughly(rest: float) -> str:
    if rest < 60:
        return _("%(n)s s") % {"n": max(5, round(rest / 5) * 5)}
    return _("%(n)s min") % {"n": round(rest / 60)}


def log_lines(lines: Iterable[LogLine]) -> list[Line]:
    return [Line(line.at, line.level, line.step, line.sentence) for line in lines]


def log_text(run: Run) -> Iterator[str]:
    """The log as text in UTC; a line of it is a line of the file, whatever a name in it holds."""
    last, lines = 0, selectors.log_after(run)
    while lines:
        for line in lines:
            sentence = " ".join(line.sentence.splitlines())
            yield f"{line.at:%Y-%m-%dT%H:%M:%S.%f}Z {line.level:<5} {line.step:<8} {sentence}\n"
        last = lines[-1].id
        lines = selectors.log_after(run, last)


def equation(run: Run) -> tuple[Term, ...]:
    """Rows read = published + quarantined + rejected + excluded."""
    return (
        Term("", run.rows_read, _("read")),
        Term("=", run.rows_published, _("published")),
        Term("+", run.rows_quarantined, _("quarantined")),
        Term("+", run.rows_rejected, _("rejected")),
        Term("+", run.rows_excluded, _("excluded by rule")),
    )


def streams(run: Run, plan: RunPlan | None) -> list[dict[str, Any]]:
    """The counts of each stream, with where it came from and went to."""
    ways = {stream.name: stream for stream in plan.streams} if plan else {}
    # The database keeps no order of the names: the plan does.
    order = [name for name in ways if name in run.counts] or sorted(run.counts)
    return [{"name": name, "way": ways.get(name), **run.counts[name]} for name in order]


def plan_columns(plan: RunPlan) -> list[dict[str, Any]]:
    """By stream: every column, its treatment, why, and under which key version."""
    return [{"stream": stream, "columns": [_column(column) for column in stream.columns]} for stream in plan.streams]


def _column(column: ColumnPlan) -> ColumnLine:
    key = f"{column.key.domain}/{column.key.version}" if column.key else ""
    return ColumnLine(column, str(column.treatment), treatments.describe(column.treatment), key)


def reasons(run: Run) -> list[Reason]:
    """Why it did not publish: each refusal of the plan with its remedy, or the one sentence it ended with."""
    if run.refusals:
        return [_reason(run, refusal) for refusal in run.refusals]
    if run.state == Run.BLOCKED:
        checks = reverse("runs:checks", args=[run.number])
        return [Reason(run.sentence, run.remedy, checks, _("See the checks"), _("The gate is closed"))]
    if run.state in (Run.REFUSED, Run.FAILED):
        title = _("The run failed") if run.state == Run.FAILED else ""
        return [Reason(run.sentence, run.remedy, *_remedy(run, "ended"), title)]
    return []


def _reason(run: Run, refusal: Mapping[str, str]) -> Reason:
    return Reason(refusal["sentence"], refusal["remedy"], *_remedy(run, refusal["code"], refusal["subject"]))


def _remedy(run: Run, code: str, subject: str = "") -> tuple[str, str]:
    """Where it is mended, and the word on the button."""
    place = [run.pipeline.team.slug, run.pipeline.slug]
    if code == "ended":
        code = run.code if run.code in remedies.REMEDIES else code
    if code == "ended":
        return reverse("pipelines:pipeline", args=place), _("Open the pipeline")
    at = remedies.Place(
        run.pipeline.source_id,
        subject=subject,
        edit_url=reverse("pipelines:edit", args=place),
        load_url=reverse("runs:new", args=place),
        connection_url=_connection_url(run),
    )
    return remedies.remedy(code, at)


def _connection_url(run: Run) -> str:
    """The side that was being asked when the run ended."""
    failed = [step.name for step in selectors.steps(run) if step.state == Step.FAILED]
    at_destination = not failed or failed[0] in (names.INSPECT, names.PUBLISH)
    end = run.pipeline.destination if at_destination else run.pipeline.source
    return reverse("sources:connection", args=[end.team.slug, end.slug])


def shapes(rows: Sequence[Quarantine], plan: RunPlan | None) -> list[dict[str, Any]]:
    """By stream: what each rule turned away, and the shapes of the first rows; never a value."""
    order = {stream.name: [column.name for column in stream.columns] for stream in plan.streams} if plan else {}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        # The database keeps no order of the names: they stand as in the table.
        there = dict.fromkeys(name for shape in row.shapes for name in shape["columns"])
        columns = sorted(there, key=[*order.get(row.stream, ()), *there].index)
        lines = [(shape["row"], [shape["columns"].get(name, "") for name in columns]) for shape in row.shapes]
        found[row.stream].append({"rule": row.rule, "rows": row.rows, "columns": columns, "lines": lines})
    return [{"stream": stream, "rules": rules} for stream, rules in found.items()]


RECORD = (
    "run", "team", "pipeline", "version", "trigger", "state", "queued", "started", "ended", "seconds", "rows read",
    "published", "quarantined", "rejected", "excluded", "sentence",
)  # fmt: skip


def record(run: Run) -> list[Any]:
    """One line of the list as a file has it."""
    where = [run.number, run.pipeline.team.slug, run.pipeline.slug, run.pipeline_version, run.trigger, run.state]
    spent = round(run.took.total_seconds(), 1) if run.took else None
    rows = [run.rows_read, run.rows_published, run.rows_quarantined, run.rows_rejected, run.rows_excluded]
    return [*where, run.created_at, run.started_at, run.ended_at, spent, *rows, run.sentence]


def recall_page(actor: Actor, run: Run) -> dict[str, Any]:
    """What taking a run back would do, as of now. Of later readers those that the actor may not see are counted."""
    plan = selectors.plan(run)
    readers = tainting.readers_of(run)
    seen = set(selectors.runs(actor).filter(id__in=[one.run.id for one in readers]).values_list("id", flat=True))
    shown = [one for one in readers if one.run.id in seen]
    return {
        "run": run,
        "good": recalling.good_before(run).first(),
        "tables": [stream.destination for stream in plan.streams] if plan else [],
        "incremental": any(stream.mode != "replace" for stream in plan.streams) if plan else False,
        "readers": shown,
        "unseen": len(readers) - len(shown),
        "longest": recalling.LONGEST_REASON,
    }


def pretty(body: bytes | memoryview) -> str:
    """Canonical JSON for people; the download keeps the exact bytes."""
    return json.dumps(json.loads(bytes(body)), indent=2, ensure_ascii=False)


def tabs(run: Run, here: str) -> list[dict[str, Any]]:
    """The parts of a run's page, as links."""
    first = _("Summary") if run.ended else _("Progress")
    quarantined = sum(counts["quarantined"] for counts in run.counts.values())
    listed = (
        ("run", first, 0),
        ("checks", _("Checks"), quality.failed(f"run/{run.id}")),
        ("quarantine", _("Quarantine"), quarantined),
        ("plan", _("Plan"), 0),
        ("compare", _("Compare"), 0),
        ("manifest", _("Manifest"), 0),
        ("log", _("Log"), 0),
    )
    return [
        {"url": reverse(f"runs:{name}", args=[run.number]), "label": label, "active": name == here, "badge": badge}
        for name, label, badge in listed
    ]
