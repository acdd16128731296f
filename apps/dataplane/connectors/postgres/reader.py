"""Reads tables out of PostgreSQL under one snapshot, a bounded number of rows at a time."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from inspect import GEN_CLOSED, getgeneratorstate
from types import TracebackType
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from apps.dataplane.connectors.base import BATCH_BYTES, BATCH_ROWS, Backend, Rejected
from apps.dataplane.errors import Invalid, NotFound, Unreachable
from apps.dataplane.plan import Increment, TableRef, TableSchema, Window

from .backends import own_backend
from .catalog import schemas_of
from .failures import RETRY, told
from .session import Connection, begin, connect, end, looking
from .settings import Credentials, PostgresSettings
from .text_rows import SENDING, Buffer, batches, text_schema
from .windows import condition, window_after

# A sample of a large table is drawn from about this many rows, of a view from its first ones.
SAMPLED_FROM = 20_000
SEED = 20_260_101


class Reader:
    """One REPEATABLE READ READ ONLY transaction: everything read through it is of one moment.

    >>> with Reader(settings, credentials) as reader:
    ...     for batch in reader.read(TableRef("public", "customers"), ("id", "name")): ...
    """

    def __init__(self, settings: PostgresSettings, credentials: Credentials, *, purpose: str = "extract") -> None:
        self._settings = settings
        self._credentials = credentials
        self._purpose = purpose
        self._connection: Connection | None = None
        self._reading: Callable[[], Generator[pa.RecordBatch] | None] = lambda: None
        self.backend_pids: tuple[Backend, ...] = ()

    def __enter__(self) -> Reader:
        connection = connect(self._settings, self._credentials, purpose=self._purpose)
        try:
            with told("read", "start a snapshot"):
                begin(connection, snapshot=True, unhurried=True)
                self.backend_pids = (own_backend(connection),)
        except BaseException:
            end(connection)
            raise
        self._connection = connection
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            end(self._connection)
            self._connection = None

    def schema(self, ref: TableRef, known: TableSchema | None = None) -> TableSchema | None:
        """The table as this snapshot sees it, whatever was `known` of it; None when it does not exist."""
        with told("read", f"look at {ref}"):
            return schemas_of(self._open, (ref,))[ref]

    def window(self, ref: TableRef, increment: Increment, position: Mapping[str, Any] | None) -> Window:
        """What is new in the table since `position` (None: everything), as this snapshot sees it.

        Ask only for a cursor that exists and has an order. Raises Unreachable.
        """
        with told("read", f"look for what is new in {ref}"):
            return window_after(self._open, self.schema(ref), increment, position)

    def read(
        self,
        ref: TableRef,
        columns: Sequence[str],
        *,
        window: Window | None = None,
        batch_rows: int = BATCH_ROWS,
        batch_bytes: int = BATCH_BYTES,
    ) -> Generator[pa.RecordBatch]:
        """Batches of string columns, in the order of `columns`, of the rows in `window`; none when there are no rows.

        An error of the source in mid-stream raises, also after batches were given out: only an iterator that ends by
        itself has given the whole table. Raises Unreachable or Refused. One table at a time; to leave one before its
        end, close the iterator.
        """
        unfinished = self._reading()
        if unfinished is not None and getgeneratorstate(unfinished) != GEN_CLOSED:
            raise RuntimeError("another table is being read through this reader")
        reading = self._read(ref, selection(ref, columns) + condition(window), columns, batch_rows, batch_bytes)
        self._reading = weakref.ref(reading)
        return reading

    def rejected(self, ref: TableRef) -> Rejected:
        """A server gives rows only: none of its lines is turned away."""
        return Rejected()

    def _read(
        self, ref: TableRef, query: sql.Composed, columns: Sequence[str], batch_rows: int, batch_bytes: int
    ) -> Generator[pa.RecordBatch]:
        # The savepoint lets a caller abandon one table and go on with the next in the same snapshot.
        with told("read", f"read {ref}"), self._open.transaction():
            yield from copied(self._open, query, columns, batch_rows=batch_rows, batch_bytes=batch_bytes)

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("the reader is not open")
        return self._connection


def sample(
    settings: PostgresSettings, credentials: Credentials, ref: TableRef, columns: Sequence[str], limit: int
) -> pa.Table:
    """At most `limit` rows, the same ones every time while the table does not change. Raises NotFound."""
    with looking(settings, credentials, purpose="sample", doing=f"read a sample of {ref}") as connection:
        schema = schemas_of(connection, (ref,))[ref]
        if schema is None:
            raise NotFound(f"There is no table {ref}.", remedy="Discover the connection again.")
        query = _sampled(connection, schema, columns, limit)
        found = copied(connection, query, columns, batch_rows=BATCH_ROWS, batch_bytes=BATCH_BYTES)
        return pa.Table.from_batches(found, schema=text_schema(columns))


def selection(ref: TableRef, columns: Sequence[str]) -> sql.Composed:
    """SELECT of these columns. Raises Invalid for none."""
    if not columns:
        raise Invalid(f"No column of {ref} was asked for.")
    return sql.SQL("SELECT {} FROM {}").format(_names(columns), sql.Identifier(ref.schema, ref.table))


def copied(
    connection: Connection, query: sql.Composed, columns: Sequence[str], *, batch_rows: int, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The result of a query through COPY."""
    statement = sql.SQL("COPY ({}) TO STDOUT (" + SENDING + ")").format(query)
    with connection.cursor() as cursor:
        counted = _Counted()
        with cursor.copy(statement) as copy:
            yield from batches(counted.of(copy), columns, batch_rows=batch_rows, batch_bytes=batch_bytes)
        if cursor.rowcount != counted.rows:
            raise Unreachable("Could not read the whole table: not every row arrived.", step="read", remedy=RETRY)


class _Counted:
    """Counts what passes; PostgreSQL sends one CopyData message for each row."""

    def __init__(self) -> None:
        self.rows = 0

    def of(self, copy: psycopg.Copy) -> Iterator[Buffer]:
        for row in copy:
            self.rows += 1
            yield row


def _sampled(connection: Connection, schema: TableSchema, columns: Sequence[str], limit: int) -> sql.Composed:
    """Rows in the order of a hash of their key, from a fixed choice of pages where the table is large."""
    source = selection(schema.ref, tuple(dict.fromkeys((*columns, *schema.primary_key))))
    share = 100 * SAMPLED_FROM / max(schema.estimated_rows, 1)
    if _has_pages(connection, schema.ref) and share < 100:
        source += sql.SQL(" TABLESAMPLE SYSTEM ({}) REPEATABLE ({})").format(sql.Literal(share), sql.Literal(SEED))
    elif not _has_pages(connection, schema.ref):
        source += sql.SQL(" LIMIT {}").format(sql.Literal(SAMPLED_FROM))
    key = sql.SQL("ROW({})::text").format(_names(schema.primary_key or columns))
    return sql.SQL("SELECT {} FROM ({}) AS s ORDER BY pg_catalog.hashtextextended({}, {}), {} LIMIT {}").format(
        _names(columns), source, key, sql.Literal(SEED), key, sql.Literal(limit)
    )


def _has_pages(connection: Connection, ref: TableRef) -> bool:
    row = connection.execute(
        "SELECT c.relkind IN ('r', 'p', 'm') FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
        (ref.schema, ref.table),
    ).fetchone()
    return bool(row and row[0])


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in columns)
