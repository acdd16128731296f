"""Pauses and resumes pipelines, and moves their schedules on; everything else goes through a change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane.errors import Conflict, Invalid

from . import scheduling, selectors
from .models import Pipeline

LONGEST_REASON = 300


def pause(*, actor: Actor, pipeline_id: Id, reason: str) -> Pipeline:
    """Start no run any more, from now on: narrowing needs no review.

    Raises Invalid for a reason that tells nothing, Conflict when it is paused already.
    """
    pipeline = _governable(actor, pipeline_id)
    held = {"paused_at": now(), "paused_reason": _reason(reason, required=True), "paused_by": actor.name[:120]}
    return _turn(actor, pipeline, "pipeline.paused", _("paused pipeline %(name)s"), reason, held, next_due_at=None)


def resume(*, actor: Actor, pipeline_id: Id, reason: str = "") -> Pipeline:
    """Take up the approved schedule again. Raises Conflict when it is not paused."""
    pipeline = _governable(actor, pipeline_id)
    _reason(reason, required=False)
    due = scheduling.next_due(selectors.definition_of(pipeline).schedule, after=now())
    held = {"paused_at": None, "paused_reason": "", "paused_by": ""}
    return _turn(actor, pipeline, "pipeline.resumed", _("resumed pipeline %(name)s"), reason, held, next_due_at=due)


def _governable(actor: Actor, pipeline_id: Id) -> Pipeline:
    pipeline = selectors.pipeline(actor, pipeline_id)
    access.require(actor, "pipeline.pause", pipeline.team_id)
    return pipeline


def _reason(text: str, *, required: bool) -> str:
    reason = " ".join(text.split())
    if required and not reason:
        raise Invalid(_("Say why, so that whoever finds it paused knows."), field="reason")
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        raise Invalid(_("A reason has at most 300 printable characters."), field="reason")
    return reason


def _turn(
    actor: Actor,
    pipeline: Pipeline,
    action: str,
    summary: str,
    reason: str,
    held: dict[str, Any],
    *,
    next_due_at: datetime | None,
) -> Pipeline:
    pausing = held["paused_at"] is not None
    with transaction.atomic():
        changed = Pipeline.objects.filter(id=pipeline.id, paused_at__isnull=pausing)
        if not changed.update(**held, next_due_at=next_due_at):
            raise Conflict(_("Somebody else did this a moment ago."), remedy=_("Reload the page."))
        audit.append(
            actor=actor,
            action=action,
            subject=f"pipeline/{pipeline.id}",
            team_id=pipeline.team_id,
            summary=summary % {"name": pipeline.name},
            detail={"reason": " ".join(reason.split())} if reason.strip() else None,
        )
    pipeline.refresh_from_db()
    return pipeline


def take_due(pipeline: Pipeline) -> bool:
    """Move the due time on to the next one; False when another scheduler has done so."""
    following = scheduling.next_due(selectors.definition_of(pipeline).schedule, after=now())
    same = Pipeline.objects.filter(id=pipeline.id, next_due_at=pipeline.next_due_at, paused_at=None)
    return bool(same.update(next_due_at=following))
