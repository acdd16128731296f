"""A source and a destination on the test server, and short ways to fill and compare them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest

from apps.dataplane.connectors.postgres import Credentials, PostgresSettings, Publisher, Reader
from apps.dataplane.plan import TableRef
from tests.postgres import Role, Server


@dataclass(frozen=True)
class Side:
    """One database as the product sees it, with the superuser's connection for the test itself."""

    settings: PostgresSettings
    credentials: Credentials
    admin: psycopg.Connection[Any]
    server: Server

    def run(self, statement: str) -> None:
        self.admin.execute(statement)  # type: ignore[call-overload]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.admin.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]

    def one(self, query: str) -> Any:
        return self.rows(query)[0][0]

    def gone(self, pid: int) -> bool:
        """Whether the server process has ended; it may need a moment after its client has left."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if not self.rows(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"):
                return True
            time.sleep(0.02)
        return False

    def acting(self, role: Role) -> Side:
        return replace(self, credentials=Credentials(role.name, role.password))

    def reader(self) -> Reader:
        return Reader(self.settings, self.credentials)

    def publisher(self) -> Publisher:
        return Publisher(self.settings, self.credentials)


@pytest.fixture
def new_side(postgres: Server, new_database: Callable[..., str]) -> Iterator[Callable[..., Side]]:
    opened: list[psycopg.Connection[Any]] = []

    def create(name: str = "") -> Side:
        database = new_database(name)
        opened.append(postgres.connect(database))
        settings = PostgresSettings(postgres.host, postgres.port, database)
        return Side(settings, Credentials(postgres.superuser.name, postgres.superuser.password), opened[-1], postgres)

    yield create
    for connection in opened:
        connection.close()


@pytest.fixture
def source(new_side: Callable[..., Side]) -> Side:
    return new_side()


@pytest.fixture
def destination(new_side: Callable[..., Side]) -> Side:
    return new_side()


def copy(source: Side, destination: Side, ref: TableRef, columns: Sequence[str], *, create: bool = True) -> int:
    """What a run without treatments does with one table; returns the rows loaded."""
    with source.reader() as reader, destination.publisher() as publisher:
        schema = reader.schema(ref)
        assert schema is not None
        publisher.state("copy")
        if create:
            publisher.create(ref, [column for column in schema.columns if column.name in columns])
        else:
            publisher.delete_all(ref)
        rows = publisher.load(ref, columns, reader.read(ref, columns))
        publisher.record_state("copy", "run", 1, "hash")
        publisher.commit()
    return rows
