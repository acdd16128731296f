"""Columns of generated datasets, 40 each, over two connections; every other one classified, the others suggested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from . import Subject

WIDE = 40
TAGS = ("pii.name", "pii.contact.email", "pii.contact.phone", "financial.iban", "none", "none", "none", "none")
TYPES = ("text", "integer", "numeric(12,2)", "date", "character varying(40)")
DEFINITION = (
    '{"format": 1, "kind": "postgresql", "settings": {"host": "db.example", "port": 5432, "database": "crm", '
    '"sslmode": "disable"}, "zone": "restricted", "region": "", "credentials": {"read": {"user": "reader", '
    '"sealed": "QUJD", "key": 1}, "write": null}}'
)


def subject(world: Any) -> Subject:
    connections = [UUID(int=(0xC0 << 64) + number) for number in range(2)]
    state = {"rows": 0}

    def fill(raw: Any, upto: int) -> None:
        if not state["rows"]:
            _connect(raw, connections, str(world.team.id))
        _copy(raw, connections, state["rows"] // WIDE, upto // WIDE)
        state["rows"] = upto

    return Subject(
        fill=fill,
        pages={
            "first page": "/sources/columns/",
            "unclassified": "/sources/columns/?state=unclassified",
            "suggested from 80, by confidence": "/sources/columns/?state=suggested&confidence=80&sort=-confidence",
            "not sensitive": "/sources/columns/?state=none",
            "a tag's subtree": "/sources/columns/?tag=pii",
            "a word": "/sources/columns/?q=email_7",
            "a word that never occurs": "/sources/columns/?q=xyzzy",
            "one connection, by name": f"/sources/columns/?connection={connections[0]}&sort=name",
            "a type": "/sources/columns/?type=date",
            "datasets": "/sources/datasets/",
            "drift": "/sources/drift/",
        },
        who="alice",
    )


def _connect(raw: Any, connections: list[UUID], team: str) -> None:
    for number, id in enumerate(connections):
        raw.execute(
            "INSERT INTO sources_connection (id, created_at, team_id, slug, name, kind, active_version)"
            " VALUES (%s, now(), %s, %s, %s, 'postgresql', 1)",
            (id, team, f"many-{number}", f"Many {number}"),
        )
        raw.execute(
            "INSERT INTO sources_connectionversion (id, created_at, connection_id, number, definition, hash, change)"
            " VALUES (gen_random_uuid(), now(), %s, 1, %s, '', '')",
            (id, DEFINITION),
        )


def _copy(raw: Any, connections: list[UUID], first: int, last: int) -> None:
    with raw.cursor() as cursor:
        with cursor.copy(
            'COPY sources_dataset (id, connection_id, schema, "table", schema_hash, live_schema, estimated_rows)'
            " FROM STDIN"
        ) as copy:
            for number in range(first, last):
                row = (_dataset(number), connections[number % 2], f"s{number % 9}", f"table_{number}", "", "{}", 1000)
                copy.write_row(row)
        with cursor.copy(
            "COPY sources_column (id, dataset_id, name, type, position, suggested_tag, suggested_confidence,"
            " suggested_reason, suggested_by, created_at) FROM STDIN"
        ) as copy:
            for row in _columns(first, last):
                copy.write_row(row)
        with cursor.copy(
            "COPY sources_classification (id, column_id, number, tags, unclassified, change) FROM STDIN"
        ) as copy:
            for row in _classified(first, last):
                copy.write_row(row)


def _dataset(number: int) -> UUID:
    return UUID(int=(0xD0 << 64) + number)


def _column(number: int) -> UUID:
    return UUID(int=(0xE0 << 64) + number)


def _columns(first: int, last: int) -> Iterator[tuple[Any, ...]]:
    for number in range(first * WIDE, last * WIDE):
        tag, place = TAGS[number % len(TAGS)], number % WIDE
        name = f"{tag.rpartition('.')[2]}_{place}"
        yield (
            _column(number), _dataset(number // WIDE), name, TYPES[number % len(TYPES)], place + 1, tag,
            40 + number * 7 % 60, "The name suggests it", "names/1", "2026-01-01",
        )  # fmt: skip


def _classified(first: int, last: int) -> Iterator[tuple[Any, ...]]:
    for number in range(first * WIDE, last * WIDE, 2):
        tag = TAGS[number % len(TAGS)]
        yield (UUID(int=(0xF0 << 64) + number), _column(number), 1, [] if tag == "none" else [tag], False, "change/1")
