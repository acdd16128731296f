"""The connection test: reach, authenticate, list, then read or write; a failure names form field, cause and remedy."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from psycopg import sql

from apps.dataplane.connectors.base import Purpose, Step, TestStep
from apps.dataplane.errors import LockgateError, Unreachable

from .bookkeeping import create_if_absent, write_state
from .failures import told
from .session import Connection, begin, connect
from .settings import Credentials, PostgresSettings

READABLE = """
SELECT n.nspname, c.relname, pg_catalog.count(*) OVER ()
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
   AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockgate')
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
 ORDER BY c.relkind IN ('r', 'p') DESC, n.nspname, c.relname LIMIT 1
"""
WRITABLE = """
SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
    OR EXISTS (SELECT FROM pg_catalog.pg_namespace
                WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'lockgate')
                  AND pg_catalog.has_schema_privilege(oid, 'CREATE'))
    OR EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
                  AND n.nspname NOT IN ('information_schema', 'lockgate')
                  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                  AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
                  AND pg_catalog.has_table_privilege(c.oid, 'DELETE'))
"""


def test(settings: PostgresSettings, credentials: Credentials, *, purpose: Purpose) -> Iterator[TestStep]:
    """Yields each step as it ends and stops at the first failure. Leaves nothing behind on the server."""
    reached = _timed("reach", lambda: _reach(settings))
    yield reached
    if not reached.ok:
        return
    opened: list[Connection] = []
    signed_in = _timed("authenticate", lambda: _authenticate(settings, credentials, opened))
    yield signed_in
    if not signed_in.ok:
        return
    with closing(opened[0]) as connection:
        listed = _timed("list", lambda: _list(connection, purpose))
        yield listed
        if listed.ok:
            yield _timed(purpose, lambda: _read(connection) if purpose == "read" else _write(connection))


test.__test__ = False  # type: ignore[attr-defined]


def _timed(step: Step, attempt: Callable[[], str]) -> TestStep:
    start = time.monotonic()
    field = remedy = ""
    try:
        sentence, ok = attempt(), True
    except LockgateError as error:
        sentence, ok, field, remedy = error.sentence, False, error.field, error.remedy
    return TestStep(step, ok, sentence, field, remedy, round((time.monotonic() - start) * 1000))


def _reach(settings: PostgresSettings) -> str:
    """Our own socket tells a wrong host from a wrong port without libpq's words."""
    start = f"Could not reach {settings.address}"
    try:
        socket.create_connection((settings.host, settings.port), timeout=settings.connect_timeout).close()
    except (socket.gaierror, UnicodeError):
        raise _unreached(start, "no such host is known", "host", "Check the host name for typing mistakes.") from None
    except ConnectionRefusedError:
        remedy = "Check the port, and that PostgreSQL is running there."
        raise _unreached(start, "nothing listens on that port", "port", remedy) from None
    except OSError:
        remedy = "Check the host and the network, and that no firewall stands between."
        raise _unreached(start, "the host did not answer", "host", remedy) from None
    return f"Reached {settings.address}."


def _unreached(start: str, cause: str, field: str, remedy: str) -> Unreachable:
    return Unreachable(f"{start}: {cause}.", step="reach", field=field, remedy=remedy)


def _authenticate(settings: PostgresSettings, credentials: Credentials, opened: list[Connection]) -> str:
    connection = connect(settings, credentials, purpose="test")
    opened.append(connection)
    version = connection.info.parameter_status("server_version") or "of an unknown version"
    secured = "encrypted" if connection.pgconn.ssl_in_use else "not encrypted"
    return f"Signed in to PostgreSQL {version.split()[0]}; the connection is {secured}."


def _list(connection: Connection, purpose: Purpose) -> str:
    with told("list", "list the tables"):
        begin(connection, snapshot=True)
        found = connection.execute(READABLE).fetchone()
        connection.rollback()
    if found is None and purpose == "read":
        raise _nothing_to_read()
    number = found[2] if found else 0
    return "1 table can be read." if number == 1 else f"{number:,} tables can be read."


def _read(connection: Connection) -> str:
    with told("read", "read a row"):
        begin(connection, snapshot=True)
        found = connection.execute(READABLE).fetchone()
        if found is None:
            raise _nothing_to_read()
        connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(found[0], found[1])))
        connection.rollback()
    return f"Read from {found[0]}.{found[1]}."


def _nothing_to_read() -> Unreachable:
    return Unreachable(
        "There is no table in this database that this user may read.",
        step="list",
        field="user",
        remedy="Grant USAGE on the schema and SELECT on its tables, or choose another database.",
    )


def _write(connection: Connection) -> str:
    """Does what a publication does first, and takes it back."""
    with told("write", "keep Lockgate's state in this database"):
        begin(connection, snapshot=False)
        create_if_absent(connection)
        write_state(connection, "lockgate/test", "test", 0, "", 0)
        writable = connection.execute(WRITABLE).fetchone()
        connection.rollback()
    if not writable or not writable[0]:
        raise Unreachable(
            "This user may neither create a table nor replace the rows of one.",
            step="write",
            field="user",
            remedy="Grant CREATE on a schema, or INSERT and DELETE on the destination tables.",
        )
    return "Lockgate can keep its state here and write tables; nothing was left behind."
