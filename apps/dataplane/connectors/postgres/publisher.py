"""Writes a run's rows to PostgreSQL: everything in one transaction, together with the record that it was done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

import pyarrow as pa
from psycopg import sql

from apps.dataplane.connectors.base import Backend, PublishedState
from apps.dataplane.errors import Fenced, Refused
from apps.dataplane.plan import ColumnSchema, KeptPosition, SettleRule, TableRef, TableSchema

from . import merging
from .backends import own_backend
from .bookkeeping import create_if_absent, locked_state, positions_of, write_positions, write_state
from .catalog import is_type, schemas_of
from .failures import told
from .session import Connection, begin, connect, end
from .settings import LONGEST_NAME, Credentials, PostgresSettings
from .text_rows import RECEIVING, written

# Incoming keys that would carry the deletion of our rows into tables that nobody approved.
CARRYING_KEYS = """
SELECT f.conname, n.nspname || '.' || c.relname
  FROM pg_catalog.pg_constraint AS f
  JOIN pg_catalog.pg_class AS c ON c.oid = f.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE f.contype = 'f' AND f.confdeltype IN ('c', 'n', 'd') AND f.confrelid = pg_catalog.to_regclass(%s)
   AND f.conrelid <> f.confrelid
 ORDER BY 2, 1 LIMIT 1
"""
KIND = "SELECT relkind FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(%s)"
GENERATED = """
SELECT attname FROM pg_catalog.pg_attribute
 WHERE attrelid = pg_catalog.to_regclass(%s) AND attnum > 0 AND attgenerated <> ''
"""
TABLES = ("r", "p")


class Publisher:
    """One transaction on the write side. Leaving it without `commit()` undoes everything.

    The bookkeeping table alone is created in a transaction before, so that a long first publication does not hold up
    another pipeline's. Calls in order: `state`, then per stream `create`, `delete_all` or `lock`, then `load` or
    `merge`; `record_state`, `commit`.
    """

    def __init__(self, settings: PostgresSettings, credentials: Credentials, *, purpose: str = "publish") -> None:
        self._settings = settings
        self._credentials = credentials
        self._purpose = purpose
        self._connection: Connection | None = None
        self._loaded = 0
        self._recorded = False
        self.backend_pid: Backend | None = None

    def __enter__(self) -> Publisher:
        connection = connect(self._settings, self._credentials, purpose=self._purpose)
        try:
            with told("write", "prepare the destination"):
                begin(connection, snapshot=False)
                create_if_absent(connection)
                connection.commit()
                begin(connection, snapshot=False, unhurried=True)
                self.backend_pid = own_backend(connection)
                _require_triggers(connection)
                # Streams of one run may refer to each other; keys that can wait are checked at the commit.
                connection.execute("SET CONSTRAINTS ALL DEFERRED")
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

    def state(self, pipeline: str, *, fence: int | None = None) -> PublishedState | None:
        """What was published last, locked until the end. Call it before anything else.

        Raises Fenced when `fence` is given and a higher one has published.
        """
        with told("write", "read the destination's state"):
            state = locked_state(self._open, pipeline)
        if fence is not None:
            _require_fence(state, fence)
        return state

    def schema(self, ref: TableRef) -> TableSchema | None:
        """The destination as it is now; after `lock` it stays so until the end. None when it does not exist."""
        with told("write", f"look at {ref}"):
            return schemas_of(self._open, (ref,))[ref]

    def lock(self, ref: TableRef) -> None:
        """Keeps other writers and changes of the table's definition out, and lets readers go on reading."""
        with told("write", f"lock {ref}"):
            self._require_table(ref)
            self._open.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(_name(ref)))

    def positions(self, pipeline: str) -> dict[str, KeptPosition]:
        """By stream, how far the pipeline's incremental streams have come. Call it after `state`."""
        with told("write", "read the destination's positions"):
            return positions_of(self._open, pipeline)

    def create(self, ref: TableRef, columns: Sequence[ColumnSchema], key: Sequence[str] = ()) -> None:
        """A new table of these names, types, NOT NULLs and primary key, and its schema where that is absent."""
        _require_names(ref, columns)
        with told("write", f"create {ref}"):
            for column in columns:
                if not is_type(self._open, column.type):
                    raise Refused(
                        f"Could not create {ref}: the destination has no type {column.type} for {column.name}.",
                        remedy="Create the type there, or treat the column so that it gets another one.",
                    )
            self._require_schema(ref.schema)
            definitions = [_definition(column) for column in columns]
            if key:
                definitions.append(sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(map(sql.Identifier, key))))
            self._open.execute(sql.SQL("CREATE TABLE {} ({})").format(_name(ref), sql.SQL(", ").join(definitions)))

    def is_empty(self, ref: TableRef) -> bool:
        """Whether the table holds no row at all."""
        with told("write", f"look at {ref}"):
            row = self._open.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(ref))).fetchone()
        return bool(row and not row[0])

    def delete_all(self, ref: TableRef) -> int:
        """Deletes every row; readers see the old ones until the commit. Returns how many there were.

        Refuses when the deletion would reach other tables, or when a rule or trigger keeps rows back.
        """
        self.lock(ref)
        with told("write", f"empty {ref}"):
            self._require_own_rows_only(ref)
            deleted = self._open.execute(sql.SQL("DELETE FROM {}").format(_name(ref))).rowcount
            left = self._open.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(ref))).fetchone()
        if left and left[0]:
            raise Refused(
                f"Could not empty {ref}: a rule or trigger of the destination keeps rows back.",
                remedy="Disable the rule or trigger, or choose another destination.",
            )
        return deleted

    def load(self, ref: TableRef, columns: Sequence[str], batches: Iterator[pa.RecordBatch]) -> int:
        """Adds the rows of all batches and returns their number. Batches hold at least `columns`, as strings.

        Identity columns get the given values; columns that the destination generates are left to it.
        """
        with told("write", f"load {ref}", columns=columns):
            sent, stored = self._copy(_name(ref), self._writable(ref, columns), batches)
        return self._counted(ref, sent, stored)

    def merge(
        self, ref: TableRef, columns: Sequence[str], key: Sequence[str], batches: Iterator[pa.RecordBatch]
    ) -> int:
        """Writes each row over the one with the same key, or adds it; no key may occur twice. Returns their number."""
        with told("write", f"merge into {ref}", columns=columns):
            names = self._writable(ref, columns)
            merging.make_room(self._open, _name(ref), names)
            sent, arrived = self._copy(merging.DELTA, names, batches)
            stored = merging.carry_over(self._open, _name(ref), names, key)
        return self._counted(ref, sent, min(arrived, stored))

    def breaks(self, ref: TableRef, rule: SettleRule, target: TableRef) -> bool:
        """Whether the table, with all that was loaded, holds duplicates or orphans by the rule."""
        with told("write", f"prove {rule.id} of {ref}"):
            return merging.breaks(self._open, _name(ref), rule, _name(target))

    def record_state(
        self,
        pipeline: str,
        run: str,
        fence: int,
        plan_hash: str,
        positions: Mapping[str, KeptPosition] | None = None,
    ) -> None:
        """Records this publication, all rows loaded for it and how far its streams have come.

        Raises Fenced when a higher fence has published.
        """
        with told("write", "record the destination's state"):
            _require_fence(locked_state(self._open, pipeline), fence)
            write_state(self._open, pipeline, run, fence, plan_hash, self._loaded)
            write_positions(self._open, pipeline, positions or {})
        self._recorded = True

    def commit(self) -> None:
        """Makes it all visible at once. After an Unreachable the outcome is unknown: the next one reads the state."""
        if not self._recorded:
            raise RuntimeError("record_state comes before commit")
        with told("write", "commit the publication"):
            self._open.commit()
        self._recorded = False

    def _writable(self, ref: TableRef, columns: Sequence[str]) -> list[str]:
        """Columns that the destination generates are left to it."""
        generated = {name for (name,) in self._open.execute(GENERATED, (_text(self._open, ref),))}
        return [name for name in columns if name not in generated]

    def _counted(self, ref: TableRef, sent: int, stored: int) -> int:
        if sent != stored:
            raise Refused(
                f"Could not load {ref}: of {sent} rows the destination stored {stored}; a trigger turned some away.",
                remedy="Disable the trigger, or choose another destination.",
            )
        self._loaded += stored
        return stored

    def _copy(
        self, table: sql.Identifier, columns: Sequence[str], batches: Iterator[pa.RecordBatch]
    ) -> tuple[int, int]:
        target = sql.SQL("{} ({})").format(table, sql.SQL(", ").join(map(sql.Identifier, columns)))
        feed = _Feed(batches, columns)
        try:
            with self._open.cursor() as cursor:
                with cursor.copy(_copy_from(target)) as copy:
                    for piece in feed:
                        copy.write(piece)
                return feed.rows, cursor.rowcount
        except _BrokenOff:
            raise feed.failure from None

    def _require_table(self, ref: TableRef) -> None:
        row = self._open.execute(KIND, (_text(self._open, ref),)).fetchone()
        if row is None or row[0] not in TABLES:
            what = "there is no such table" if row is None else "it is not a table"
            raise Refused(f"Could not write to {ref}: {what}.", remedy="Plan the run again.")

    def _require_own_rows_only(self, ref: TableRef) -> None:
        row = self._open.execute(CARRYING_KEYS, (_text(self._open, ref),)).fetchone()
        if row:
            raise Refused(
                f"Could not empty {ref}: foreign key {row[0]} would carry the deletion into {row[1]}.",
                remedy="Drop its ON DELETE action, or choose another destination.",
            )

    def _require_schema(self, name: str) -> None:
        """CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists."""
        row = self._open.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", (name,)).fetchone()
        if row is None:
            self._open.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("the publisher is not open")
        return self._connection


class _BrokenOff(Exception):
    """A copy ended early for a reason that is kept on our side."""


class _Feed:
    """The CSV of all batches, and how many rows it was.

    psycopg tells the server why a copy is broken off, and the reason may hold a value: so it is kept back here.
    """

    def __init__(self, batches: Iterator[pa.RecordBatch], columns: Sequence[str]) -> None:
        self._batches = batches
        self._columns = list(columns)
        self.failure: BaseException = _BrokenOff()
        self.rows = 0

    def __iter__(self) -> Iterator[memoryview]:
        try:
            for batch in self._batches:
                for piece in written(batch.select(self._columns)):
                    yield memoryview(piece)
                self.rows += batch.num_rows
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failure = error
            raise _BrokenOff from None


def _require_fence(state: PublishedState | None, fence: int) -> None:
    if state is not None and state.fence > fence:
        raise Fenced(f"Fence {state.fence} has published here already; this worker holds {fence}.")


def _require_triggers(connection: Connection) -> None:
    row = connection.execute("SELECT pg_catalog.current_setting('session_replication_role')").fetchone()
    if row and row[0] != "origin":
        raise Refused(
            "Could not prepare the destination: session_replication_role switches its foreign keys and triggers off.",
            remedy="Reset session_replication_role for this role and database.",
        )


def _require_names(ref: TableRef, columns: Sequence[ColumnSchema]) -> None:
    """The server cuts longer names off, and what is left may be another table's."""
    for name in (ref.schema, ref.table, *(column.name for column in columns)):
        if not name or "\0" in name or len(name.encode()) > LONGEST_NAME:
            raise Refused(f"Could not create {ref}: names have 1 to {LONGEST_NAME} bytes.", remedy="Shorten the name.")


def _copy_from(target: sql.Composed) -> sql.Composed:
    return sql.SQL("COPY {} FROM STDIN (" + RECEIVING + ")").format(target)


def _definition(column: ColumnSchema) -> sql.Composed:
    """The type was checked to be the server's own spelling of one type."""
    null = sql.SQL(" NOT NULL" if column.not_null else "")
    return sql.SQL("{} {}{}").format(sql.Identifier(column.name), sql.SQL(column.type), null)


def _name(ref: TableRef) -> sql.Identifier:
    return sql.Identifier(ref.schema, ref.table)


def _text(connection: Connection, ref: TableRef) -> str:
    """The quoted name as a value, for to_regclass."""
    return _name(ref).as_string(connection)
