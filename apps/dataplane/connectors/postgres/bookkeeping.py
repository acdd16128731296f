"""The destination's own memory of what was published, and how far: written in the same transaction as the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping

from psycopg import sql

from apps.dataplane.canonical import canonical_bytes
from apps.dataplane.connectors.base import PublishedState
from apps.dataplane.plan import KeptPosition

from .session import Connection, looking
from .settings import Credentials, PostgresSettings

SCHEMA = "lockgate"
PRESENT = """
SELECT pg_catalog.to_regclass('lockgate.state') IS NOT NULL AND pg_catalog.to_regclass('lockgate.position') IS NOT NULL
"""
CREATE = """
CREATE SCHEMA IF NOT EXISTS lockgate;
CREATE TABLE IF NOT EXISTS lockgate.state (
    pipeline text PRIMARY KEY,
    run text NOT NULL,
    fence bigint NOT NULL,
    plan_hash text NOT NULL,
    rows bigint NOT NULL,
    published_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS lockgate.position (
    pipeline text NOT NULL,
    stream text NOT NULL,
    run text NOT NULL,
    binding text NOT NULL,
    position text NOT NULL,
    PRIMARY KEY (pipeline, stream)
)
"""
# One lock for the creation, one for each pipeline: a row that is not there yet cannot be locked.
LOCK = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('lockgate.state/' || %s::text, 0))"
READ = "SELECT run, fence, plan_hash, rows, published_at FROM lockgate.state WHERE pipeline = %s FOR UPDATE"
WRITE = """
INSERT INTO lockgate.state (pipeline, run, fence, plan_hash, rows, published_at)
VALUES (%s, %s, %s, %s, %s, pg_catalog.now())
ON CONFLICT (pipeline) DO UPDATE SET run = excluded.run, fence = excluded.fence, plan_hash = excluded.plan_hash,
    rows = excluded.rows, published_at = excluded.published_at
"""
POSITIONS = "SELECT stream, run, binding, position FROM lockgate.position WHERE pipeline = %s"
FORGET = "DELETE FROM lockgate.position WHERE pipeline = %s"
REMEMBER = "INSERT INTO lockgate.position (pipeline, stream, run, binding, position) VALUES (%s, %s, %s, %s, %s)"


def is_present(connection: Connection) -> bool:
    row = connection.execute(PRESENT).fetchone()
    return bool(row and row[0])


def create_if_absent(connection: Connection) -> None:
    """IF NOT EXISTS alone fails when two transactions create at once."""
    if is_present(connection):
        return
    connection.execute(LOCK, ("",))
    connection.execute(sql.SQL(CREATE))


def locked_state(connection: Connection, pipeline: str) -> PublishedState | None:
    """The pipeline's state; until the transaction ends nobody else reads or writes it through here."""
    connection.execute(LOCK, (pipeline,))
    row = connection.execute(READ, (pipeline,)).fetchone()
    return PublishedState(*row) if row else None


def write_state(connection: Connection, pipeline: str, run: str, fence: int, plan_hash: str, rows: int) -> None:
    connection.execute(WRITE, (pipeline, run, fence, plan_hash, rows))


def positions_of(connection: Connection, pipeline: str) -> dict[str, KeptPosition]:
    """By stream, how far the pipeline's incremental streams have come; `locked_state` keeps others from moving it."""
    rows = connection.execute(POSITIONS, (pipeline,)).fetchall()
    return {stream: KeptPosition(run, binding, json.loads(position)) for stream, run, binding, position in rows}


def write_positions(connection: Connection, pipeline: str, positions: Mapping[str, KeptPosition]) -> None:
    """These and no others: a stream that is not named has no position any more."""
    connection.execute(FORGET, (pipeline,))
    for stream, kept in positions.items():
        text = canonical_bytes(dict(kept.position)).decode()
        connection.execute(REMEMBER, (pipeline, stream, kept.run, kept.binding, text))


def positions(settings: PostgresSettings, credentials: Credentials, pipeline: str) -> dict[str, KeptPosition]:
    """As `positions_of`, of a destination that nobody is writing to right now; nothing where nothing was published."""
    with looking(settings, credentials, purpose="inspect", doing="look at the positions") as connection:
        return positions_of(connection, pipeline) if is_present(connection) else {}
