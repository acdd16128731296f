"""A source database on the test server, and the processes that web, workers and applier are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from psycopg import sql

from apps.changes import services as changes
from apps.changes.models import Change
from apps.core import jobs
from apps.core.models import Job
from apps.dataplane.connectors.postgres import PostgresSettings
from apps.keys import services as keys
from apps.sources import services
from apps.sources.models import Column, Connection, ConnectionTest, Dataset, Discovery
from tests.postgres import Role, Server
from tests.support import World, as_role

KEKS = {"worker": bytes(range(32)), "publisher": bytes(range(1, 33))}
HOLDERS = {"worker": "extract", "publisher": "publish"}
QUEUES = {"worker": "extract", "publisher": "publish"}
READ_PASSWORD, WRITE_PASSWORD = "canary-read-pässword", "canary-write-pässword"
TABLES = (
    "CREATE SCHEMA crm",
    "CREATE TABLE crm.customers (id bigint PRIMARY KEY, email text, phone text, country text, iban text)",
    "INSERT INTO crm.customers SELECT n, 'anna' || n || '@example.org', '+49 30 9018' || (2000 + n), 'DE',"
    " 'DE89370400440532013000' FROM generate_series(1, 50) AS n",
    "CREATE TABLE crm.payments (id bigint PRIMARY KEY, amount numeric(12,2) NOT NULL)",
)


@dataclass
class Installation:
    """Acme with its keys, one source database, and the processes by their database roles."""

    world: World
    server: Server
    database: str
    reader: Role
    writer: Role
    monkeypatch: pytest.MonkeyPatch
    directory: Path
    tables: list[str] = field(default_factory=list)

    def run(self, *statements: str) -> None:
        with self.server.connect(self.database) as admin:
            for statement in statements:
                admin.execute(statement)  # type: ignore[call-overload]

    def allow_reading(self, *schemas: str) -> None:
        with self.server.connect(self.database) as admin:
            for schema in schemas:
                named = {"schema": sql.Identifier(schema), "reader": sql.Identifier(self.reader.name)}
                admin.execute(sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {reader}").format(**named))
                admin.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}").format(**named))

    @contextmanager
    def process(self, role: str) -> Iterator[None]:
        """Be the process of that database role, with its key file if it has one."""
        path = None
        if role in KEKS:
            path = self.directory / f"{role}.kek"
            path.write_text(KEKS[role].hex())
        before = settings.LOCKGATE
        self.monkeypatch.setattr(settings, "LOCKGATE", replace(before, role=role, kek_file=path))
        try:
            with as_role(role):
                yield
        finally:
            self.monkeypatch.setattr(settings, "LOCKGATE", before)

    def make_keys(self) -> None:
        for role, holder in HOLDERS.items():
            with as_role(role):
                keys.create_missing(holder, KEKS[role])

    def work(self) -> None:
        """Let the workers carry out every waiting job of theirs."""
        for role, queue in QUEUES.items():
            with self.process(role):
                for job in Job.objects.filter(state=Job.QUEUED, queue=queue).order_by("id"):
                    jobs.work(str(job.id))

    @property
    def settings(self) -> PostgresSettings:
        return PostgresSettings(self.server.host, self.server.port, self.database)

    def form(self, **changed: Any) -> dict[str, Any]:
        """What alice types."""
        return {
            "team": str(self.world.team.id),
            "name": "Demo CRM",
            "slug": "demo-crm",
            "host": self.server.host,
            "port": self.server.port,
            "database": self.database,
            "sslmode": "disable",
            "zone": "restricted",
            "region": "eu-central",
            "read_user": self.reader.name,
            "read_password": self.reader.password,
            "write_user": "",
            "write_password": "",
            **changed,
        }

    def proposal(self, *, write: bool = False, **changed: Any) -> dict[str, Any]:
        where = replace(self.settings, sslmode="disable")
        with as_role("web"):
            sealed = {
                purpose: services.seal(purpose=purpose, settings=where, user=role.name, password=role.password)  # type: ignore[arg-type]
                for purpose, role in (("read", self.reader), *((("write", self.writer),) if write else ()))
            }
        return {
            "slug": "demo-crm",
            "name": "Demo CRM",
            "kind": "postgresql",
            "definition": {
                "format": 1,
                "settings": {
                    "host": where.host,
                    "port": where.port,
                    "database": where.database,
                    "sslmode": where.sslmode,
                },
                "zone": "restricted",
                "region": "eu-central",
                "credentials": {"read": sealed["read"], "write": sealed.get("write")},
                **changed,
            },
        }

    def approved(self, kind: str, proposal: dict[str, Any], *, by: str = "alice", reviewers: str = "bob") -> Change:
        """Proposed by one, approved by others, applied by the applier."""
        with as_role("web"):
            change = changes.propose(
                actor=self.world.actor(by), kind=kind, team_id=self.world.team.id, proposal=proposal, reason="Because"
            )
            for name in reviewers.split():
                changes.approve(actor=self.world.actor(name), change_id=change.id)
        with as_role("applier"):
            changes.apply_next()
        change.refresh_from_db()
        assert change.state == Change.APPLIED, change.outcome
        return change

    def approved_last(self, *reviewers: str) -> Change:
        """The newest change, approved by bob (or others) and applied."""
        change = Change.objects.order_by("-number")[0]
        with as_role("web"):
            for name in reviewers or ("bob",):
                changes.approve(actor=self.world.actor(name), change_id=change.id)
        with as_role("applier"):
            changes.apply_next()
        change.refresh_from_db()
        assert change.state == Change.APPLIED, change.outcome
        return change

    def connected(self, *, write: bool = False) -> Connection:
        """The connection, approved."""
        self.approved("connection", self.proposal(write=write))
        return Connection.objects.get(slug="demo-crm")

    def discovered(self) -> Connection:
        """The connection, approved and looked at."""
        connection = self.connected()
        self.work()
        last = Discovery.objects.order_by("-id")[0]
        assert last.state == Discovery.DONE, last.failure
        return connection

    def look_again(self, connection: Connection) -> Discovery:
        with as_role("web"):
            row = services.discover(actor=self.world.actor("alice"), connection_id=connection.id)
        self.work()
        row.refresh_from_db()
        return row

    def dataset(self, table: str = "customers") -> Dataset:
        return Dataset.objects.get(table=table)

    def column(self, name: str, table: str = "customers") -> Column:
        return Column.objects.get(dataset__table=table, name=name, gone_at=None)

    def classify(self, by: str = "alice", reviewers: str = "bob", **tags: list[str] | None) -> Change:
        """Columns of crm.customers, through the whole machine."""
        columns = [{"schema": "crm", "table": "customers", "column": name, "tags": held} for name, held in tags.items()]
        connection = Connection.objects.get(slug="demo-crm")
        proposal = {"connection": str(connection.id), "columns": columns}
        return self.approved("classification", proposal, by=by, reviewers=reviewers)


def tests_of(batch: object) -> dict[str, ConnectionTest]:
    return {row.purpose: row for row in ConnectionTest.objects.filter(batch=batch)}


tests_of.__test__ = False  # type: ignore[attr-defined]
MakeDatabase = Callable[..., str]
