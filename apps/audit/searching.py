"""Finds events that fit a search, at a cost that does not grow with the log.

An equality (who, which subject, which team, which action) is looked up in an index by id, and so is a range of time.
What no index of PostgreSQL's core answers in order (words, part of a name, a kind of subject, a second equality) is
looked for in a window of the newest WINDOW events that the index gives; the answer says how far back that was, and
where to go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from . import outcomes

WINDOW = 10_000
WORDS = 8
NEAREST, FARTHEST = UUID(int=0), UUID(int=(1 << 128) - 1)
PERIODS: dict[str, timedelta] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}


@dataclass(frozen=True)
class Filters:
    """What an auditor searches for; dates are days in the reader's zone, both inclusive.

    `actor` is an id or part of a name; `people` the ids that the name was found to stand for. `action` and `subject`
    may end in `.` and `/`: then all that begin so are meant. `after` is where a period such as `7d` begins.
    """

    action: str = ""
    actor: str = ""
    subject: str = ""
    team: str = ""
    text: str = ""
    outcome: str = ""
    period: str = ""
    since: date | None = None
    until: date | None = None
    after: datetime | None = None
    people: tuple[str, ...] = field(default=())

    @property
    def active(self) -> bool:
        return self != Filters()

    def as_json(self) -> dict[str, Any]:
        said = {name: str(value) for name, value in asdict(self).items() if value and name != "people"}
        return said | ({"people": list(self.people)} if self.people else {})

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Filters:
        """What `as_json` wrote."""
        said = dict(document)
        for name in ("since", "until"):
            if said.get(name):
                said[name] = date.fromisoformat(said[name])
        if said.get("after"):
            said["after"] = datetime.fromisoformat(said["after"])
        return cls(**said | {"people": tuple(said.get("people", ()))})


@dataclass(frozen=True)
class Found:
    """Ids of one page in the order asked for. `reached` is the last event looked at when there was more to look at."""

    ids: tuple[UUID, ...]
    reached: UUID | None = None


@dataclass(frozen=True)
class _Terms:
    """A search taken apart: which index leads (`column`, one of `values`), and what is looked for within its window."""

    column: str
    values: tuple[str, ...]
    rest: tuple[tuple[str, Any], ...]
    low: UUID
    high: UUID


def made_at(at: datetime) -> UUID:
    """The smallest id that can have been made at this instant."""
    return UUID(int=max(int(at.timestamp() * 1000), 0) << 80)


def find(
    filters: Filters, *, last: UUID | None = None, newer: bool = False, upto: UUID | None = None,
    size: int, window: int = WINDOW,
) -> Found:  # fmt: skip
    """The next `size` events after `last`, towards the older ones, or the newer; none above `upto`."""
    terms = _terms(filters, last, newer, upto)
    if not terms.rest:
        return Found(_merged(terms, newer, size))
    edge = _edge(terms, newer, window)
    if edge is not None:
        terms = _within(terms, edge, newer)
    ids = _matching(terms, newer, size)
    return Found(ids, reached=edge if len(ids) < size else None)


def _terms(filters: Filters, last: UUID | None, newer: bool, upto: UUID | None) -> _Terms:
    equal: list[tuple[str, tuple[str, ...]]] = []
    rest: list[tuple[str, Any]] = []
    if filters.subject and not filters.subject.endswith("/"):
        equal.append(("subject", (filters.subject,)))
    elif filters.subject:
        rest.append(("starts_with(e.subject, %s)", filters.subject))
    if filters.people:
        equal.append(("actor_id", filters.people))
    elif filters.actor and is_uuid(filters.actor):
        equal.append(("actor_id", (filters.actor,)))
    elif filters.actor:
        rest.append(("d.actor_name ILIKE %s", _part(filters.actor)))
    if filters.action or filters.outcome:
        equal.append(("action", _actions(filters)))
    if filters.team:
        equal.append(("team_id", (filters.team,)))
    rest += [(_ANYWHERE, (_part(word),) * 3) for word in filters.text.split()[:WORDS]]
    column, values = equal.pop(0) if equal else ("", ())
    rest += [(f"e.{name} = ANY(%s)", list(wanted)) for name, wanted in equal]
    low, high = _range(filters, last, newer, upto)
    return _Terms(column, values, tuple(rest), low, high)


def is_uuid(text: str) -> bool:
    """Whether this can be an id."""
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _part(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _actions(filters: Filters) -> tuple[str, ...]:
    """The actions that occur in the log and are meant."""
    if filters.action and not filters.action.endswith(".") and not filters.outcome:
        return (filters.action,)
    return tuple(
        action
        for action in actions()
        if (not filters.action or _is_meant(action, filters.action))
        and (not filters.outcome or outcomes.of_action(action) == filters.outcome)
    )


def _is_meant(action: str, wanted: str) -> bool:
    return action.startswith(wanted) if wanted.endswith(".") else action == wanted


def actions() -> list[str]:
    """Every action that occurs in the log, in order; a walk along the index, not over the rows."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIONS)
        return [action for (action,) in cursor.fetchall()]


def _range(filters: Filters, last: UUID | None, newer: bool, upto: UUID | None) -> tuple[UUID, UUID]:
    """Ids begin with the instant in which they were made, so a range of time is a range of the primary key."""
    low, high = NEAREST, FARTHEST
    if filters.after:
        low = made_at(filters.after)
    if filters.since:
        low = max(low, made_at(_midnight(filters.since)))
    if filters.until:
        high = made_at(_midnight(filters.until + timedelta(days=1)))
    if upto is not None:
        high = min(high, UUID(int=upto.int + 1))
    if last is not None:
        low, high = (max(low, UUID(int=last.int + 1)), high) if newer else (low, min(high, last))
    return low, high


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, clock_time.min))


def _merged(terms: _Terms, newer: bool, size: int) -> tuple[UUID, ...]:
    """The first ids of each value's index, merged: exact, and as quick for a rare value as for a frequent one."""
    return tuple(_ids(*_along(terms, newer, size)))


def _along(terms: _Terms, newer: bool, limit: int, offset: int = 0) -> tuple[str, list[Any]]:
    order = "ASC" if newer else "DESC"
    between = [terms.low, terms.high]
    if not terms.column:
        query = "SELECT id FROM audit_event WHERE id >= %s AND id < %s ORDER BY id "
        return f"{query}{order} LIMIT %s OFFSET %s", [*between, limit, offset]
    query = (
        "SELECT found.id FROM unnest(%s::text[]) AS wanted(value) CROSS JOIN LATERAL ("  # noqa: S608  names of ours
        f"SELECT id FROM audit_event WHERE {terms.column} = wanted.value {_known(terms.column)} "
        f"AND id >= %s AND id < %s ORDER BY id {order} LIMIT %s"
        f") AS found ORDER BY found.id {order} LIMIT %s OFFSET %s"
    )
    return query, [list(terms.values), *between, limit + offset, limit, offset]


def _known(column: str) -> str:
    return "AND team_id <> ''" if column == "team_id" else ""


def _edge(terms: _Terms, newer: bool, window: int) -> UUID | None:
    """The last event that the window takes in; None when it takes in everything there is."""
    last_and_next = _ids(*_along(terms, newer, 2, window - 1))
    return last_and_next[0] if len(last_and_next) == 2 else None


def _within(terms: _Terms, edge: UUID, newer: bool) -> _Terms:
    low, high = (terms.low, UUID(int=edge.int + 1)) if newer else (edge, terms.high)
    return _Terms(terms.column, terms.values, terms.rest, low, high)


def _matching(terms: _Terms, newer: bool, size: int) -> tuple[UUID, ...]:
    """Within the window, row by row."""
    wanted = [("e.id >= %s", terms.low), ("e.id < %s", terms.high), *terms.rest]
    if terms.column:
        wanted.append((f"e.{terms.column} = ANY(%s) {_known(terms.column)}", list(terms.values)))
    values = [part for _sql, value in wanted for part in (value if isinstance(value, tuple) else (value,))]
    query = (
        "SELECT e.id FROM audit_event e LEFT JOIN audit_eventdetail d ON d.event_id = e.id "  # noqa: S608  names of ours
        # Said of the detail as well, so that both tables are read along their keys.
        "AND d.event_id >= %s AND d.event_id < %s "
        f"WHERE {' AND '.join(sql for sql, _value in wanted)} ORDER BY e.id {'ASC' if newer else 'DESC'} LIMIT %s"
    )
    return tuple(_ids(query, [terms.low, terms.high, *values, size]))


def _ids(query: str, values: Sequence[Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [key for (key,) in cursor.fetchall()]


_ANYWHERE = "(d.summary ILIKE %s OR d.actor_name ILIKE %s OR e.subject ILIKE %s)"
_ACTIONS = """
WITH RECURSIVE walk AS (
  (SELECT action FROM audit_event ORDER BY action LIMIT 1)
  UNION ALL
  SELECT (SELECT action FROM audit_event WHERE action > walk.action ORDER BY action LIMIT 1)
  FROM walk WHERE walk.action IS NOT NULL
)
SELECT action FROM walk WHERE action IS NOT NULL
"""
