"""Reads the audit log: pages for auditors, and the walk that verification makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet
from django.utils import timezone

from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.paging import Page, page

from .models import Event, Sequenced
from .proof import Entry, Link

STEP = 2_000


@dataclass(frozen=True)
class Filters:
    """What an auditor searches for; dates are days in the reader's zone, both inclusive."""

    action: str = ""
    actor: str = ""
    subject: str = ""
    team: str = ""
    text: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def active(self) -> bool:
        return self != Filters()

    def as_json(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Shown:
    """An event as an auditor sees it. `number` is None until the notary has sequenced it."""

    id: UUID
    number: int | None
    at: datetime
    action: str
    actor_id: str
    actor_kind: str
    actor_name: str
    summary: str
    subject: str
    team_id: str
    request: str
    detail: tuple[tuple[str, str], ...]
    hash: str


@dataclass(frozen=True)
class Head:
    """How far the notary has come."""

    sequenced: int
    pending: int
    at: datetime | None


def events(actor: Actor, filters: Filters, *, cursor: str = "", size: int = 50) -> Page[Any]:
    """One page of events, newest first. Auditors alone; Denied otherwise."""
    access.require(actor, "audit.view")
    found = page(_matching(filters).select_related("detail", "sequenced"), cursor=cursor, size=size)
    return Page([_shown(event) for event in found.rows], older=found.older, newer=found.newer)


def _matching(filters: Filters) -> QuerySet[Event]:
    rows = Event.objects.all()
    if filters.action:
        rows = rows.filter(action__startswith=filters.action)
    if filters.actor:
        rows = (
            rows.filter(actor_id=filters.actor)
            if _is_uuid(filters.actor)
            else rows.filter(detail__actor_name__icontains=filters.actor)
        )
    if filters.subject:
        rows = rows.filter(subject__startswith=filters.subject)
    if filters.team:
        rows = rows.filter(team_id=filters.team)
    if filters.text:
        rows = rows.filter(detail__summary__icontains=filters.text)
    # Ids begin with the instant in which they were made, so a range of days is a range of the primary key.
    if filters.since:
        rows = rows.filter(id__gte=made_at(_midnight(filters.since)))
    if filters.until:
        rows = rows.filter(id__lt=made_at(_midnight(filters.until + timedelta(days=1))))
    return rows


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, clock_time.min))


def made_at(at: datetime) -> UUID:
    """The smallest id that can have been made at this instant."""
    return UUID(int=max(int(at.timestamp() * 1000), 0) << 80)


def recently(newest: UUID, margin: timedelta) -> UUID:
    """The smallest id that can have been made up to `margin` before this one, or before now if its clock was ahead."""
    milliseconds = min(newest.int >> 80, int(now().timestamp() * 1000)) - int(margin.total_seconds() * 1000)
    return UUID(int=max(milliseconds, 0) << 80)


def _shown(event: Event) -> Shown:
    body = json.loads(bytes(event.body))
    detail = getattr(event, "detail", None)
    said = json.loads(bytes(detail.body)) if detail else {}
    link = getattr(event, "sequenced", None)
    return Shown(
        id=event.id,
        number=link.number if link else None,
        at=datetime.fromisoformat(body["at"]),
        action=event.action,
        actor_id=event.actor_id,
        actor_kind=body["actor"]["kind"],
        actor_name=detail.actor_name if detail else "",
        summary=detail.summary if detail else "",
        subject=event.subject,
        team_id=event.team_id,
        request=body["request"],
        detail=tuple((key, _plain(value)) for key, value in said.items() if key not in ("actor_name", "summary")),
        hash=bytes(link.event_hash).hex() if link else "",
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def head() -> Head:
    """The notary's last number and how many events wait; counted from an hour before the last one on."""
    last = Sequenced.objects.order_by("-number").first()
    waiting = Event.objects.filter(sequenced__isnull=True)
    if last:
        waiting = waiting.filter(id__gt=recently(last.event_id, timedelta(hours=1)))
    return Head(last.number if last else 0, waiting.count(), last.sequenced_at if last else None)


def actions() -> list[str]:
    """Every action that occurs in the log, in order; a walk along the index, not over the rows."""
    found: list[str] = []
    while True:
        following = Event.objects.order_by("action")
        following = following.filter(action__gt=found[-1]) if found else following
        action = following.values_list("action", flat=True).first()
        if action is None:
            return found
        found.append(action)


def read_since(actor: Actor, at: datetime) -> bool:
    """Whether this person has read the log since then."""
    return Event.objects.filter(actor_id=actor.id, action="audit.viewed", id__gte=made_at(at)).exists()


def of_subject(actor: Actor, subject: str, *, limit: int = 50) -> list[Shown]:
    """The newest events about one subject, for whoever may read the log."""
    access.require(actor, "audit.view")
    rows = Event.objects.filter(subject=subject).select_related("detail", "sequenced").order_by("-id")
    return [_shown(event) for event in rows[:limit]]


_COLUMNS = ("id", "body", "action", "actor_id", "subject", "team_id")
_DETAIL = ("detail__salt", "detail__body", "detail__actor_name", "detail__summary")


def links(upto: int | None = None) -> Iterator[tuple[Link, Entry]]:
    """The chain in order with its events, read in steps so that memory stays bounded."""
    last, end = 0, upto if upto is not None else Sequenced.objects.aggregate(n=Max("number"))["n"] or 0
    columns = ("number", "event_hash", "chain_hash", *(f"event__{name}" for name in (*_COLUMNS, *_DETAIL)))
    while last < end:
        rows = list(
            Sequenced.objects.filter(number__gt=last, number__lte=end).order_by("number").values_list(*columns)[:STEP]
        )
        if not rows:
            return
        for number, event_hash, chain_hash, *event in rows:
            yield Link(number, bytes(event_hash), bytes(chain_hash)), _entry(event)
        last = rows[-1][0]


def unsequenced() -> Iterator[Entry]:
    """Events that wait for their number, by id, in steps."""
    last = UUID(int=0)
    waiting = Event.objects.filter(sequenced__isnull=True).order_by("id")
    while rows := list(waiting.filter(id__gt=last).values_list(*_COLUMNS, *_DETAIL)[:STEP]):
        yield from map(_entry, rows)
        last = rows[-1][0]


def _entry(row: Any) -> Entry:
    key, body, action, actor, subject, team, salt, detail, name, summary = row
    return Entry(
        str(key), bytes(body), action, actor, subject, team,
        None if salt is None else bytes(salt), None if detail is None else bytes(detail), name, summary,
    )  # fmt: skip
