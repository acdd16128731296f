"""Opens connections and transactions that mean the same whatever the server, database or role has set by default."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus

from .certificates import offered
from .failures import cannot_connect, told
from .settings import Credentials, PostgresSettings

Connection = psycopg.Connection[Any]

# Values must leave and enter in one text form; search_path is empty so that every name is the one that was meant.
TEXT_FORM = {
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "xmlbinary": "base64",
    "array_nulls": "on",
    "search_path": "",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "check_function_bodies": "on",
    # An error instead of silently fewer rows.
    "row_security": "off",
    # The same snapshot is read in the same order, so row ids repeat.
    "synchronize_seqscans": "off",
    # A commit that was answered survives a crash of the server.
    "synchronous_commit": "on",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "300s",
}
QUICK = {"statement_timeout": "60s"}
# A copy may take hours: the lease and the stall rule of its step govern, not the server's clock.
UNHURRIED = {"statement_timeout": "0"}


def connect(settings: PostgresSettings, credentials: Credentials, *, purpose: str) -> Connection:
    """An autocommit connection, called `lockgate/<purpose>` in pg_stat_activity. Raises Unreachable."""
    try:
        with offered(settings, credentials) as certificates:
            return psycopg.connect(
                host=settings.host,
                port=settings.port,
                dbname=settings.database,
                user=credentials.user,
                password=credentials.password,
                passfile=os.devnull,
                sslmode=settings.sslmode,
                gssencmode="disable",
                connect_timeout=settings.connect_timeout,
                client_encoding="UTF8",
                application_name=f"lockgate/{purpose}",
                keepalives=1,
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                tcp_user_timeout=60_000,
                autocommit=True,
                # A pooler may hand the next transaction to another server process.
                prepare_threshold=None,
                **certificates,
            )
    except psycopg.Error as error:
        failure = cannot_connect(error, settings)
        error.args = ()
        raise failure from None


def begin(connection: Connection, *, snapshot: bool, unhurried: bool = False) -> None:
    """Starts a transaction with every setting fixed; `snapshot` = read only and of one moment."""
    connection.autocommit = False
    connection.isolation_level = IsolationLevel.REPEATABLE_READ if snapshot else IsolationLevel.READ_COMMITTED
    connection.read_only = snapshot
    fix(connection, {**TEXT_FORM, **(UNHURRIED if unhurried else QUICK)})
    if connection.info.server_version >= 170_000:
        fix(connection, {"transaction_timeout": "0"})


def fix(connection: Connection, values: dict[str, str]) -> None:
    """Sets parameters until the end of the transaction: no pooler can lose or leak them."""
    connection.execute(
        "SELECT pg_catalog.set_config(key, value, true) FROM pg_catalog.json_each_text(%s::json)",
        (json.dumps(values),),
    )


def end(connection: Connection) -> None:
    """Rolls back and closes. A server that still answers has let go of every lock when this returns."""
    # In the midst of a copy that the caller left unfinished a rollback would wait for ever.
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        with suppress(psycopg.Error):
            connection.rollback()
    connection.close()


@contextmanager
def looking(settings: PostgresSettings, credentials: Credentials, *, purpose: str, doing: str) -> Iterator[Connection]:
    """A short read-only transaction of one moment."""
    with told("list", doing), connect(settings, credentials, purpose=purpose) as connection:
        begin(connection, snapshot=True)
        yield connection
