"""What is new in a table by its cursor column: the bounds under the reader's snapshot, and the condition they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from apps.dataplane.canonical import canonical_hash
from apps.dataplane.errors import Invalid
from apps.dataplane.plan import ColumnSchema, Increment, TableRef, TableSchema, Window

from .session import Connection


def window_after(
    connection: Connection, schema: TableSchema | None, increment: Increment, position: Mapping[str, Any] | None
) -> Window:
    """From the position on: a merge reads the last value (and the lag before it) again, an append begins beyond it.

    An append with a lag stops that long before now: whoever writes a row within the lag of its time is not overtaken.
    """
    if not increment.cursor:
        return Window()
    column = schema.column(increment.cursor) if schema else None
    if schema is None or column is None:
        raise Invalid(f"There is no column {increment.cursor} to look for what is new by.", field="cursor")
    last = str(position["value"]) if position else ""
    held_back = increment.mode == "append" and increment.lag_seconds
    lower = last if increment.mode == "append" else _earlier(connection, column, last, increment.lag_seconds)
    upper = (
        _moment(connection, column, last, increment.lag_seconds)
        if held_back
        else _largest(connection, schema, column, lower)
    )
    upper = upper or last
    return Window(
        kind="cursor",
        column=column.name,
        lower=lower,
        upper=upper,
        inclusive=increment.mode == "merge",
        nulls=_nulls(connection, schema.ref, column),
        read_nulls=increment.null_cursor == "quarantine",
        since=canonical_hash(position) if position else "",
        position={"column": column.name, "value": upper} if upper else None,
    )


def condition(window: Window | None) -> sql.Composed:
    """WHERE and ORDER BY of a window; nothing for a whole table. Bounds are literals that take the column's type."""
    if window is None or window.kind != "cursor":
        return sql.Composed([])
    column = sql.Identifier(window.column)
    inside: list[sql.Composable] = [sql.SQL("false")]
    if window.upper:
        inside = [sql.SQL("{} <= {}").format(column, sql.Literal(window.upper))]
    if window.lower:
        sign = sql.SQL(">=" if window.inclusive else ">")
        inside.append(sql.SQL("{} {} {}").format(column, sign, sql.Literal(window.lower)))
    wanted = sql.SQL("({})").format(sql.SQL(" AND ").join(inside))
    if window.read_nulls:
        wanted = sql.SQL("({} OR {} IS NULL)").format(wanted, column)
    order = sql.SQL(" ORDER BY {}").format(column) if window.ordered else sql.SQL("")
    return sql.SQL(" WHERE {}{}").format(wanted, order)


def _earlier(connection: Connection, column: ColumnSchema, last: str, seconds: int) -> str:
    """The last value, or the one that lies the lag before it."""
    if not last or not seconds:
        return last
    query = sql.SQL("SELECT (({last})::{type} - pg_catalog.make_interval(secs => {lag}))::{type}::text")
    return _one(connection, query.format(last=sql.Literal(last), type=sql.SQL(column.type), lag=sql.Literal(seconds)))


def _moment(connection: Connection, column: ColumnSchema, last: str, seconds: int) -> str:
    """The lag before now, but never before the last value: a clock that was set back reads nothing twice."""
    query = sql.SQL(
        "SELECT greatest({last}::{type}, pg_catalog.now() - pg_catalog.make_interval(secs => {lag}))::{type}::text"
    )
    given = sql.Literal(last) if last else sql.SQL("NULL")
    return _one(connection, query.format(last=given, type=sql.SQL(column.type), lag=sql.Literal(seconds)))


def _largest(connection: Connection, schema: TableSchema, column: ColumnSchema, lower: str) -> str:
    query = sql.SQL("SELECT max({0})::text FROM {1}").format(sql.Identifier(column.name), _name(schema.ref))
    if lower:
        query += sql.SQL(" WHERE {} >= {}").format(sql.Identifier(column.name), sql.Literal(lower))
    return _one(connection, query)


def _nulls(connection: Connection, ref: TableRef, column: ColumnSchema) -> int:
    if column.not_null:
        return 0
    query = sql.SQL("SELECT count(*) FROM {} WHERE {} IS NULL").format(_name(ref), sql.Identifier(column.name))
    return int(_one(connection, query))


def _one(connection: Connection, query: sql.Composed) -> str:
    row = connection.execute(query).fetchone()
    return "" if row is None or row[0] is None else str(row[0])


def _name(ref: TableRef) -> sql.Identifier:
    return sql.Identifier(ref.schema, ref.table)
