"""What an ended count or deletion leaves behind: its receipt in the audit log, and an incident when it failed."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.incidents import services as incidents

from .models import Enforcement


def tell(enforcement_id: Id, *, actor: Actor) -> None:
    """Record the end of an enforcement. Stands in the transaction that ended it."""
    run = Enforcement.objects.select_related("rule").get(id=enforcement_id)
    audit.append(
        actor=actor,
        action=_action(run),
        subject=f"retention/{run.rule_id}",
        team_id=run.rule.team_id,
        summary=_summary(run),
        detail=receipt(run),
    )
    _raise_or_close(run, actor)


def receipt(run: Enforcement) -> dict[str, Any]:
    """Everything that proves what went: rule and version, the moment, and by dataset how many rows of which dates."""
    return {
        "enforcement": run.number,
        "version": run.rule_version,
        "mode": run.mode,
        "state": run.state,
        "before": run.before.isoformat(),
        "approved_by": run.change,
        "dry_run": run.dry_run.number if run.dry_run else 0,
        "rows": run.rows,
        "datasets": [
            {key: one[key] for key in ("dataset", "column", "state", "rows", "oldest", "newest", "undated")}
            for one in run.outcomes
        ],
        "sentence": run.sentence,
    }


def _action(run: Enforcement) -> str:
    if run.state != Enforcement.DONE:
        return "retention.refused" if run.state == Enforcement.REFUSED else "retention.failed"
    return "retention.counted" if run.mode == Enforcement.DRY_RUN else "retention.deleted"


def _summary(run: Enforcement) -> str:
    named = {"name": run.rule.name, "rows": f"{run.rows:,}", "sentence": run.sentence}
    if run.state != Enforcement.DONE:
        return _("ended retention by %(name)s: %(sentence)s") % named
    if run.mode == Enforcement.DRY_RUN:
        return _("counted %(rows)s rows that %(name)s would delete") % named
    return _("deleted %(rows)s rows by %(name)s") % named


def _raise_or_close(run: Enforcement, actor: Actor) -> None:
    subject, problem, ref = f"retention/{run.rule_id}", "retention/failed", f"enforcement/{run.number}"
    if run.state == Enforcement.DONE:
        incidents.problem_gone(actor=actor, subject=subject, problem=problem, ref=ref)
        return
    incidents.raise_incident(
        actor=actor,
        team_id=run.rule.team_id,
        subject=subject,
        problem=problem,
        title=_("%(name)s: retention was not carried out") % {"name": run.rule.name},
        sentence=f"{run.sentence} {run.remedy}".strip(),
        level="ERROR",
        ref=ref,
    )
