"""Writes the audit log: events in the caller's transaction, their sequence by the notary; and verifies it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core import access, restorations
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.core.ids import Id, uuid7
from apps.dataplane.canonical import Json, canonical_bytes

from . import proof, selectors
from .models import Event, EventDetail, Sequenced

FORMAT = 1
AUDIT_BARRIER = 0x4C4F434B_01  # "LOCK" 1: shared by whoever appends, exclusive for the notary's moment of quiet
AUDIT_NOTARY = 0x4C4F434B_02  # one notary at a time
BARRIER_PATIENCE = "500ms"
LATECOMERS = timedelta(minutes=5)
BATCH = 5_000
PLAIN_READING = timedelta(hours=1)


def append(
    *,
    actor: Actor,
    action: str,
    subject: str,
    summary: str,
    team_id: Id | None = None,
    detail: Mapping[str, Json] | None = None,
) -> Event:
    """Record an act in the transaction of the act: no event, no act.

    `summary` is what the actor did, to be read after the name ("approved change 12"); `detail` holds canonical JSON.
    Raises TransactionManagementError outside of a transaction, ValueError for a detail without a canonical form.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit.append must stand in the transaction of the act.")
    _lock("pg_advisory_xact_lock_shared", AUDIT_BARRIER)
    identity, salt = uuid7(), os.urandom(16)
    name, summary, subject = _storable(actor.name), _storable(summary), _storable(subject)
    said = canonical_bytes({**(detail or {}), "actor_name": name, "summary": summary})
    team = str(team_id) if team_id else ""
    document: dict[str, Json] = {
        "format": FORMAT,
        "id": str(identity),
        "at": _rfc3339(now()),
        "action": action,
        "actor": {"id": actor.id, "kind": actor.kind},
        "subject": subject,
        "team": team,
        "request": actor.request_id,
        "detail_hash": proof.detail_hash(salt, said),
    }
    event = Event(
        id=identity, body=canonical_bytes(document), action=action, actor_id=actor.id, subject=subject, team_id=team
    )
    event.save(force_insert=True)
    EventDetail(event=event, salt=salt, body=said, actor_name=name, summary=summary).save(force_insert=True)
    return event


def _lock(function: str, key: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [key])


def _storable(text: str) -> str:
    """PostgreSQL holds no NUL and UTF-8 no lone surrogate; a hostile name must not keep its event out of the log."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def sequence(limit: int = BATCH, *, everything: bool = False) -> int:
    """Number and chain the events that wait, oldest id first; the notary alone may. Returns how many.

    What was committed later than its id says, by a long transaction or a clock that lagged, is looked for some minutes
    back; with `everything` in the whole log, which is slow.
    """
    try:
        with transaction.atomic():
            if not _alone():
                return 0
            last = Sequenced.objects.order_by("-number").first()
            waiting = _waiting(last, min(limit, BATCH), everything)
            _chain(last, waiting)
            return len(waiting)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            return 0  # A long transaction holds the barrier, and everybody would queue behind us: come again later.
        raise


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [AUDIT_NOTARY])
        return bool(cursor.fetchone()[0])


def _waiting(last: Sequenced | None, limit: int, everything: bool) -> Sequence[tuple[UUID, bytes]]:
    if everything:
        unnumbered = Event.objects.filter(sequenced__isnull=True).order_by("id").values_list("id", "body")
        return [(key, bytes(body)) for key, body in unnumbered[:limit]]
    since = selectors.recently(last.event_id, LATECOMERS) if last else UUID(int=0)
    events = selectors.waiting(since).order_by("id").values_list("id", "body")
    with _barrier():
        return [(key, bytes(body)) for key, body in events[:limit]]


@contextmanager
def _barrier() -> Iterator[None]:
    """A moment in which no transaction that has appended is in flight, so what is read is complete up to it.

    The lock is the session's, because a transaction's would be kept while the batch is written. Whoever catches an
    error from in here closes the connection, which ends the lock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [BARRIER_PATIENCE])
    _lock("pg_advisory_lock", AUDIT_BARRIER)
    yield
    _lock("pg_advisory_unlock", AUDIT_BARRIER)


def _chain(last: Sequenced | None, waiting: Sequence[tuple[UUID, bytes]]) -> None:
    number, link = (last.number, bytes(last.chain_hash)) if last else (0, proof.GENESIS)
    rows = []
    for key, body in waiting:
        event_hash = proof.event_hash(body)
        number, link = number + 1, proof.chain(link, event_hash)
        rows.append(Sequenced(number=number, event_id=key, event_hash=event_hash, chain_hash=link))
    Sequenced.objects.bulk_create(rows, batch_size=1000)


@dataclass(frozen=True)
class Verification:
    """The result of a walk over the whole log. `first_bad` is a number, `event <id>` when it has none, or empty."""

    events: int
    sequenced: int
    pending: int
    ok: bool
    first_bad: str
    sentence: str


def verify(upto: int | None = None, *, progress: Callable[[int], None] | None = None) -> Verification:
    """Walk the chain, and the events that wait for their number, in bounded memory; stops at the first fault.

    `progress` is told every few thousand events how many were checked.
    """
    checked, previous = 0, proof.GENESIS
    for link, entry in selectors.links(upto):
        if progress and checked % selectors.STEP == 0:
            progress(checked)
        fault = proof.fault_of_link(link, entry, expected=checked + 1, previous=previous)
        if fault:
            bad = checked + 1 if link.number != checked + 1 else link.number
            return Verification(checked, checked, 0, False, str(bad), fault)
        checked, previous = link.number, link.chain_hash
    return _verify_pending(checked) if upto is None else _sound(checked, 0)


def _verify_pending(sequenced: int) -> Verification:
    pending = 0
    for entry in selectors.unsequenced():
        fault = proof.fault_of_event(entry)
        if fault:
            where = f"event {entry.id}"
            return Verification(sequenced + pending, sequenced, pending, False, where, f"The waiting {where} {fault}")
        pending += 1
    return _sound(sequenced, pending)


def chain_hash_at(number: int) -> str:
    """The chain hash at this number, in hexadecimal; empty when there is no such number."""
    found = Sequenced.objects.filter(number=number).values_list("chain_hash", flat=True).first()
    return bytes(found).hex() if found is not None else ""


def _sound(sequenced: int, pending: int) -> Verification:
    sentence = _("Audit log verified to event %(number)s.") % {"number": sequenced}
    if pending:
        waiting = ngettext("%(count)s event waits for its number.", "%(count)s events wait for their number.", pending)
        sentence = f"{sentence} {waiting % {'count': pending}}"
    restored = restorations.latest()
    if restored:
        sentence = f"{sentence} {_restored(restored)}"
    return Verification(sequenced + pending, sequenced, pending, True, "", sentence)


def _restored(restored: restorations.Restored) -> str:
    said = {"at": _minute(restored.at), "made": _minute(restored.backup_made_at), "events": restored.backup_events}
    return _("Restored on %(at)s from the backup of %(made)s, which held %(events)s numbered events.") % said


def _minute(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def verify_as(*, actor: Actor) -> Verification:
    """Verify the log for an auditor; that it was asked for, and the answer, is an event itself."""
    access.require(actor, "audit.verify")
    result = verify()
    with transaction.atomic():
        _append_verified(actor, result)
    return result


def record_verification(*, asked_by: str, result: Verification) -> None:
    """A worker has walked the log for somebody."""
    _append_verified(system("general"), result, asked_by=asked_by)


def _append_verified(actor: Actor, result: Verification, **more: Json) -> None:
    append(
        actor=actor,
        action="audit.verified",
        subject="audit",
        summary=_("verified the audit log: %(sentence)s") % {"sentence": result.sentence},
        detail={
            "sequenced": result.sequenced,
            "pending": result.pending,
            "ok": result.ok,
            "first_bad": result.first_bad,
            **more,
        },
    )


def record_reading(*, actor: Actor, filters: selectors.Filters) -> None:
    """Reading the log is an event: each search, and plain paging once per person and hour."""
    access.require(actor, "audit.view")
    with transaction.atomic():
        if filters.active:
            summary = _("searched the audit log")
            append(
                actor=actor,
                action="audit.searched",
                subject="audit",
                summary=summary,
                detail={"search": filters.as_json()},
            )
        elif not selectors.read_since(actor, now() - PLAIN_READING):
            append(actor=actor, action="audit.viewed", subject="audit", summary=_("read the audit log"))
