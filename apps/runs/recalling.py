"""Takes a published run back: asks for it, concludes it with a signed record, or says why nothing was changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.alerts import services as alerts
from apps.audit import services as audit
from apps.core import access, jobs
from apps.core.actor import Actor, system
from apps.core.ids import Id
from apps.dataplane.canonical import canonical_bytes, canonical_hash
from apps.dataplane.errors import Conflict, Invalid, LockgateError, Refused
from apps.dataplane.runner.restore import RestoreReport

from . import steps, tainting
from .models import Manifest, Recall, RecallManifest, Run, Taint

FORMAT = 1
LONGEST_REASON = 500
PUBLISHER = system("publish worker")
# Above the fence of every attempt of the run itself, below the next run's.
FENCE_OFFSET = 500


def recall(*, actor: Actor, run_id: Id, reason: str) -> Recall:
    """Ask for a published run to be taken back. Raises Invalid without a reason, Conflict when it may not be now."""
    run = Run.objects.select_related("pipeline__team").get(id=run_id)
    access.require(actor, "run.recall", run.team_id)
    reason = _reason(reason)
    _require_newest(run)
    good = good_before(run).first()
    try:
        with transaction.atomic():
            # The same index that keeps two runs of a pipeline apart keeps a recall and a run apart.
            if not Run.objects.filter(id=run.id, state=Run.PUBLISHED).update(state=Run.RECALLING):
                raise _not_published(run)
            asked = Recall(
                run=run,
                good=good,
                reason=reason,
                asked_by=actor.id,
                asker=actor.name,
                fence=run.fence + FENCE_OFFSET + Recall.objects.filter(run=run).count(),
            )
            asked.save(force_insert=True)
            steps.log(run.id, "recall", f"recall asked for by {actor.name}", level="WARN")
            audit.append(
                actor=actor,
                action="run.recall_requested",
                subject=f"run/{run.id}",
                team_id=run.team_id,
                summary=_("asked to recall run %(number)s of %(pipeline)s: %(reason)s")
                % {"number": run.number, "pipeline": run.pipeline.name, "reason": reason},
                detail={"recall": str(asked.id), "reason": reason, "back_to": good.number if good else 0},
            )
            jobs.enqueue("run.recall", subject=f"recall/{asked.id}")
    except IntegrityError as error:
        if "one_run_at_a_time_per_pipeline" not in str(error):
            raise
        raise Conflict(
            _("A run of %(name)s is under way, so nothing is recalled now.") % {"name": run.pipeline.name},
            remedy=_("Wait until it has ended, or cancel it, then recall."),
        ) from error
    return asked


def good_before(run: Run) -> QuerySet[Run]:
    """The runs whose rows the destination held before this one, newest first; a recalled run is never one of them."""
    earlier = Run.objects.filter(pipeline_id=run.pipeline_id, state=Run.PUBLISHED, number__lt=run.number)
    return earlier.select_related("pipeline").order_by("-number")


def begin(recall_id: Id) -> Recall:
    """The recall of this job, now RUNNING. Raises Conflict for one that has ended."""
    Recall.objects.filter(id=recall_id, state=Recall.QUEUED).update(state=Recall.RUNNING)
    asked = Recall.objects.select_related("run__pipeline", "good").get(id=recall_id)
    if asked.state != Recall.RUNNING:
        raise Conflict(f"The recall of run {asked.run.number} has ended.")
    return asked


def conclude(asked: Recall, good: Sequence[Run], report: RestoreReport) -> None:
    """States, tainted runs, signed record, audit and word to the owners: one transaction of the caller's."""
    run = asked.run
    rows = sum(report.rows.values())
    sentence = _summary(asked, rows)
    ended = Recall.objects.filter(id=asked.id, state=Recall.RUNNING).update(
        state=Recall.DONE, rows=dict(report.rows), sentence=sentence, ended_at=Now()
    )
    if not ended:
        raise Conflict(f"The recall of run {run.number} has ended.")
    Run.objects.filter(id=run.id, state=Run.RECALLING).update(state=Run.RECALLED)
    tainted = tainting.readers_of(run)
    Taint.objects.bulk_create([Taint(recall=asked, run=one.run, through=one.through[:300]) for one in tainted])
    manifest = _keep_manifest(asked, good, report, tainted)
    steps.log(run.id, "recall", sentence, level="WARN")
    audit.append(
        actor=PUBLISHER,
        action="run.recalled",
        subject=f"run/{run.id}",
        team_id=run.team_id,
        summary=_("recalled run %(number)s of %(pipeline)s; %(sentence)s")
        % {"number": run.number, "pipeline": run.pipeline.name, "sentence": sentence},
        detail={
            "recall": str(asked.id),
            "back_to": asked.good.number if asked.good else 0,
            "manifest": manifest.hash,
            "rows": dict(report.rows),
            "tainted": [one.run.number for one in tainted],
        },
    )
    _tell(asked, tainted)


def end(recall_id: Id, error: LockgateError, *, actor: Actor, unsure: bool = False) -> None:
    """Close a recall that did not come about; the run is published as before. Idempotent.

    `unsure`: the worker vanished time and again, perhaps after the destination had committed.
    """
    state = Recall.REFUSED if isinstance(error, Refused) else Recall.FAILED
    with transaction.atomic():
        ended = Recall.objects.filter(id=recall_id).exclude(state__in=Recall.ENDED)
        if not ended.update(state=state, sentence=error.sentence, remedy=error.remedy, ended_at=Now()):
            return
        asked = Recall.objects.select_related("run__pipeline").get(id=recall_id)
        run = asked.run
        Run.objects.filter(id=run.id, state=Run.RECALLING).update(state=Run.PUBLISHED)
        steps.log(run.id, "recall", error.sentence, level="ERROR")
        audit.append(
            actor=actor,
            action="run.recall_refused" if state == Recall.REFUSED else "run.recall_failed",
            subject=f"run/{run.id}",
            team_id=run.team_id,
            summary=_("did not recall run %(number)s of %(pipeline)s: %(sentence)s")
            % {"number": run.number, "pipeline": run.pipeline.name, "sentence": error.sentence},
            detail={"recall": str(asked.id), "code": error.code, "unsure": unsure},
        )
        alerts.raise_alert(
            team_id=run.team_id,
            subject_ref=f"run/{run.id}",
            level="ERROR",
            subject_line=_("%(pipeline)s: run %(number)s was not recalled")
            % {"pipeline": run.pipeline.name, "number": run.number},
            body=f"{error.sentence} {error.remedy}",
            url=reverse("runs:run", args=[run.number]),
            event="run.recall_failed",
            about=f"pipeline/{run.pipeline_id}",
        )


def _reason(text: str) -> str:
    reason = " ".join(text.replace("\x00", "").split())
    if not reason:
        raise Invalid(_("Say why the run is recalled."), field="reason", remedy=_("The reason stays in the audit log."))
    if len(reason) > LONGEST_REASON:
        raise Invalid(_("At most %(n)s characters.") % {"n": LONGEST_REASON}, field="reason")
    return reason


def _require_newest(run: Run) -> None:
    later = Run.objects.filter(pipeline_id=run.pipeline_id, state=Run.PUBLISHED, number__gt=run.number)
    newest = later.order_by("-number").values_list("number", flat=True).first()
    if newest:
        raise Conflict(
            _("Run %(newest)s was published after run %(number)s and is what the destination holds.")
            % {"newest": newest, "number": run.number},
            remedy=_("Recall run %(newest)s first.") % {"newest": newest},
        )


def _not_published(run: Run) -> Conflict:
    return Conflict(
        _("Run %(number)s is not published (any more), so there is nothing to recall.") % {"number": run.number}
    )


def _summary(asked: Recall, rows: int) -> str:
    if asked.good is None:
        return _("No run before it was good, so its tables were emptied.")
    told = {"rows": f"{rows:,}", "number": asked.good.number}
    return (
        ngettext(
            "The destination is back to run %(number)s: %(rows)s row was loaded again from signed parts.",
            "The destination is back to run %(number)s: %(rows)s rows were loaded again from signed parts.",
            rows,
        )
        % told
    )


def _keep_manifest(
    asked: Recall, good: Sequence[Run], report: RestoreReport, tainted: Sequence[tainting.Reading]
) -> RecallManifest:
    document = _document(asked, good, report, tainted)
    found, _created = RecallManifest.objects.get_or_create(
        recall=asked, defaults={"body": canonical_bytes(document), "hash": canonical_hash(document)}
    )
    return found


def _document(
    asked: Recall, good: Sequence[Run], report: RestoreReport, tainted: Sequence[tainting.Reading]
) -> dict[str, Any]:
    run = asked.run
    return {
        "format": FORMAT,
        "kind": "recall",
        "recall": str(asked.id),
        "recalled": {"run": str(run.id), "number": run.number, "plan": run.plan_hash, "manifest": _hash_of(run.id)},
        "back_to": [
            {"run": str(one.id), "number": one.number, "plan": one.plan_hash, "manifest": _hash_of(one.id)}
            for one in good
        ],
        "asked_by": asked.asked_by,
        "reason": asked.reason,
        "fence": asked.fence,
        "rows": dict(report.rows),
        "content": dict(report.content),
        "tainted": [one.run.number for one in tainted],
        "founding": run.founding,
    }


def _hash_of(run_id: UUID) -> str:
    return Manifest.objects.filter(run_id=run_id).values_list("hash", flat=True).first() or ""


def _tell(asked: Recall, tainted: Sequence[tainting.Reading]) -> None:
    """The pipeline's team, and the team of every pipeline that read what was taken back; each once."""
    run = asked.run
    url = reverse("runs:run", args=[run.number])
    line = _("%(pipeline)s: run %(number)s was recalled") % {"pipeline": run.pipeline.name, "number": run.number}
    alerts.raise_alert(
        team_id=run.team_id,
        subject_ref=f"run/{run.id}",
        level="WARN",
        subject_line=line,
        body=asked.sentence or _("What it had published is no longer served."),
        url=url,
        event="run.recalled",
        about=f"pipeline/{run.pipeline_id}",
    )
    by_team: dict[UUID, list[tainting.Reading]] = {}
    for one in tainted:
        by_team.setdefault(one.run.team_id, []).append(one)
    for team_id, readings in by_team.items():
        first = readings[0].run
        named = {"pipeline": first.pipeline.name, "number": first.number, "line": line, "n": len(readings)}
        alerts.raise_alert(
            team_id=team_id,
            subject_ref=f"run/{first.id}",
            level="WARN",
            subject_line=_("%(pipeline)s: run %(number)s read data that was recalled") % named,
            body=ngettext(
                "%(line)s. %(n)s later run had read what it published; run it again to take the recalled rows out.",
                "%(line)s. %(n)s later runs had read what it published; run them again to take the recalled rows out.",
                len(readings),
            )
            % named,
            url=reverse("runs:run", args=[first.number]),
            event="run.tainted",
            about=f"pipeline/{first.pipeline_id}",
        )
