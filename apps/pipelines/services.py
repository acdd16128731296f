"""Pauses and resumes pipelines, and moves their schedules on; everything else goes through a change."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane.errors import Conflict

from . import scheduling, selectors
from .models import Pipeline


def pause(*, actor: Actor, pipeline_id: Id) -> Pipeline:
    """Start no run any more, from now on: narrowing needs no review. Raises Conflict when it is paused already."""
    return _set_paused(actor, pipeline_id, now(), "pipeline.paused", _("paused pipeline %(name)s"))


def resume(*, actor: Actor, pipeline_id: Id) -> Pipeline:
    """Take up the approved schedule again. Raises Conflict when it is not paused."""
    return _set_paused(actor, pipeline_id, None, "pipeline.resumed", _("resumed pipeline %(name)s"))


def _set_paused(actor: Actor, pipeline_id: Id, at: datetime | None, action: str, summary: str) -> Pipeline:
    pipeline = selectors.pipeline(actor, pipeline_id)
    access.require(actor, "pipeline.pause", pipeline.team_id)
    due = None if at else scheduling.next_due(selectors.definition_of(pipeline).schedule, after=now())
    with transaction.atomic():
        changed = Pipeline.objects.filter(id=pipeline.id, paused_at__isnull=at is not None)
        if not changed.update(paused_at=at, next_due_at=due):
            raise Conflict(_("Somebody else did this a moment ago."), remedy=_("Reload the page."))
        audit.append(
            actor=actor,
            action=action,
            subject=f"pipeline/{pipeline.id}",
            team_id=pipeline.team_id,
            summary=summary % {"name": pipeline.name},
        )
    pipeline.refresh_from_db()
    return pipeline


def take_due(pipeline: Pipeline) -> bool:
    """Move the due time on to the next one; False when another scheduler has done so."""
    following = scheduling.next_due(selectors.definition_of(pipeline).schedule, after=now())
    same = Pipeline.objects.filter(id=pipeline.id, next_due_at=pipeline.next_due_at, paused_at=None)
    return bool(same.update(next_due_at=following))
