"""Counts what a retention rule would delete, deletes it once that was approved, pauses and resumes rules."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import access, jobs
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane import retention as periods
from apps.dataplane.errors import Conflict, LockgateError, Refused
from apps.dataplane.plan import TableRef
from apps.grants import services as grants
from apps.pipelines import scheduling
from apps.sources import selectors as sources

from . import ending, selectors
from .models import Enforcement, RetentionRule

if TYPE_CHECKING:
    from apps.grants.models import LegalHold

MANUAL, SCHEDULE = "manual", "schedule"


def dry_run(*, actor: Actor, rule_id: Id) -> Enforcement:
    """Count what would go now; nothing is deleted. Raises Conflict while another count or deletion is under way."""
    rule = selectors.rule(actor, rule_id)
    access.require(actor, "retention.count", rule.team_id)
    return _queue(actor, rule, Enforcement.DRY_RUN, MANUAL)


def enforce(*, actor: Actor, rule_id: Id, trigger: str = MANUAL) -> Enforcement:
    """Delete what is due now. Raises Refused before a first deletion of the active version was approved, or paused."""
    rule = selectors.rule(actor, rule_id)
    access.require(actor, "retention.enforce", rule.team_id)
    if rule.paused_at:
        raise Refused(
            _("Retention rule %(name)s is paused. Nothing was deleted.") % {"name": rule.name},
            remedy=_("Resume it first."),
        )
    if not selectors.is_released(rule):
        raise Refused(
            _("No deletion by %(name)s was approved yet. Nothing was deleted.") % {"name": rule.name},
            remedy=_("Make a dry run, then propose the first deletion."),
        )
    return _queue(actor, rule, Enforcement.DELETION, trigger)


def _queue(actor: Actor, rule: RetentionRule, mode: str, trigger: str) -> Enforcement:
    definition = selectors.definition_of(rule)
    try:
        with transaction.atomic():
            run = Enforcement(
                rule=rule,
                rule_version=rule.active_version,
                mode=mode,
                trigger=trigger,
                started_by=actor.id,
                before=periods.cutoff(definition.keep, definition.zone, now()),
            )
            run.save(force_insert=True)
            run.refresh_from_db()
            counted = mode == Enforcement.DRY_RUN
            audit.append(
                actor=actor,
                action="retention.counting" if counted else "retention.deleting",
                subject=f"retention/{rule.id}",
                team_id=rule.team_id,
                summary=(_("started a dry run of %(name)s") if counted else _("started a deletion by %(name)s"))
                % {"name": rule.name},
                detail={"enforcement": run.number, "version": rule.active_version, "before": run.before.isoformat()},
            )
            jobs.enqueue("retention.enforce", subject=f"enforcement/{run.id}")
    except IntegrityError as error:
        if "one_enforcement_at_a_time" not in str(error):
            raise
        raise Conflict(
            _("A count or deletion of %(name)s is already under way.") % {"name": rule.name},
            remedy=_("Wait until it has ended."),
        ) from error
    return run


def start_due() -> int:
    """Carry out every rule whose time has come; before a first deletion was approved it is only counted."""
    started = 0
    for rule in selectors.due(now()):
        try:
            with transaction.atomic():
                # The due time moves on first: of two schedulers, one finds nothing left to do.
                if _take_due(rule):
                    mode = Enforcement.DELETION if selectors.is_released(rule) else Enforcement.DRY_RUN
                    _queue(system("scheduler"), rule, mode, SCHEDULE)
                    started += 1
        except (Conflict, Refused):
            _take_due(rule)
    return started


def _take_due(rule: RetentionRule) -> bool:
    same = RetentionRule.objects.filter(id=rule.id, next_due_at=rule.next_due_at, paused_at=None)
    return bool(same.update(next_due_at=_next_due(rule)))


def _next_due(rule: RetentionRule) -> datetime | None:
    return scheduling.next_due(selectors.definition_of(rule).schedule, after=now())


def pause(*, actor: Actor, rule_id: Id) -> RetentionRule:
    """Delete nothing any more, from now on. Raises Conflict when it is paused already."""
    return _set_paused(actor, rule_id, now(), "retention.paused", _("paused retention rule %(name)s"))


def resume(*, actor: Actor, rule_id: Id) -> RetentionRule:
    """Take up the approved schedule again. Raises Conflict when it is not paused."""
    return _set_paused(actor, rule_id, None, "retention.resumed", _("resumed retention rule %(name)s"))


def _set_paused(actor: Actor, rule_id: Id, at: datetime | None, action: str, summary: str) -> RetentionRule:
    rule = selectors.rule(actor, rule_id)
    access.require(actor, "retention.pause", rule.team_id)
    due = None if at else _next_due(rule)
    with transaction.atomic():
        changed = RetentionRule.objects.filter(id=rule.id, paused_at__isnull=at is not None)
        if not changed.update(paused_at=at, next_due_at=due):
            raise Conflict(_("Somebody else did this a moment ago."), remedy=_("Reload the page."))
        audit.append(
            actor=actor,
            action=action,
            subject=f"retention/{rule.id}",
            team_id=rule.team_id,
            summary=summary % {"name": rule.name},
        )
    rule.refresh_from_db()
    return rule


def place_hold(*, actor: Actor, dataset_id: Id, title: str, reason: str) -> LegalHold:
    """Hold a dataset that the actor may see: from now on no retention rule deletes a row of it."""
    dataset = sources.dataset(actor, dataset_id)
    return grants.place(
        actor=actor,
        team_id=dataset.connection.team_id,
        connection_id=dataset.connection_id,
        ref=TableRef(dataset.schema, dataset.table),
        title=title,
        reason=reason,
    )


def end(enforcement_id: str, error: LockgateError, *, actor: Actor) -> None:
    """Close one that did not end well, with the sentence that people read. Idempotent."""
    state = Enforcement.REFUSED if isinstance(error, Refused) else Enforcement.FAILED
    with transaction.atomic():
        ended = Enforcement.objects.filter(id=enforcement_id).exclude(state__in=Enforcement.ENDED)
        if ended.update(state=state, sentence=error.sentence, remedy=error.remedy, ended_at=Now()):
            ending.tell(enforcement_id, actor=actor)
