"""Server processes that serve us: named by pid and start time, so that a takeover never ends somebody else's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.dataplane.connectors.base import Backend
from apps.dataplane.errors import Unreachable

from .failures import told
from .session import Connection, connect
from .settings import Credentials, PostgresSettings

PATIENCE_MS = 5_000


def own_backend(connection: Connection) -> Backend:
    """The server process behind this connection."""
    (row,) = connection.execute(
        "SELECT pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"
    ).fetchall()
    return Backend(*row)


def end_backends(
    settings: PostgresSettings, credentials: Credentials, pids: Sequence[tuple[int, datetime | str]]
) -> int:
    """Ends those of the leased processes that still live, and waits until they are gone. Returns how many there were.

    Raises Unreachable when one of them does not end: the caller must not take its work over.
    """
    ended = 0
    with told("write", "end an older connection"), connect(settings, credentials, purpose="takeover") as connection:
        for pid, started_at in pids:
            rows = connection.execute(
                "SELECT pg_catalog.pg_terminate_backend(pid, %s) FROM pg_catalog.pg_stat_activity"
                " WHERE pid = %s AND backend_start = %s::timestamptz AND pid <> pg_catalog.pg_backend_pid()",
                (PATIENCE_MS, pid, started_at),
            ).fetchall()
            if any(not gone for (gone,) in rows):
                raise Unreachable(
                    f"An older connection to {settings.address} did not end in time.",
                    step="write",
                    remedy="Try again, or end it with pg_terminate_backend.",
                )
            ended += len(rows)
    return ended
