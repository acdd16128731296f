"""Makes the demo's two databases beside the control database, each with a login of its own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from .governed import DESTINATION, SOURCE

HERE = Path(__file__).parent
TABLES = ("customers", "payments")
READER, WRITER = "demo_reader", "demo_writer"
# The demo's own hand at its source: it owns the tables, as the people of a source system do, and reads both sides.
HAND = "demo_hand"


@dataclass(frozen=True)
class Databases:
    """Where the demo's databases are, and the passwords of this very start."""

    host: str
    port: int
    admin_url: str = field(repr=False)
    reader: str = field(repr=False)
    writer: str = field(repr=False)
    hand: str = field(default="", repr=False)

    def settings(self, name: str) -> dict[str, Any]:
        return {"host": self.host, "port": self.port, "database": name, "sslmode": "prefer"}

    def fetch(self, name: str, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query of ours."""
        with psycopg.connect(address(self.admin_url, name)) as connection:
            return connection.execute(query.encode()).fetchall()


def make(admin_url: str) -> Databases:
    """Both databases, the source filled; logins get fresh passwords."""
    parts = urlsplit(admin_url)
    made = Databases(
        parts.hostname or "127.0.0.1",
        parts.port or 5432,
        admin_url,
        secrets.token_urlsafe(18),
        secrets.token_urlsafe(18),
        secrets.token_urlsafe(18),
    )
    with psycopg.connect(admin_url, autocommit=True) as admin:
        for role, password in ((READER, made.reader), (WRITER, made.writer), (HAND, made.hand)):
            _login(admin, role, password)
        admin.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(WRITER), sql.Identifier(HAND)))
        for name in (SOURCE, DESTINATION):
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    _fill(made)
    return made


def address(admin_url: str, name: str) -> str:
    """The administrator's address of another database on the same server."""
    return urlunsplit(urlsplit(admin_url)._replace(path=f"/{name}"))


def _login(admin: psycopg.Connection[Any], role: str, password: str) -> None:
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    # The verifier instead of the password: the statement could end up in a log.
    verifier = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _fill(made: Databases) -> None:
    with psycopg.connect(address(made.admin_url, SOURCE)) as source:
        if not source.execute("SELECT to_regclass('public.payments')").fetchone()[0]:  # type: ignore[index]
            source.execute((HERE / "data.sql").read_bytes())
            source.commit()
            source.execute(b"ANALYZE")
        for table in TABLES:
            source.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(table), sql.Identifier(HAND)))
        source.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(READER)))
    with psycopg.connect(address(made.admin_url, DESTINATION)) as destination:
        writer = sql.Identifier(WRITER)
        destination.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(DESTINATION), writer))
        destination.execute(sql.SQL("GRANT CREATE, USAGE ON SCHEMA public TO {}").format(writer))
