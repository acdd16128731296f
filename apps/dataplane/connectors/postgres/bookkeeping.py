"""The destination's own memory of what was published: lockgate.state, in the same transaction as the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from .session import Connection

SCHEMA = "lockgate"
PRESENT = "SELECT pg_catalog.to_regclass('lockgate.state') IS NOT NULL"
CREATE = """
CREATE SCHEMA IF NOT EXISTS lockgate;
CREATE TABLE IF NOT EXISTS lockgate.state (
    pipeline text PRIMARY KEY,
    run text NOT NULL,
    fence bigint NOT NULL,
    plan_hash text NOT NULL,
    rows bigint NOT NULL,
    published_at timestamptz NOT NULL
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


@dataclass(frozen=True)
class PublishedState:
    """What was published last for a pipeline: which run, under which fence and plan, and how many rows in all."""

    run: str
    fence: int
    plan_hash: str
    rows: int
    published_at: datetime


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
