"""Reads the audit log: pages for auditors, and the walk that verification makes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, Max, OuterRef, QuerySet

from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.paging import Page, cursor_to, read_cursor
from apps.dataplane.errors import Invalid

from . import outcomes
from .models import Event, Sequenced
from .proof import Entry, Link
from .searching import Filters, actions, find, is_uuid, made_at

__all__ = ["Filters", "actions", "made_at"]

STEP = 2_000
NOT_DETAIL = frozenset({"actor_name", "summary", "before", "after"})


@dataclass(frozen=True)
class Shown:
    """An event as an auditor sees it. `number` is None before the notary has come; `moved`: name, before, after."""

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
    outcome: str = outcomes.DONE
    moved: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Head:
    """How far the notary has come."""

    sequenced: int
    pending: int
    at: datetime | None


@dataclass(frozen=True)
class Searched(Page[Any]):
    """A page of a search. `reached` says how far back it looked when that was not to the end of the log."""

    reached: datetime | None = None


def events(actor: Actor, filters: Filters, *, cursor: str = "", size: int = 50) -> Searched:
    """One page of events, newest first. Auditors alone; Denied otherwise."""
    access.require(actor, "audit.view")
    newer, text = read_cursor(cursor)
    last = _key(text)
    found = find(filters, last=last, newer=newer, size=size + 1)
    ids = sorted(found.ids[:size], reverse=True)
    rows = [shown(event) for event in _events(ids)]
    more = len(found.ids) > size or found.reached is not None
    end = (found.reached if len(found.ids) <= size else None) or (found.ids[:size] or [None])[-1]
    return Searched(
        rows,
        older=_older(ids, end, newer, more),
        newer=_newer(ids, end, newer, more, last),
        reached=None if found.reached is None or newer else _instant(found.reached),
    )


def _key(text: str | None) -> UUID | None:
    if text is None:
        return None
    if not is_uuid(text):
        raise Invalid("This page address is not one that Lockgate gave out.", remedy="Start from the first page.")
    return UUID(text)


def _older(ids: Sequence[UUID], end: UUID | None, newer: bool, more: bool) -> str:
    if newer:
        return cursor_to(ids[-1], backwards=False) if ids else ""
    return cursor_to(end, backwards=False) if more else ""


def _newer(ids: Sequence[UUID], end: UUID | None, newer: bool, more: bool, last: UUID | None) -> str:
    if newer:
        return cursor_to(end, backwards=True) if more else ""
    return cursor_to(ids[0] if ids else last, backwards=True) if last is not None else ""


def _instant(key: UUID) -> datetime:
    return datetime.fromtimestamp((key.int >> 80) / 1000, UTC)


def _events(ids: Sequence[UUID]) -> list[Event]:
    return list(Event.objects.filter(id__in=ids).select_related("detail", "sequenced").order_by("-id"))


def recently(newest: UUID, margin: timedelta) -> UUID:
    """The smallest id that can have been made up to `margin` before this one, or before now if its clock was ahead."""
    milliseconds = min(newest.int >> 80, int(now().timestamp() * 1000)) - int(margin.total_seconds() * 1000)
    return UUID(int=max(milliseconds, 0) << 80)


def shown(event: Event) -> Shown:
    """An event with its detail and its place, which have to be fetched with it."""
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
        detail=tuple((key, _plain(value)) for key, value in said.items() if key not in NOT_DETAIL),
        hash=bytes(link.event_hash).hex() if link else "",
        outcome=outcomes.of_action(event.action),
        moved=_moved(said.get("before"), said.get("after")),
    )


def _moved(before: Any, after: Any) -> tuple[tuple[str, str, str], ...]:
    """What an act changed: name, before, after; of events that say so with two objects."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return ()
    names = dict.fromkeys([*before, *after])
    return tuple(
        (name, _plain(before.get(name, "")), _plain(after.get(name, "")))
        for name in names
        if before.get(name) != after.get(name)
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def head() -> Head:
    """The notary's last number and how many events wait; counted from an hour before the last one on."""
    last = Sequenced.objects.order_by("-number").first()
    since = recently(last.event_id, timedelta(hours=1)) if last else UUID(int=0)
    return Head(last.number if last else 0, waiting(since).count(), last.sequenced_at if last else None)


def waiting(since: UUID) -> QuerySet[Event]:
    """Events made after this id that have no number yet."""
    # The bound stands on both sides: a join alone would read every number there is.
    numbered = Sequenced.objects.filter(event_id=OuterRef("id"), event_id__gt=since)
    return Event.objects.filter(~Exists(numbered), id__gt=since)


def read_since(actor: Actor, at: datetime) -> bool:
    """Whether this person has read the log since then."""
    return Event.objects.filter(actor_id=actor.id, action="audit.viewed", id__gte=made_at(at)).exists()


def last_acts(actor_ids: Iterable[object]) -> dict[str, datetime]:
    """When each of these last did anything that is on record."""
    wanted = [str(key) for key in actor_ids]
    with connection.cursor() as cursor:
        cursor.execute(_LAST_ACTS, [wanted])
        return {actor: _instant(key) for actor, key in cursor.fetchall()}


_LAST_ACTS = """
SELECT wanted.value, found.id FROM unnest(%s::text[]) AS wanted(value) CROSS JOIN LATERAL (
  SELECT id FROM audit_event WHERE actor_id = wanted.value ORDER BY id DESC LIMIT 1) AS found
"""


def last_of(subjects: Iterable[str], action: str) -> dict[str, datetime]:
    """When this was last done to each of these subjects."""
    rows = Event.objects.filter(subject__in=list(subjects), action=action).order_by("id").values_list("subject", "id")
    return {subject: _instant(key) for subject, key in rows}


def of_subject(actor: Actor, subject: str, *, limit: int = 50) -> list[Shown]:
    """The newest events about one subject, for whoever may read the log."""
    access.require(actor, "audit.view")
    rows = Event.objects.filter(subject=subject).select_related("detail", "sequenced").order_by("-id")
    return [shown(event) for event in rows[:limit]]


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
            yield Link(number, bytes(event_hash), bytes(chain_hash)), entry_of(event)
        last = rows[-1][0]


def unsequenced() -> Iterator[Entry]:
    """Events that wait for their number, by id, in steps."""
    last = UUID(int=0)
    waiting = Event.objects.filter(sequenced__isnull=True).order_by("id")
    while rows := list(waiting.filter(id__gt=last).values_list(*_COLUMNS, *_DETAIL)[:STEP]):
        yield from map(entry_of, rows)
        last = rows[-1][0]


def entry_of(row: Any) -> Entry:
    """An event as stored, from its columns and those of its detail."""
    key, body, action, actor, subject, team, salt, detail, name, summary = row
    return Entry(
        str(key), bytes(body), action, actor, subject, team,
        None if salt is None else bytes(salt), None if detail is None else bytes(detail), name, summary,
    )  # fmt: skip
