"""Verification of a log that is too long for one request: asked for, walked by the general worker, shown as it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core import access, jobs
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.jobs import Lease
from apps.dataplane.errors import NotFound

from . import selectors, services
from .models import Walk
from .services import append

AT_ONCE = 20_000


@dataclass(frozen=True)
class Walking:
    """A verification as its page shows it; `result` is there once it has ended."""

    id: UUID
    created_at: datetime
    state: str
    done: int
    total: int
    failure: str
    result: services.Verification | None

    @property
    def waits(self) -> bool:
        return self.state in (Walk.QUEUED, Walk.RUNNING)


def verify_or_walk(*, actor: Actor) -> services.Verification | Walking:
    """The answer at once for a short log; for a long one a walk that a worker makes."""
    access.require(actor, "audit.verify")
    head = selectors.head()
    total = head.sequenced + head.pending
    if total <= AT_ONCE:
        return services.verify_as(actor=actor)
    with transaction.atomic():
        walk = Walk.objects.filter(state__in=(Walk.QUEUED, Walk.RUNNING)).first()
        if walk is None:
            walk = Walk(asked_by=actor.id, total=total)
            walk.save(force_insert=True)
            append(
                actor=actor,
                action="audit.verification_requested",
                subject=f"audit-walk/{walk.id}",
                summary=_("asked for a verification of the audit log"),
            )
            jobs.enqueue("audit.verify", subject=f"audit-walk/{walk.id}")
            walk.refresh_from_db()
    return _walking(walk)


def walk(actor: Actor, walk_id: UUID) -> Walking:
    """Raises Denied, NotFound."""
    access.require(actor, "audit.view")
    row = Walk.objects.filter(id=walk_id).first()
    if row is None:
        raise NotFound(_("There is no such verification."))
    return _walking(row)


def _walking(row: Walk) -> Walking:
    result = None
    if row.state == Walk.DONE:
        counted = row.sequenced + row.pending
        result = services.Verification(
            counted, row.sequenced, row.pending, bool(row.ok), row.first_bad, row.sentence
        )  # fmt: skip
    return Walking(row.id, row.created_at, row.state, row.done, row.total, row.failure, result)


def make(*, lease: Lease) -> None:
    """The job `audit.verify`: the walk, its result and the event about it."""
    row = Walk.objects.filter(id=lease.subject_id, state__in=(Walk.QUEUED, Walk.RUNNING)).first()
    if row is None:
        return

    def going_on(done: int) -> None:
        lease.check()
        Walk.objects.filter(id=row.id).update(state=Walk.RUNNING, done=done)

    result = services.verify(progress=going_on)
    with transaction.atomic():
        Walk.objects.filter(id=row.id).update(
            state=Walk.DONE,
            done=result.events,
            ok=result.ok,
            sequenced=result.sequenced,
            pending=result.pending,
            first_bad=result.first_bad,
            sentence=result.sentence,
            ended_at=now(),
        )
        services.record_verification(asked_by=row.asked_by, result=result)


def give_up(*, walk_id: str, outcome: str) -> None:
    """The job died for good."""
    Walk.objects.filter(id=walk_id).update(state=Walk.FAILED, failure=outcome, ended_at=now())
