"""The two databases that the installation's pipelines connect, inside the installation's own PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from .installation import Installation
from .planted import Person

SOURCE, TARGET = "fault_source", "fault_target"
READER, WRITER = "fault_reader", "fault_writer"
ROWS = Path(__file__).with_name("data.sql")

PLANT = (
    b"INSERT INTO customers"
    b" (id, name, email, phone, iban, card, birth_date, country, note, tags, preferences, created_at)"
    b" VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


class Databases:
    """Source and target, each with one login of its own."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.planted = Person()
        self.passwords = {READER: secrets.token_urlsafe(18), WRITER: secrets.token_urlsafe(18)}

    def make(self) -> None:
        with psycopg.connect(self.installation.admin_url("postgres"), autocommit=True) as admin:
            for role, password in self.passwords.items():
                made = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                admin.execute(statement.format(sql.Identifier(role), sql.Literal(made)))
            for name in (SOURCE, TARGET):
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with self.source() as source:
            source.execute(ROWS.read_bytes())
            source.cursor().executemany(PLANT, self.planted.rows())
            # Tests make more tables, which the reader may read from the start.
            source.execute(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {READER}".encode())
            source.execute(f"ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {READER}".encode())
            source.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}".encode())
        with self.target() as target:
            target.execute(f"GRANT CREATE ON DATABASE {TARGET} TO {WRITER}".encode())
            target.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {WRITER}".encode())

    @contextmanager
    def source(self) -> Iterator[psycopg.Connection[Any]]:
        """As the administrator, committed at the end."""
        with psycopg.connect(self.installation.admin_url(SOURCE), options="-c timezone=UTC") as connection:
            yield connection

    @contextmanager
    def target(self) -> Iterator[psycopg.Connection[Any]]:
        """As the administrator, committed at the end."""
        with psycopg.connect(self.installation.admin_url(TARGET), options="-c timezone=UTC") as connection:
            yield connection

    def settings(self, name: str, **other: Any) -> dict[str, Any]:
        place = {"host": "127.0.0.1", "port": self.installation.database_port, "database": name, "sslmode": "prefer"}
        return {**place, **other}

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Everything in a table of the target, in a fixed order; none when the table is not there."""
        with self.target() as target:
            if target.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,):
                return []
            return target.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1".encode()).fetchall()

    def published(self, pipeline: object) -> tuple[Any, ...]:
        """What the target itself remembers of the pipeline's last publication: run, fence, plan, rows."""
        with self.target() as target:
            query = b"SELECT run, fence, plan_hash, rows FROM lockgate.state WHERE pipeline = %s"
            return tuple(target.execute(query, (str(pipeline),)).fetchone() or ())
