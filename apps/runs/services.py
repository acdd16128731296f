"""Starts, retries, repeats, cancels and ends runs, and lets the notary sign their manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.audit import services as audit
from apps.core import access, jobs
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane.crypto import signing
from apps.dataplane.errors import Conflict, Locked, LockgateError, PlanRefused, PublishRefused, Refused
from apps.dataplane.plan import as_json
from apps.incidents import services as incidents
from apps.keys import selectors as key_names
from apps.keys import services as keys
from apps.pipelines import selectors as pipelines
from apps.pipelines import services as pipeline_services

from . import repeating, selectors, steps, telling
from .models import Manifest, ManifestSignature, RecallManifest, RecallSignature, Run, Step

if TYPE_CHECKING:
    from apps.pipelines.models import Pipeline

MANUAL, SCHEDULE, RETRY, SAME_PLAN = "manual", "schedule", "retry", "same_plan"
# What a run that did not publish ended in; only such a run is retried.
UNPUBLISHED = (Run.REFUSED, Run.BLOCKED, Run.FAILED, Run.CANCELLED)


def start(*, actor: Actor, pipeline_id: Id, trigger: str = MANUAL, reload: bool = False) -> Run:
    """Queue a run of the active version. Raises Refused when paused, Conflict while one is under way, Locked.

    `reload`: incremental streams read everything once more and replace what is there.
    """
    pipeline = pipelines.pipeline(actor, pipeline_id)
    return _start(actor, pipeline, trigger=trigger, reload=reload)


def retry(*, actor: Actor, run_id: Id) -> Run:
    """A new run of the version active now, for one that did not publish. Raises Conflict for any other."""
    before = _run(run_id)
    access.require(actor, "run.start", before.team_id)
    if before.state not in UNPUBLISHED:
        raise Conflict(
            _("Run %(number)s did not fail, so there is nothing to retry.") % {"number": before.number},
            remedy=_("Start a new run of the pipeline."),
        )
    return _start(actor, before.pipeline, trigger=RETRY, reload=before.reload, repeats=before.number)


def repeat(*, actor: Actor, run_id: Id) -> Run:
    """A new run with the very plan of an earlier one: same hash, same key versions.

    Raises Refused, naming what moved, when pipeline or policies are not those of then; tables are compared once they
    are looked at. Raises Conflict for a run that has not ended, or never had a plan.
    """
    before = _run(run_id)
    access.require(actor, "run.start", before.team_id)
    plan = selectors.plan(before)
    if plan is None or not before.ended:
        raise Conflict(
            _("Run %(number)s has no plan to repeat.") % {"number": before.number},
            remedy=_("Start a new run of the pipeline."),
        )
    repeating.require_same_ground(before, plan)
    return _start(actor, before.pipeline, trigger=SAME_PLAN, reload=before.reload, repeats=before.number)


def _run(run_id: Id) -> Run:
    return Run.objects.select_related("pipeline__team").get(id=run_id)


def _start(actor: Actor, pipeline: Pipeline, *, trigger: str, reload: bool = False, repeats: int | None = None) -> Run:
    access.require(actor, "run.start", pipeline.team_id)
    _require_ready(pipeline)
    try:
        with transaction.atomic():
            run = Run(
                pipeline=pipeline,
                pipeline_version=pipeline.active_version,
                team_id=pipeline.team_id,
                trigger=trigger,
                repeats=repeats,
                reload=reload,
                started_by=actor.id,
                founding=accounts.founding_open(),
            )
            run.save(force_insert=True)
            run.refresh_from_db()
            steps.create(run)
            steps.log(run.id, "start", f"queued by {actor.name} ({trigger})")
            audit.append(
                actor=actor,
                action="run.started",
                subject=f"run/{run.id}",
                team_id=run.team_id,
                summary=_("started run %(number)s of %(pipeline)s") % {"number": run.number, "pipeline": pipeline.name},
                detail={
                    "number": run.number,
                    "pipeline": str(pipeline.id),
                    "version": run.pipeline_version,
                    "trigger": trigger,
                    **({"repeats": repeats} if repeats else {}),
                    **({"reload": True} if reload else {}),
                },
            )
            jobs.enqueue("run.inspect", subject=f"run/{run.id}")
    except IntegrityError as error:
        raise _under_way(pipeline, error) from error
    return run


def _require_ready(pipeline: Pipeline) -> None:
    if pipeline.paused_at:
        raise Refused(
            _("Pipeline %(name)s is paused. Nothing was written.") % {"name": pipeline.name},
            remedy=_("Resume it, then start the run."),
        )
    locked = key_names.locked()
    if locked:
        raise Locked(
            _("Lockgate is locked: %(names)s started without a key. Nothing was written.")
            % {"names": ", ".join(locked)},
            remedy=_("Restore the key file and start Lockgate again."),
        )


def _under_way(pipeline: Pipeline, error: IntegrityError) -> LockgateError:
    if "one_run_at_a_time_per_pipeline" not in str(error):
        raise error
    return Conflict(
        _("A run of %(name)s is already under way.") % {"name": pipeline.name},
        remedy=_("Wait until it has ended, or cancel it."),
    )


def cancel(*, actor: Actor, run_id: Id) -> Run:
    """End a run before it publishes. Raises Conflict once it publishes or has ended."""
    run = Run.objects.select_related("pipeline").get(id=run_id)
    access.require(actor, "run.cancel", run.team_id)
    with transaction.atomic():
        # The publish step takes the same lock before it opens the destination: one of the two comes first.
        run = Run.objects.select_for_update(of=("self",)).select_related("pipeline").get(id=run_id)
        publishing = Step.objects.filter(run=run, name=steps.PUBLISH).exclude(state=Step.WAITING).exists()
        if run.state in Run.ENDED or publishing:
            raise Conflict(
                _("Run %(number)s can no longer be cancelled: it publishes or has ended.") % {"number": run.number}
            )
        sentence = _("Cancelled by %(name)s. Nothing was written.") % {"name": actor.name}
        Run.objects.filter(id=run.id).update(state=Run.CANCELLED, sentence=sentence, ended_at=Now())
        steps.log(run.id, "cancel", sentence, level="WARN")
        audit.append(
            actor=actor,
            action="run.cancelled",
            subject=f"run/{run.id}",
            team_id=run.team_id,
            summary=_("cancelled run %(number)s of %(pipeline)s")
            % {"number": run.number, "pipeline": run.pipeline.name},
        )
    run.refresh_from_db()
    return run


def start_due() -> int:
    """Start every pipeline whose schedule is due; a pipeline that cannot start now is due again next time."""
    started = 0
    for pipeline in pipelines.due(now()):
        try:
            with transaction.atomic():
                # The due time moves on first: of two schedulers, one finds nothing left to do.
                if pipeline_services.take_due(pipeline):
                    start(actor=system("scheduler"), pipeline_id=pipeline.id, trigger=SCHEDULE)
                    started += 1
        except (Conflict, Refused, Locked):
            pipeline_services.take_due(pipeline)
    return started


def end(run_id: Id, error: LockgateError, *, actor: Actor) -> None:
    """Close a run that did not publish, with the sentence that people read, and raise the incident. Idempotent."""
    state = Run.REFUSED if isinstance(error, Refused) else Run.FAILED
    refusals = as_json(error.refusals) if isinstance(error, PlanRefused) else []
    with transaction.atomic():
        ended = Run.objects.filter(id=run_id, state__in=(Run.QUEUED, Run.RUNNING)).update(
            state=state,
            sentence=error.sentence,
            remedy=error.remedy,
            code=error.code,
            refusals=refusals,
            ended_at=Now(),
        )
        if not ended:
            return
        run = Run.objects.select_related("pipeline").get(id=run_id)
        steps.fail_running(run.id, error.sentence)
        steps.log(run.id, "end", error.sentence, level="ERROR")
        audit.append(
            actor=actor,
            action="run.refused" if state == Run.REFUSED else "run.failed",
            subject=f"run/{run.id}",
            team_id=run.team_id,
            summary=_("ended run %(number)s of %(pipeline)s: %(sentence)s")
            % {"number": run.number, "pipeline": run.pipeline.name, "sentence": error.sentence},
            detail={"code": error.code, "refusals": refusals},
        )
        _raise_incident(run, error, actor)


def _raise_incident(run: Run, error: LockgateError, actor: Actor) -> None:
    kind = "publish" if isinstance(error, PublishRefused) else error.code
    served = telling.still_served(run)
    incidents.raise_incident(
        actor=actor,
        team_id=run.team_id,
        subject=f"pipeline/{run.pipeline_id}",
        problem=f"run/{kind}",
        title=_("%(pipeline)s: run %(number)s did not publish") % {"pipeline": run.pipeline.name, "number": run.number},
        sentence=f"{error.sentence} {served[:1].upper()}{served[1:]}.",
        level="ERROR",
        ref=f"run/{run.id}",
        effect=_("nothing written, %(served)s") % {"served": served},
        remedy=error.remedy,
    )


def sign_manifests(limit: int = 100) -> int:
    """The notary signs what waits, of runs and of recalls. Returns how many."""
    records = list(Manifest.objects.filter(signature=None).order_by("id")[:limit])
    recalls = list(RecallManifest.objects.filter(signature=None).order_by("id")[:limit])
    if not records and not recalls:
        return 0
    key = keys.open_key("notary")
    for record in records:
        ManifestSignature.objects.get_or_create(manifest=record, defaults=_signed(key, record.body))
    for recall in recalls:
        RecallSignature.objects.get_or_create(manifest=recall, defaults=_signed(key, recall.body))
    return len(records) + len(recalls)


def _signed(key: keys.OpenKey, body: bytes | memoryview) -> dict[str, object]:
    return {"key_version": key.version, "signed_at": now(), "signature": signing.sign(key.secret, bytes(body))}
