"""The access review and the list of exceptions: who can do what and came when, and where the rules gave way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts import reviewing
from apps.accounts import selectors as accounts
from apps.audit import selectors as audit
from apps.changes import pairs
from apps.changes import selectors as changes
from apps.core.actor import Actor
from apps.core.paging import Page
from apps.runs import passing

DORMANT_DAYS = 90
MOST_ROWS = 10_000
SIZE = 50


@dataclass(frozen=True)
class Access:
    """A person in the access review with everything that the page says about them."""

    reviewed: reviewing.Reviewed
    last_act: datetime | None


@dataclass(frozen=True)
class Wanted:
    """What the access review shows."""

    days: int = DORMANT_DAYS
    dormant: bool = False
    q: str = ""
    role: str = ""


def access_page(actor: Actor, wanted: Wanted, *, cursor: str = "", size: int = SIZE) -> Page[Any]:
    """One page of people, newest first, with when they last did anything that is on record."""
    found = reviewing.reviewed(
        actor, days=wanted.days, dormant=wanted.dormant, q=wanted.q, role=wanted.role, cursor=cursor, size=size
    )
    acts = audit.last_acts(row.person.id for row in found.rows)
    rows = [Access(row, acts.get(str(row.person.id))) for row in found.rows]
    return Page(rows, older=found.older, newer=found.newer)  # type: ignore[type-var]


def change_numbers(actor: Actor, references: Sequence[str]) -> dict[str, int]:
    """Numbers of changes by their soft reference, as far as the reader may see them."""
    keys = {ref.partition("/")[2] for ref in references if ref.startswith("change/")}
    keys = {key for key in keys if accounts.is_uuid(key)}
    rows = changes.visible(actor).filter(id__in=keys).values_list("id", "number")
    return {f"change/{key}": number for key, number in rows}


ACCESS_COLUMNS = (
    "person", "address", "state", "service", "role", "team", "since", "by", "last sign-in", "last act", "tokens",
    "token last used", "dormant",
)  # fmt: skip


def access_rows(actor: Actor, wanted: Wanted) -> Iterator[tuple[Any, ...]]:
    """The access review as a table: a line for each role that somebody holds, and one for who holds none."""
    for page in _pages(lambda cursor: access_page(actor, wanted, cursor=cursor, size=500)):
        held = [role for row in page for role in row.reviewed.person.roles]
        numbers = change_numbers(actor, [role.change for role in held])
        for row in page:
            yield from _lines(row, numbers)


def _lines(row: Access, numbers: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    person = row.reviewed.person
    first = (person.name, person.email, person.state.lower(), row.reviewed.is_service)
    last = (person.last_seen, row.last_act, row.reviewed.tokens, row.reviewed.token_used, row.reviewed.dormant)
    for held in person.roles:
        by = f"change #{numbers[held.change]}" if held.change in numbers else held.change
        yield (*first, held.role, held.team or _("organisation"), held.since, by, *last)
    if not person.roles:
        yield (*first, "", "", "", "", *last)


def _pages(read: Any) -> Iterator[list[Any]]:
    cursor, count = "", 0
    while count < MOST_ROWS:
        page = read(cursor)
        yield page.rows
        count, cursor = count + len(page.rows), page.older
        if not cursor:
            return


PAIR_COLUMNS = ("author", "approver", "approvals", "of the author's approvals", "share", "last")


def pair_rows(actor: Actor) -> Iterator[tuple[Any, ...]]:
    """Who approved whose changes how often."""
    for pair in pairs.pairs(actor):
        yield (pair.author, pair.approver, pair.count, pair.of_author, f"{pair.share:.0%}", pair.last)


TOKEN_COLUMNS = ("token", "owner", "service account", "may", "made", "expires", "last used")


def token_rows(actor: Actor) -> Iterator[tuple[Any, ...]]:
    """Every token that opens something now."""
    for page in _pages(lambda cursor: reviewing.live_tokens(actor, cursor=cursor, size=500)):
        for row in page:
            scopes = ", ".join(row.scopes)
            yield (row.name, row.owner, row.is_service, scopes, row.created, row.expires, row.last_used)


PASSING_COLUMNS = ("pipeline", "team", "zone", "column", "tags", "policy", "version", "rule", "run", "at")


def passing_rows(actor: Actor) -> Iterator[tuple[Any, ...]]:
    """Sensitive columns that pass unchanged."""
    for page in _pages(lambda cursor: passing.passing(actor, cursor=cursor, size=200)):
        for row in page:
            tags = ", ".join(row.tags)
            yield (row.pipeline, row.team, row.zone, row.column, tags, row.policy, row.policy_version, row.rule,
                   row.run, row.at)  # fmt: skip


ALONE_COLUMNS = ("change", "title", "kind", "risk", "why it is an exception", "author", "approver", "applied")


def alone_rows(actor: Actor) -> Iterator[tuple[Any, ...]]:
    """Changes that one signature sufficed for."""
    for page in _pages(lambda cursor: pairs.alone(actor, cursor=cursor, size=500)):
        for row in page:
            why = _("founding mode") if row.founding else _("a single approver")
            yield (row.number, row.title, row.kind, row.risk, why, row.author, row.approver, row.applied_at)


GRANT_COLUMNS = ("person", "role", "where", "since", "by")


def grant_rows(actor: Actor) -> Iterator[tuple[Any, ...]]:
    """Roles that let somebody approve, or give out roles."""
    for role in ("reviewer", "administrator"):
        wanted = Wanted(role=role)
        for page in _pages(lambda cursor, wanted=wanted: access_page(actor, wanted, cursor=cursor, size=500)):
            strong = [(row, held) for row in page for held in row.reviewed.person.roles if held.role == role]
            numbers = change_numbers(actor, [held.change for _row, held in strong])
            for row, held in strong:
                by = f"change #{numbers[held.change]}" if held.change in numbers else held.change
                yield (row.reviewed.person.name, held.role, held.team or _("organisation"), held.since, by)
