"""Who approved whose changes how often, and changes that fewer people saw than usual: for the access review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.paging import Page, page

from .models import Change, Participant

PERIOD = timedelta(days=365)
MOST = 100


@dataclass(frozen=True)
class Pair:
    """`approver` approved `count` changes by `author`, of `of_author` approvals that the author got in all."""

    author: str
    author_id: UUID
    approver: str
    approver_id: UUID
    count: int
    of_author: int
    last: datetime

    @property
    def share(self) -> float:
        return self.count / self.of_author


@dataclass(frozen=True)
class Alone:
    """An applied change that one signature sufficed for."""

    number: int
    title: str
    sentence: str
    kind: str
    risk: str
    applied_at: datetime | None
    author: str
    approver: str
    founding: bool


def pairs(actor: Actor, *, since: datetime | None = None) -> list[Pair]:
    """The most frequent pairs of the last year, at most a hundred."""
    access.require(actor, "people.view")
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS, [since or now() - PERIOD, MOST])
        rows = cursor.fetchall()
    names = accounts.names({key for author, approver, *_rest in rows for key in (author, approver)})
    return [
        Pair(names.get(str(author), ""), author, names.get(str(approver), ""), approver, count, of_author, last)
        for author, approver, count, of_author, last in rows
    ]


_PAIRS = """
SELECT author.person_id, approver.person_id, count(*) AS together,
       (sum(count(*)) OVER (PARTITION BY author.person_id))::bigint, max(c.applied_at)
FROM changes_change c
JOIN changes_participant author ON author.change_id = c.id AND author.part = 'AUTHOR'
JOIN changes_participant approver ON approver.change_id = c.id AND approver.verdict = 'APPROVED'
     AND approver.binding_hash = c.binding_hash
WHERE c.state = 'APPLIED' AND c.applied_at >= %s
GROUP BY 1, 2 ORDER BY together DESC, max(c.applied_at) DESC LIMIT %s
"""


def alone(actor: Actor, *, founding: bool | None = None, cursor: str = "", size: int = 50) -> Page[Any]:
    """Applied changes with one signature alone, newest first: founding ones, single-approver ones, or both."""
    access.require(actor, "people.view")
    one = Count("participants", filter=Q(participants__verdict=Participant.APPROVED))
    rows = Change.objects.filter(state=Change.APPLIED).filter(Q(founding=True) | Q(approvals_needed=1))
    if founding is not None:
        rows = rows.filter(founding=founding)
    found = page(rows.annotate(given=one).filter(Q(founding=True) | Q(given=1)), by="number", cursor=cursor, size=size)
    parts = Participant.objects.filter(change__in=[row.id for row in found.rows])
    held: dict[Any, list[Participant]] = {}
    for part in parts:
        held.setdefault(part.change_id, []).append(part)
    names = accounts.names({part.person_id for part in parts})
    rows_ = [_alone(row, held.get(row.id, []), names) for row in found.rows]
    return Page(rows_, older=found.older, newer=found.newer)  # type: ignore[type-var]


def _alone(change: Change, parts: list[Participant], names: dict[str, str]) -> Alone:
    author = next((names.get(str(part.person_id), "") for part in parts if part.part == Participant.AUTHOR), "")
    approver = next((names.get(str(p.person_id), "") for p in parts if p.verdict == Participant.APPROVED), "")
    return Alone(
        number=change.number,
        title=change.title,
        sentence=change.sentence,
        kind=change.kind,
        risk=change.risk,
        applied_at=change.applied_at,
        author=author,
        approver=approver,
        founding=change.founding,
    )
