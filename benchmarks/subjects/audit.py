"""The audit log: events of fifty people over two years, chained as the notary does it, so that they verify."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from . import Subject

# How often each happens in ten thousand; the last is rare on purpose.
ACTIONS = (
    ("run.published", 3000), ("run.started", 3000), ("person.signed_in", 1500), ("audit.viewed", 900),
    ("change.approved", 500), ("change.proposed", 500), ("run.blocked", 300), ("access.denied", 200),
    ("role.granted", 60), ("token.created", 35), ("run.failed", 4), ("hold.placed", 1),
)  # fmt: skip
SINCE = timedelta(days=730)


def subject(world: Any) -> Subject:
    people = [str(UUID(int=0x7000 << 64 | number)) for number in range(50)]
    people[0] = str(world.users["alice"].id)
    state = {"rows": 0, "chain": bytes(32)}
    random.seed(7)
    week = (datetime.now(UTC) - timedelta(days=400)).date()

    def fill(connection: Any, upto: int) -> None:
        rows = list(_rows(state["rows"], upto, people, str(world.team.id)))
        state["chain"] = _copy(connection, rows, state["rows"], state["chain"])
        state["rows"] = upto

    return Subject(
        fill=fill,
        pages={
            "newest": "/audit/",
            "one person, by name": "/audit/?actor=alice",
            "one subject": f"/audit/?subject=run/{UUID(int=5)}",
            "an action, frequent": "/audit/?action=run.started",
            "an action, rare": "/audit/?action=hold.placed",
            "a group of actions": "/audit/?action=run.",
            "what was denied": "/audit/?outcome=denied",
            "what failed": "/audit/?outcome=failed",
            "one team": f"/audit/?team={world.team.id}",
            "the last 7 days": "/audit/?period=7d",
            "a week a year ago": f"/audit/?since={week}&until={week + timedelta(days=6)}",
            "two equalities": "/audit/?actor=alice&action=run.started",
            "a word, frequent": "/audit/?q=published",
            "a word that never occurs": "/audit/?q=xyzzy",
            "a kind of subject": "/audit/?subject=change/",
            "a word of one person": "/audit/?actor=alice&q=xyzzy",
            "deep in the log": _deep,
            "one event with its proof": _event,
            "exports": "/audit/exports/",
        },
        who="dora",
    )


def _deep() -> str:
    from apps.audit.models import Event
    from apps.core.paging import cursor_to

    middle = Event.objects.order_by("id").values_list("id", flat=True)[5_000]
    return f"/audit/?cursor={cursor_to(middle, backwards=False)}"


def _event() -> str:
    from apps.audit.models import Sequenced

    return f"/audit/events/{Sequenced.objects.get(number=5_000).event_id}/"


def _rows(first: int, upto: int, people: list[str], team: str) -> Iterator[tuple[Any, ...]]:
    from apps.audit import proof
    from apps.dataplane.canonical import canonical_bytes

    names, weights = zip(*ACTIONS, strict=True)
    began = datetime.now(UTC) - SINCE
    step = (SINCE - timedelta(days=1)) / 1_000_000
    for number in range(first, upto):
        # The small log is as old as the large one, its events only lie further apart.
        at = began + step * (number * 100 if number < 10_000 else number)
        key = UUID(int=int(at.timestamp() * 1000) << 80 | 0x7 << 76 | 0b10 << 62 | number)
        action, who = random.choices(names, weights)[0], random.choice(people)
        kind = action.partition(".")[0]
        about = f"{kind}/{UUID(int=random.randrange(200_000) if kind == 'run' else random.randrange(20_000))}"
        held = team if random.random() < 0.5 else ""
        name, summary = f"Person {people.index(who)}", f"{action.replace('.', ' ')} number {number}"
        salt = os.urandom(16)
        said = canonical_bytes({"actor_name": name, "summary": summary})
        body = canonical_bytes({
            "format": 1, "id": str(key), "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "action": action,
            "actor": {"id": who, "kind": "person"}, "subject": about, "team": held, "request": "",
            "detail_hash": proof.detail_hash(salt, said),
        })  # fmt: skip
        yield key, at, body, action, who, about, held, salt, said, name, summary


def _copy(connection: Any, rows: list[tuple[Any, ...]], number: int, chain: bytes) -> bytes:
    from apps.audit import proof

    cursor = connection.cursor()
    with cursor.copy("COPY audit_event (id, created_at, body, action, actor_id, subject, team_id) FROM STDIN") as out:
        for row in rows:
            out.write_row(row[:7])
    columns = "event_id, salt, body, actor_name, summary"
    with cursor.copy(f"COPY audit_eventdetail ({columns}) FROM STDIN") as out:
        for row in rows:
            out.write_row((row[0], *row[7:]))
    with cursor.copy("COPY audit_sequenced (number, event_id, event_hash, chain_hash) FROM STDIN") as out:
        for row in rows:
            number += 1
            own = proof.event_hash(row[2])
            chain = proof.chain(chain, own)
            out.write_row((number, row[0], own, chain))
    return chain
