"""The bodies of a run's jobs: inspect, extract, gate, publish; each hands the run to the next in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from apps.core import jobs, restorations
from apps.core.clock import now
from apps.core.ids import Id
from apps.core.jobs import Lease
from apps.dataplane import planner
from apps.dataplane.connectors.base import Backend, Reader
from apps.dataplane.crypto import signing
from apps.dataplane.definition import PipelineDefinition
from apps.dataplane.errors import Conflict, PublishRefused, Refused
from apps.dataplane.plan import KeptPosition, KeyRef, RunPlan, as_json, plan_from_json
from apps.dataplane.runner import gate as gating
from apps.dataplane.runner.extract import Extraction, ExtractReport
from apps.dataplane.runner.progress import Progress
from apps.dataplane.runner.publish import Publication
from apps.dataplane.runner.stage import Stage
from apps.dataplane.runner.staged import Staged, staged_parts
from apps.keys import selectors as public_keys
from apps.keys import services as keys
from apps.pipelines import selectors as pipelines
from apps.sources import services as sources

from . import concluding, gathering, repeating, services, steps
from .models import Fingerprint, Part, Quarantine, Run

# Attempts of one run never come near this, so a later run's fence is always higher.
FENCES_PER_RUN = 1000
TELL_EVERY = 0.5
LOGGED_LINES = 50


def parts_root() -> Path:
    """Where parts are staged; the fence is in each path."""
    return Path(settings.LOCKGATE.data) / "parts"


def quarantine_root() -> Path:
    """Where encrypted quarantined rows are kept."""
    return Path(settings.LOCKGATE.data) / "quarantine"


def inspect(lease: Lease) -> None:
    """Look at the destination tables with the write credential and keep what was seen."""
    run = _take_up(lease)
    steps.begin(run.id, steps.INSPECT, attempt=lease.attempt)
    definition = pipelines.definition_of(run.pipeline, run.pipeline_version)
    there = sources.open_connection(run.pipeline.destination_id, "write")
    _require_modes(there, definition)
    refs = tuple(stream.destination for stream in definition.streams)
    found = there.connector.inspect(there.settings, there.credentials, refs)
    kept = _positions(there, run, definition)
    with transaction.atomic():
        for stream in definition.streams:
            schema, position = found[stream.destination], kept.get(stream.name)
            seen = {"live_schema": as_json(schema) if schema else None, "hash": schema.hash if schema else ""}
            seen["position"] = as_json(position) if position else None
            Fingerprint.objects.update_or_create(run=run, stream=stream.name, defaults=seen)
        present = sum(1 for schema in found.values() if schema)
        steps.done(run.id, steps.INSPECT, detail=f"{present} of {len(found)} destination tables exist")
        steps.log(run.id, steps.INSPECT, f"{present} of {len(found)} destination tables exist")
        _hand_over(lease, run, "run.extract")


def extract(lease: Lease) -> None:
    """Plan on the live source, then extract, check rows, treat, stage and settle, all under one snapshot."""
    run = _take_up(lease)
    fence = restorations.fence_base() + run.number * FENCES_PER_RUN + lease.attempt
    steps.begin(run.id, steps.PLAN, attempt=lease.attempt)
    here = sources.open_connection(run.pipeline.source_id, "read")
    take_over(lease, here)
    with here.connector.reader(here.settings, here.credentials) as reader:
        lease.hold_backends([leased(run.pipeline.source_id, "read", backend) for backend in reader.backend_pids])
        plan = _plan(run, reader, fence)
        expected = sum(stream.estimated_rows for stream in plan.streams)
        steps.begin(run.id, *steps.TOGETHER, attempt=lease.attempt, expected=expected)
        stage = Stage(parts_root(), quarantine_root(), str(run.id), fence, plan, _signer())
        report = Extraction(plan, reader, stage, RunKeys(), now().date(), Teller(run, lease)).run()
    with transaction.atomic():
        _keep_extracted(run, plan, report, stage)
        _hand_over(lease, run, "run.gate")


def gate(lease: Lease) -> None:
    """Run the output checks over the verified parts; an ERROR that fails keeps the gate closed."""
    run = _take_up(lease)
    steps.begin(run.id, steps.GATE, attempt=lease.attempt)
    outcomes = gating.check(staged_of(run))
    with transaction.atomic():
        closed = gating.closed_by(outcomes)
        concluding.keep_outcomes(run, outcomes)
        passed = sum(1 for outcome in outcomes if outcome.status == "passed")
        steps.log(run.id, steps.GATE, f"{passed} of {len(outcomes)} checks passed")
        if closed:
            concluding.block(run, closed)
            jobs.finish(lease)
        else:
            steps.done(run.id, steps.GATE, detail=f"{passed} of {len(outcomes)} checks passed")
            _hand_over(lease, run, "run.publish")


def publish(lease: Lease) -> None:
    """Verify everything once more and publish in one transaction; then conclude."""
    run = _take_up(lease)
    staged = staged_of(run)
    _begin_publishing(run, lease)
    there = sources.open_connection(run.pipeline.destination_id, "write")
    take_over(lease, there)
    expected = {stream: counts["staged"] for stream, counts in run_counts(run).items()}
    with there.connector.publisher(there.settings, there.credentials) as publisher:
        if publisher.backend_pid:
            lease.hold_backends([leased(run.pipeline.destination_id, "write", publisher.backend_pid)])
        required = gathering.required_now(run, staged.plan)
        report = Publication(staged, required, expected, publisher, Teller(run, lease)).run()
    with transaction.atomic():
        concluding.conclude(run, staged.plan, report)
        jobs.finish(lease)


@dataclass
class RunKeys:
    """Opens each key once per run."""

    opened: dict[KeyRef, bytes] = field(default_factory=dict, repr=False)
    kept: bytes = field(default=b"", repr=False)

    def treatment(self, key: KeyRef) -> bytes:
        if key not in self.opened:
            self.opened[key] = keys.open_key("treatment", key.domain, key.version).secret
        return self.opened[key]

    def quarantine(self) -> bytes:
        self.kept = self.kept or keys.open_key("quarantine").secret
        return self.kept


@dataclass
class Teller:
    """Writes progress twice a second, and stops a step that lost its lease or was cancelled."""

    run: Run
    lease: Lease
    told_at: float = 0.0
    rows: dict[tuple[str, str], int] = field(default_factory=dict)

    def __call__(self, progress: Progress) -> None:
        self.lease.check()
        self.rows[progress.step, progress.stream] = progress.rows
        if time.monotonic() - self.told_at < TELL_EVERY:
            return
        self.told_at = time.monotonic()
        names = steps.TOGETHER if progress.step == "extract" else (progress.step,)
        rows = sum(count for (step, _), count in self.rows.items() if step == progress.step)
        steps.count(self.run.id, *names, rows=rows)
        _require_running(self.run)


def run_counts(run: Run) -> dict[str, dict[str, int]]:
    """The row equation by stream, as the extract step left it with the plan."""
    counts: dict[str, dict[str, int]] = run.counts
    return counts


def _take_up(lease: Lease) -> Run:
    """The run of this job, now RUNNING. A run that has ended is left alone: Conflict."""
    Run.objects.filter(id=lease.subject_id, state=Run.QUEUED).update(state=Run.RUNNING, started_at=Now())
    run = Run.objects.select_related("pipeline").get(id=lease.subject_id)
    _require_running(run)
    if lease.attempt > 1:
        steps.log(
            run.id,
            lease.kind.partition(".")[2],
            f"attempt {lease.attempt}: an earlier one did not finish",
            level="WARN",
        )
    return run


def _require_running(run: Run) -> None:
    if not Run.objects.filter(id=run.id, state=Run.RUNNING).exists():
        raise Conflict(f"Run {run.number} has ended.")


def _hand_over(lease: Lease, run: Run, kind: str) -> None:
    """The next job and the end of this one are one fact."""
    Run.objects.select_for_update().get(id=run.id)
    _require_running(run)
    jobs.enqueue(kind, subject=f"run/{run.id}")
    jobs.finish(lease)


def _require_modes(there: sources.Opened, definition: PipelineDefinition) -> None:
    able = there.connector.modes
    stream = next((stream for stream in definition.streams if stream.mode not in able), None)
    if stream is not None:
        raise Refused(
            f"Stream {stream.name} wants to {stream.mode}, and {there.connector.noun} are only written by "
            f"{' or '.join(able)}. Nothing was written.",
            remedy="Change the mode of the stream, or the destination.",
        )


def _positions(there: sources.Opened, run: Run, definition: PipelineDefinition) -> dict[str, KeptPosition]:
    """How far incremental streams have come; a pipeline that replaces everything is not asked."""
    if all(stream.mode == "replace" for stream in definition.streams):
        return {}
    return there.connector.positions(there.settings, there.credentials, str(run.pipeline_id))


def _plan(run: Run, reader: Reader, fence: int) -> RunPlan:
    plan = planner.compile_plan(gathering.inputs(run, reader=reader))
    if run.trigger == services.SAME_PLAN:
        plan = repeating.repeated(run, plan)
    with transaction.atomic():
        _require_running(run)
        Run.objects.filter(id=run.id).update(plan=as_json(plan), plan_hash=plan.hash, fence=fence)
        columns = [column for stream in plan.streams for column in stream.columns]
        treated = sum(1 for column in columns if column.treatment.kind != "pass")
        detail = f"{len(columns)} columns, {treated} treated; plan {plan.hash[:12]}"
        steps.done(run.id, steps.PLAN, detail=detail)
        steps.log(run.id, steps.PLAN, detail)
    return plan


def _keep_extracted(run: Run, plan: RunPlan, report: ExtractReport, stage: Stage) -> None:
    Part.objects.bulk_create(
        [
            Part(
                run=run,
                fence=stage.fence,
                stream=part.header.stream,
                kind=part.header.kind,
                ordinal=part.header.ordinal,
                path=part.path,
                header=as_json(part.header),
                signature=part.signature,
            )
            for part in stage.parts
        ]
    )
    for stream, away in report.turned_away.items():
        for rule, count in away.counts.items():
            shown = {"rows": count, "shapes": away.shapes[rule]}
            Quarantine.objects.update_or_create(run=run, stream=stream, rule=rule, defaults=shown)
    counts = {name: vars(one) for name, one in report.counts.items()}
    Run.objects.filter(id=run.id).update(counts=counts)
    concluding.keep_row_results(run, plan, report)
    read = sum(one.read for one in report.counts.values())
    staged = sum(one.staged for one in report.counts.values())
    steps.done(run.id, *steps.TOGETHER, rows=read)
    steps.begin(run.id, steps.SETTLE, attempt=1)
    fallen = sum(
        sum(away.counts[rule.id] for rule in plan.stream(name).settle) for name, away in report.turned_away.items()
    )
    steps.done(run.id, steps.SETTLE, rows=staged, detail=f"{fallen:,} rows fell over duplicates and orphans")
    _log_rejected(run, report)
    steps.log(run.id, steps.STAGE, f"{read:,} rows read, {staged:,} staged in {len(stage.parts)} signed parts")


def _log_rejected(run: Run, report: ExtractReport) -> None:
    """The first lines of each stream that were no rows: where and why, never what they say."""
    for stream, rejected in report.rejected.items():
        for line in rejected.lines[:LOGGED_LINES]:
            steps.log(run.id, "extract", f"{stream}: {line}", level="WARN")
        if rejected.total > LOGGED_LINES:
            more = rejected.total - LOGGED_LINES
            steps.log(run.id, "extract", f"{stream}: {more} more lines were rejected", level="WARN")


def _begin_publishing(run: Run, lease: Lease) -> None:
    with transaction.atomic():
        # Cancelling takes the same lock: from here on the run can no longer be cancelled.
        Run.objects.select_for_update().get(id=run.id)
        _require_running(run)
        expected = sum(counts["staged"] for counts in run_counts(run).values())
        steps.begin(run.id, steps.PUBLISH, attempt=lease.attempt, expected=expected)
        steps.log(run.id, steps.PUBLISH, "verifying parts, policies and the destination")


def staged_of(run: Run) -> Staged:
    """The parts of the attempt that counts, as the database lists them. Raises PublishRefused without a plan."""
    if not run.plan:
        raise PublishRefused(f"Run {run.number} has no plan. Nothing was written.", remedy="Start the run again.")
    parts = Part.objects.filter(run=run, fence=run.fence).exclude(kind="quarantine")
    return Staged(
        root=parts_root(),
        run=str(run.id),
        fence=run.fence,
        plan=plan_from_json(run.plan),
        verify_key=public_keys.public("extract", "parts").public,
        parts=staged_parts(list(parts.values("path", "header", "signature"))),
    )


def _signer() -> Callable[[bytes], bytes]:
    secret = keys.open_key("parts").secret
    return lambda message: signing.sign(secret, message)


def leased(connection_id: Id, purpose: str, backend: Backend) -> list[str]:
    """A backend as a lease remembers it."""
    return [str(connection_id), purpose, str(backend.pid), backend.started_at.isoformat()]


def take_over(lease: Lease, there: sources.Opened) -> None:
    """A frozen attempt may still hold a transaction open at the other side: end it before anything else."""
    left = [(int(pid), started_at) for _, _, pid, started_at in lease.left_behind]
    if left:
        there.connector.end_backends(there.settings, there.credentials, left)
