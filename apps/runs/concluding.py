"""What stays of a run: results of checks, a closed gate, or the conclusion with its manifest; each one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.audit import services as audit
from apps.core.actor import system
from apps.dataplane.canonical import canonical_bytes, canonical_hash
from apps.dataplane.errors import Conflict
from apps.dataplane.plan import FORMAT, RunPlan, StreamPlan, as_json
from apps.dataplane.quality.gate import CheckOutcome
from apps.dataplane.runner.extract import NOT_REPRESENTABLE, ExtractReport
from apps.dataplane.runner.publish import PublishReport
from apps.incidents import services as incidents
from apps.lineage import services as lineage
from apps.pipelines import selectors as pipelines
from apps.policies import selectors as policies
from apps.quality import services as quality
from apps.quality.services import Outcome

from . import steps, tainting, telling
from .models import Manifest, Part, Run

GATE, PUBLISHER = system("gate worker"), system("publish worker")


def keep_row_results(run: Run, plan: RunPlan, report: ExtractReport) -> None:
    """One result for each row rule and settle rule: how many rows it turned away."""
    outcomes = []
    for stream in plan.streams:
        counts = report.turned_away[stream.name].counts
        read = report.counts[stream.name].read
        outcomes += [
            _turned_away(stream, rule.id, rule.kind, "row", counts[rule.id], read) for rule in stream.row_checks
        ]
        outcomes += [
            _turned_away(stream, rule.id, rule.kind, "settle", counts[rule.id], read) for rule in stream.settle
        ]
        if counts[NOT_REPRESENTABLE]:
            outcomes.append(_turned_away(stream, NOT_REPRESENTABLE, "type", "row", counts[NOT_REPRESENTABLE], read))
    _record(run, outcomes)


def _turned_away(stream: StreamPlan, rule: str, kind: str, phase: str, rows: int, read: int) -> Outcome:
    observed = ngettext("%(rows)s of %(read)s rows turned away", "%(rows)s of %(read)s rows turned away", rows)
    return Outcome(
        stream=stream.name,
        check_id=rule,
        phase=phase,
        kind=kind,
        severity="INFO",
        status="FAILED" if rows else "PASSED",
        observed=observed % {"rows": f"{rows:,}", "read": f"{read:,}"},
        unexpected=rows,
        total=read,
    )


def keep_outcomes(run: Run, outcomes: Sequence[CheckOutcome]) -> None:
    """The gate's verdicts; a failed WARN raises an incident and lets the run go on, a passed one closes it."""
    _record(
        run,
        [
            Outcome(
                stream=one.stream,
                check_id=one.check,
                phase="output",
                kind=one.expectation,
                severity=one.severity,
                status=one.status.upper(),
                observed=one.observed,
                unexpected=one.unexpected,
                total=one.total,
                measured=one.measured,
                lowest=one.lowest,
                highest=one.highest,
            )
            for one in outcomes
        ],
    )
    for one in outcomes:
        if one.status == "passed":
            problem = f"check/{one.stream}/{one.check}"
            incidents.problem_gone(actor=GATE, subject=_subject(run), problem=problem, ref=f"run/{run.id}")
        else:
            _raise(run, one)


def block(run: Run, closed: Sequence[CheckOutcome]) -> None:
    """The gate stays closed: nothing is published, and what was served goes on being served."""
    first = closed[0]
    served = _("Published data is unchanged.")
    sentence = ngettext(
        "The gate is closed by %(count)s check: %(stream)s/%(check)s, %(observed)s. %(served)s Nothing was written.",
        "The gate is closed by %(count)s checks, first %(stream)s/%(check)s, %(observed)s. %(served)s "
        "Nothing was written.",
        len(closed),
    ) % {
        "count": len(closed),
        "stream": first.stream,
        "check": first.check,
        "observed": first.observed,
        "served": served,
    }
    remedy = _("Repair the source rows or change the check, then run again.")
    ended = Run.objects.filter(id=run.id, state=Run.RUNNING).update(
        state=Run.BLOCKED, sentence=sentence, remedy=remedy, ended_at=Now()
    )
    if not ended:
        raise Conflict(f"Run {run.number} has ended.")
    steps.fail_running(run.id, sentence)
    steps.log(run.id, steps.GATE, sentence, level="ERROR")
    audit.append(
        actor=GATE,
        action="run.blocked",
        subject=f"run/{run.id}",
        team_id=run.team_id,
        summary=_("closed the gate for run %(number)s of %(pipeline)s")
        % {"number": run.number, "pipeline": run.pipeline.name},
        detail={"checks": [f"{one.stream}/{one.check}" for one in closed]},
    )


def conclude(run: Run, plan: RunPlan, report: PublishReport) -> None:
    """State, row equation, lineage, incidents, audit and manifest, all or nothing. Idempotent by the run's state."""
    counts: dict[str, dict[str, int]] = run.counts
    total = {name: sum(stream[name] for stream in counts.values()) for name in next(iter(counts.values()))}
    published = sum(report.rows.values())
    concluded = Run.objects.filter(id=run.id, state=Run.RUNNING).update(
        state=Run.PUBLISHED,
        rows_read=total["read"],
        rows_published=published,
        rows_quarantined=total["quarantined"],
        rows_rejected=total["rejected"],
        rows_excluded=total["excluded"],
        sentence=_summary(total, published),
        ended_at=Now(),
    )
    if not concluded:
        raise Conflict(f"Run {run.number} has ended.")
    run.refresh_from_db()
    steps.done(run.id, steps.PUBLISH, rows=published, detail=_("committed with the destination's state"))
    steps.begin(run.id, steps.CONCLUDE, attempt=1)
    lineage.record(run=f"run/{run.id}", plan=plan)
    tainting.taint_late(run)
    manifest = _keep_manifest(run, plan, report)
    for problem in incidents.open_problems(_subject(run), prefix="run/"):
        incidents.problem_gone(actor=PUBLISHER, subject=_subject(run), problem=problem, ref=f"run/{run.id}")
    audit.append(
        actor=PUBLISHER,
        action="run.published",
        subject=f"run/{run.id}",
        team_id=run.team_id,
        summary=_("published run %(number)s of %(pipeline)s: %(rows)s rows")
        % {"number": run.number, "pipeline": run.pipeline.name, "rows": f"{published:,}"},
        detail={"plan": plan.hash, "manifest": manifest.hash, "rows": dict(report.rows), **total},
    )
    steps.done(run.id, steps.CONCLUDE, detail=_("manifest %(hash)s") % {"hash": manifest.hash[:12]})
    steps.log(run.id, steps.CONCLUDE, run.sentence)


def _summary(total: dict[str, int], published: int) -> str:
    return _(
        "%(read)s rows read = %(published)s published + %(quarantined)s quarantined + %(rejected)s rejected + "
        "%(excluded)s excluded by rule."
    ) % {"published": f"{published:,}", **{name: f"{count:,}" for name, count in total.items()}}


def _keep_manifest(run: Run, plan: RunPlan, report: PublishReport) -> Manifest:
    body = canonical_bytes(_manifest(run, plan, report))
    found, _created = Manifest.objects.get_or_create(
        run=run, defaults={"body": body, "hash": canonical_hash(_manifest(run, plan, report))}
    )
    return found


def _manifest(run: Run, plan: RunPlan, report: PublishReport) -> dict[str, Any]:
    version = pipelines.version_of(run.pipeline, plan.pipeline_version)
    return {
        "format": FORMAT,
        "run": str(run.id),
        "number": run.number,
        "founding": run.founding,
        "pipeline": {
            "id": plan.pipeline,
            "version": plan.pipeline_version,
            "hash": version.hash,
            "approved_by": version.change,
        },
        "policies": [
            {**as_json(policy), "approved_by": policies.change_of(plan.team, policy)} for policy in plan.policies
        ],
        "plan": plan.hash,
        "source": as_json(plan.source),
        "destination": as_json(plan.destination),
        "purpose": plan.purpose,
        "streams": [_stream(run, stream, report) for stream in plan.streams],
        "checks": quality.verdicts(f"run/{run.id}"),
        "suite": canonical_hash(as_json(plan.output_checks)),
        "consistency": plan.consistency,
        "lane": plan.lane,
        "fence": run.fence,
        "code_version": plan.code_version,
    }


def _stream(run: Run, stream: StreamPlan, report: PublishReport) -> dict[str, Any]:
    return {
        "name": stream.name,
        "source": str(stream.source),
        "destination": str(stream.destination),
        "source_schema": stream.source_schema_hash,
        "method": stream.method,
        **_increment(stream),
        "columns": [
            {
                "name": column.name,
                "treatment": f"{column.treatment}",
                "implementation": f"{column.treatment.kind}/{column.treatment.version}",
                "key": f"{column.key.domain}/{column.key.version}" if column.key else "",
                "rule": column.why.rule,
                "policy": column.why.policy,
            }
            for column in stream.columns
        ],
        "rows": {**run.counts[stream.name], "published": report.rows[stream.name]},
        "content": report.content[stream.name],
        "parts": [
            {"path": part.path, "hash": part.header["content_hash"], "rows": part.header["rows"]}
            for part in Part.objects.filter(run=run, fence=run.fence, stream=stream.name).order_by("kind", "ordinal")
        ],
    }


def _increment(stream: StreamPlan) -> dict[str, Any]:
    """What part of the source it was, for a stream that adds; the content hash is that of the delta."""
    if stream.mode == "replace":
        return {}
    return {"mode": stream.mode, "key": list(stream.key), "window": as_json(stream.window)}


def _record(run: Run, outcomes: Sequence[Outcome]) -> None:
    quality.record(run=f"run/{run.id}", pipeline=_subject(run), outcomes=outcomes)


def _raise(run: Run, one: CheckOutcome) -> None:
    blocked = one.severity == "ERROR"
    effect = telling.effect(run, blocked=blocked)
    incidents.raise_incident(
        actor=GATE,
        team_id=run.team_id,
        subject=_subject(run),
        problem=f"check/{one.stream}/{one.check}",
        title=telling.headline(one)[:200],
        sentence=_("Check %(check)s of %(stream)s: %(observed)s; %(effect)s.")
        % {"check": one.check, "stream": one.stream, "observed": one.observed, "effect": effect},
        level=one.severity,
        ref=f"run/{run.id}",
        effect=effect,
        remedy=_("repair the source rows, or propose another limit for the check; then run again."),
    )


def _subject(run: Run) -> str:
    return f"pipeline/{run.pipeline_id}"
