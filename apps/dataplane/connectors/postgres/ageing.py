"""Counts and deletes the rows of a table that are older than a moment, each deletion once and with a receipt."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from apps.dataplane.errors import Invalid, NotFound, Refused
from apps.dataplane.plan import TableRef
from apps.dataplane.retention import AGE_TYPES

from .bookkeeping import create_if_absent
from .catalog import schemas_of
from .failures import told
from .publisher import CARRYING_KEYS, KIND, TABLES
from .session import Connection, begin, connect, end, looking
from .settings import Credentials, PostgresSettings

_WITHOUT_PRECISION = re.compile(r"\(\d+\)")
CREATE = """
CREATE TABLE IF NOT EXISTS lockgate.retention (
    act text NOT NULL,
    dataset text NOT NULL,
    rows bigint NOT NULL,
    oldest text NOT NULL,
    newest text NOT NULL,
    undated bigint NOT NULL,
    deleted_at timestamptz NOT NULL,
    PRIMARY KEY (act, dataset)
)
"""
PRESENT = "SELECT pg_catalog.to_regclass('lockgate.retention') IS NOT NULL"
LOCK = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('lockgate.retention/' || %s::text, 0))"
RECEIPT = "SELECT rows, oldest, newest, undated FROM lockgate.retention WHERE act = %s AND dataset = %s"
KEEP_RECEIPT = """
INSERT INTO lockgate.retention (act, dataset, rows, oldest, newest, undated, deleted_at)
VALUES (%s, %s, %s, %s, %s, %s, pg_catalog.now())
"""


@dataclass(frozen=True)
class Aged:
    """Rows older than a moment. `oldest` and `newest` are their dates, "" for no row; `undated` rows have none."""

    rows: int
    oldest: str
    newest: str
    undated: int


def count_older(
    settings: PostgresSettings, credentials: Credentials, ref: TableRef, column: str, before: datetime
) -> Aged:
    """What a deletion would take now. Raises NotFound, Invalid, Refused or Unreachable by name."""
    with looking(settings, credentials, purpose="retention", doing=f"count the old rows of {ref}") as connection:
        connection.execute("SET LOCAL statement_timeout = 0")
        return _counted(connection, ref, column, _moment(connection, ref, column, before))


def delete_older(
    settings: PostgresSettings,
    credentials: Credentials,
    ref: TableRef,
    column: str,
    before: datetime,
    *,
    act: str,
    permit: Callable[[], None],
    approve: Callable[[Aged], None],
) -> Aged:
    """Delete the rows dated before `before`, once for each `act`: a repeated call gives the first one's receipt.

    `permit` is asked before anything is deleted, `approve` is told what goes right before the commit; what either
    raises leaves every row where it was.
    """
    connection = connect(settings, credentials, purpose="retention")
    try:
        with told("write", "prepare the receipt of a deletion"):
            _prepare(connection)
        with told("write", f"delete the old rows of {ref}"):
            begin(connection, snapshot=False, unhurried=True)
            connection.execute(LOCK, (act,))
            done = connection.execute(RECEIPT, (act, str(ref))).fetchone()
            if done:
                return Aged(*done)
            permit()
            deleted = _deleted(connection, ref, column, before)
            approve(deleted)
            receipt = (act, str(ref), deleted.rows, deleted.oldest, deleted.newest, deleted.undated)
            connection.execute(KEEP_RECEIPT, receipt)
            connection.commit()
            return deleted
    finally:
        end(connection)


def _prepare(connection: Connection) -> None:
    begin(connection, snapshot=False)
    create_if_absent(connection)
    present = connection.execute(PRESENT).fetchone()
    if not (present and present[0]):
        connection.execute(LOCK, ("",))
        connection.execute(CREATE)
    connection.commit()


def _deleted(connection: Connection, ref: TableRef, column: str, before: datetime) -> Aged:
    """Deletes in one statement, whose snapshot says what was there; refuses when a rule or trigger kept a row."""
    _require_own_rows(connection, ref)
    moment = _moment(connection, ref, column, before)
    connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(_name(ref)))
    found = _counted(connection, ref, column, moment)
    query = sql.SQL("DELETE FROM {} WHERE {} < {}").format(_name(ref), sql.Identifier(column), moment)
    if connection.execute(query).rowcount != found.rows:
        raise Refused(
            f"Could not delete the old rows of {ref}: a rule or trigger keeps rows back. Nothing was deleted.",
            remedy="Disable the rule or trigger, or take the dataset out of the retention rule.",
        )
    return found


COUNT = sql.SQL(
    "SELECT a, b::pg_catalog.text, c::pg_catalog.text, d FROM (SELECT count(*) FILTER (WHERE {column} < {moment}),"
    " min({column}) FILTER (WHERE {column} < {moment}), max({column}) FILTER (WHERE {column} < {moment}),"
    " count(*) FILTER (WHERE {column} IS NULL) FROM {table}) AS found (a, b, c, d)"
)


def _counted(connection: Connection, ref: TableRef, column: str, moment: sql.Composable) -> Aged:
    query = COUNT.format(column=sql.Identifier(column), moment=moment, table=_name(ref))
    row = connection.execute(query).fetchone()
    assert row is not None
    return Aged(row[0], row[1] or "", row[2] or "", row[3])


def _moment(connection: Connection, ref: TableRef, column: str, before: datetime) -> sql.Composable:
    """`before` as a value of the age column's type: an instant, or the wall clock of its zone."""
    schema = schemas_of(connection, (ref,))[ref]
    if schema is None:
        raise NotFound(f"There is no table {ref}.", remedy="Discover the connection again.")
    live = schema.column(column)
    if live is None:
        raise Invalid(
            f"{ref} has no column {column}, so the age of its rows is not known.",
            field="age_column",
            remedy="Name a date or timestamp column that the dataset has.",
        )
    kind = _WITHOUT_PRECISION.sub("", live.type)
    if kind not in AGE_TYPES:
        raise Invalid(
            f"Column {ref}.{column} is {live.type}; the age of a row is a date or a timestamp.",
            field="age_column",
            remedy="Name a date or timestamp column.",
        )
    if kind == "timestamp with time zone":
        return sql.SQL("{}::pg_catalog.timestamptz").format(sql.Literal(before.isoformat()))
    plain = before.replace(tzinfo=None)
    if kind == "date":
        return sql.SQL("{}::pg_catalog.date").format(sql.Literal(plain.date().isoformat()))
    return sql.SQL("{}::pg_catalog.timestamp").format(sql.Literal(plain.isoformat()))


def _require_own_rows(connection: Connection, ref: TableRef) -> None:
    text = _name(ref).as_string(connection)
    kind = connection.execute(KIND, (text,)).fetchone()
    if kind is None or kind[0] not in TABLES:
        raise Refused(f"Could not delete rows of {ref}: it is not a table.", remedy="Name a table.")
    carrying = connection.execute(CARRYING_KEYS, (text,)).fetchone()
    if carrying:
        raise Refused(
            f"Could not delete rows of {ref}: foreign key {carrying[0]} would carry the deletion into {carrying[1]}. "
            "Nothing was deleted.",
            remedy="Drop its ON DELETE action, or let a rule empty the other table first.",
        )


def _name(ref: TableRef) -> sql.Identifier:
    return sql.Identifier(ref.schema, ref.table)
