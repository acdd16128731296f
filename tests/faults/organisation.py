"""The people of the installation and what they have approved, made through the product's own services."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.core.actor import Actor
from apps.dataplane.connectors.postgres import PostgresSettings
from apps.keys.models import Key
from apps.pipelines.models import Pipeline
from apps.runs import services as running
from apps.runs.models import Run, Step
from apps.sources import services as sources
from apps.sources.models import Column, Connection, Discovery
from controlplane.demo.governed import POLICY, connection
from controlplane.demo.organisation import Organisation

from .databases import READER, SOURCE, TARGET, WRITER, Databases
from .installation import eventually

CLASSIFIED: dict[str, dict[str, list[str]]] = {
    "customers": {
        "id": [], "name": ["pii.name"], "email": ["pii.contact.email"], "phone": ["pii.contact.phone"],
        "national_id": ["pii.national_id"], "iban": ["financial.iban"], "card": ["financial.card"],
        "birth_date": ["pii.birth_date"], "country": [], "note": ["pii.text"], "tags": [], "preferences": [],
        "created_at": [],
    },
    "payments": {
        "id": [], "customer_id": [], "amount": [], "payer_iban": ["financial.iban"], "status": [],
        "reference": ["pii.text"], "paid_at": [],
    },
}  # fmt: skip

# The demo's policy, and a rule that a test makes stricter without touching the other pipelines.
ADDRESSES = {"name": "addresses keep a letter", "tag": "pii.address", "zone": "*",
             "treatment": {"kind": "partial", "keep_first": 1}}  # fmt: skip
MASKING: dict[str, Any] = {**POLICY, "text": {"format": 1, "rules": [*POLICY["text"]["rules"], ADDRESSES]}}


class People(Organisation):
    """The demo's people; their passwords stay in this process."""

    def _keep(self) -> None:
        return


@dataclass
class World:
    """alice engineers, bob and erin steward and review, dora audits, charlie is a stranger."""

    databases: Databases
    people: People = field(default_factory=People)

    def found(self) -> None:
        eventually(_keys_exist, "the workers to make their keys")
        self.people.found()
        self.connect(SOURCE, "restricted", "read", READER)
        self.connect(TARGET, "analytics", "write", WRITER)
        self.discover(SOURCE)
        self.classify(CLASSIFIED)
        self.people.approved("bob", "policy", MASKING, "erin")
        self.pipeline("customers-to-target", STREAMS, CHECKS)

    def connect(self, database: str, zone: str, purpose: Any, user: str, *, name: str = "", **other: Any) -> Connection:
        """An approved connection; `other` replaces settings, `password` the right one."""
        password = other.pop("password", "")
        settings = self.databases.settings(database, **other)
        sealed = self.sealed(purpose, user, settings=settings, password=password)
        proposal = connection(name or database, settings, zone, {"read": None, "write": None, purpose: sealed})
        self.people.approved("alice", "connection", proposal, "bob", "erin")
        return self.connection(name or database)

    def sealed(self, purpose: Any, user: str, *, settings: Any = None, password: str = "") -> dict[str, Any]:
        where = PostgresSettings.from_json(settings or self.databases.settings(SOURCE))
        password = password or self.databases.passwords[user]
        return sources.seal(purpose=purpose, settings=where, user=user, password=password)

    def connection(self, name: str) -> Connection:
        return Connection.objects.get(slug=name.replace("_", "-"))

    def discover(self, name: str) -> Discovery:
        """Look at the connection now; the look that its registration asked for may still be under way."""
        found = self.connection(name)
        asked = Discovery.objects.filter(connection=found, state=Discovery.RUNNING)
        eventually(lambda: not asked.exists(), "the discovery before")
        mine = sources.discover(actor=self.people.actor("alice"), connection_id=found.id)
        eventually(lambda: not asked.exists(), "the discovery")
        mine.refresh_from_db()
        assert mine.state == Discovery.DONE, mine.failure
        return mine

    def classify(self, tables: dict[str, dict[str, list[str]]], schema: str = "public") -> None:
        columns = [
            {"schema": schema, "table": table, "column": column, "tags": tags}
            for table, known in tables.items()
            for column, tags in known.items()
        ]
        proposal = {"connection": str(self.connection(SOURCE).id), "columns": columns}
        self.people.approved("alice", "classification", proposal, "bob", "erin")

    def columns(self, table: str) -> set[str]:
        """What discovery knows of a table."""
        return set(Column.objects.filter(dataset__table=table, gone_at=None).values_list("name", flat=True))

    def pipeline(self, slug: str, streams: list[Any], checks: list[Any], **ends: Connection) -> Pipeline:
        source, target = (ends.get(key) or self.connection(name) for key, name in _ENDS)
        definition = {"format": 1, "purpose": "analytics", "streams": streams, "output_checks": checks}
        proposal = {"slug": slug, "name": slug, "source": str(source.id), "destination": str(target.id)}
        self.people.approved("alice", "pipeline", {**proposal, "definition": definition}, "bob", "erin")
        return Pipeline.objects.get(slug=slug)

    # runs

    def start(self, slug: str) -> Run:
        return running.start(actor=self.people.actor("alice"), pipeline_id=Pipeline.objects.get(slug=slug).id)

    def run(self, slug: str, seconds: float = 90) -> Run:
        return self.ended(self.start(slug), seconds)

    def ended(self, run: Run, seconds: float = 90) -> Run:
        """The run once it has ended."""
        eventually(lambda: state_of(run) in Run.ENDED, f"run {run.number} to end", seconds)
        run.refresh_from_db()
        return run


_ENDS = (("source", SOURCE), ("target", TARGET))


def _keys_exist() -> bool:
    wanted = {("extract", "credentials"), ("extract", "parts"), ("publish", "credentials"), ("notary", "notary")}
    return wanted <= set(Key.objects.values_list("holder", "purpose"))


def state_of(run: Run) -> str:
    return str(patiently(lambda: Run.objects.values_list("state", flat=True).get(id=run.id)))


def step_of(run: Run, name: str) -> str:
    return str(patiently(lambda: Step.objects.values_list("state", flat=True).get(run=run, name=name)))


def patiently(ask: Any, seconds: float = 60) -> Any:
    """Ask again while the control database is away."""
    from django.db import InterfaceError, OperationalError
    from django.db import connection as database

    limit = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            assert time.monotonic() < limit, "the control database stayed away"
            database.close()
            time.sleep(0.1)


def actor(world: World, name: str) -> Actor:
    return world.people.actor(name)


def id_of(slug: str) -> UUID:
    return Pipeline.objects.values_list("id", flat=True).get(slug=slug)


def table(name: str, schema: str = "public") -> dict[str, str]:
    return {"schema": schema, "table": name}


def rule(id: str, kind: str, column: str, **params: Any) -> dict[str, Any]:
    return {"id": id, "kind": kind, "column": column, "params": params}


def check(id: str, stream: str, expectation: str, **kwargs: Any) -> dict[str, Any]:
    return {"id": id, "stream": stream, "expectation": f"expect_{expectation}", "kwargs": kwargs, "severity": "ERROR"}


STREAMS = [
    {
        "name": "customers", "source": table("customers"), "destination": table("customers"),
        "row_checks": [
            rule("email-valid", "matches", "email", pattern=r"^[^@\s]+@[^@\s]+\.[a-z]+$"),
            rule("birth-possible", "between", "birth_date", min="1900-01-01", max="today"),
        ],
        "settle": [{"id": "one-row-per-customer", "kind": "unique", "columns": ["id"]}],
    },
    {
        "name": "payments", "source": table("payments"), "destination": table("payments"),
        "filters": [rule("no-test-payments", "not_in_set", "status", values=["test"])],
        "settle": [{"id": "customer-exists", "kind": "references", "columns": ["customer_id"], "target": "customers",
                    "to": ["id"]}],
    },
]  # fmt: skip
CHECKS = [
    check("id-unique", "customers", "column_values_to_be_unique", column="id"),
    check("phone-length", "customers", "column_value_lengths_to_be_between", column="phone", min_value=36,
          max_value=36),
    check("status-known", "payments", "column_values_to_be_in_set", column="status", value_set=["settled"]),
]  # fmt: skip
