"""A shop that copies two tables under policies: connections, discovery, pipeline, and runs in any state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.core.clock import now
from apps.dataplane import __version__, planner
from apps.dataplane import definition as definitions
from apps.dataplane.canonical import canonical_bytes, canonical_hash
from apps.dataplane.crypto import signing
from apps.dataplane.plan import ColumnSchema, RunPlan, TableRef, TableSchema, as_json
from apps.dataplane.planner import Inputs, StreamFacts
from apps.keys.models import Key
from apps.pipelines import planning
from apps.pipelines.models import Pipeline, PipelineVersion
from apps.policies import selectors as policies
from apps.policies.models import Policy, PolicyVersion
from apps.quality.models import CheckResult
from apps.runs.models import LogLine, Manifest, ManifestSignature, Quarantine, Run, Step
from apps.runs.steps import NAMES
from apps.sources import selectors as sources
from apps.sources.models import Classification, Column, Connection, ConnectionVersion, Dataset
from tests.support import World

HOSTILE = "<script>alert(1)</script>\"';--\n"
CREDENTIAL = {"user": "anna", "sealed": "AAAA", "key": 1}
COLUMNS: dict[str, dict[str, tuple[str, list[str] | None]]] = {
    "customers": {
        "id": ("bigint", []),
        "name": ("text", ["pii.name"]),
        "email": ("text", ["pii.contact.email"]),
        "phone": ("text", ["pii.contact.phone"]),
        "birth_date": ("date", ["pii.birth_date"]),
        "country": ("text", []),
        "note": ("text", ["pii.text"]),
    },
    "payments": {
        "id": ("bigint", []),
        "customer_id": ("bigint", []),
        "card": ("text", ["financial.card"]),
        "amount": ("numeric(12,2)", []),
    },
}
RULES = [
    {"name": "names are dropped", "tag": "pii.name", "zone": "*", "treatment": {"kind": "drop"}},
    {"name": "contacts are tokens", "tag": "pii.contact", "zone": "analytics", "treatment": {"kind": "token"}},
    {"name": "birth years", "tag": "pii.birth_date", "zone": "*",
     "treatment": {"kind": "date_truncate", "unit": "year"}},
    {"name": "free text goes", "tag": "pii.text", "zone": "*", "treatment": {"kind": "redact"}},
    {"name": "cards are tokens", "tag": "financial", "zone": "*", "treatment": {"kind": "token"}},
]  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "format": 1,
    "purpose": "analytics",
    "streams": [
        {
            "name": "customers",
            "source": {"schema": "crm", "table": "customers"},
            "destination": {"schema": "mart", "table": "customers"},
            "filters": [{"id": "in-europe", "kind": "in_set", "column": "country", "params": {"values": ["DE", "FR"]}}],
            "row_checks": [{"id": "email-shape", "kind": "matches", "column": "email", "params": {"pattern": "@"}}],
            "settle": [{"id": "one-per-id", "kind": "unique", "columns": ["id"]}],
        },
        {
            "name": "payments",
            "source": {"schema": "crm", "table": "payments"},
            "destination": {"schema": "mart", "table": "payments"},
            "settle": [
                {"id": "known-customer", "kind": "references", "columns": ["customer_id"], "target": "customers",
                 "to": ["id"]},
            ],
        },
    ],
    "output_checks": [
        {"id": "email-there", "stream": "customers", "expectation": "expect_column_values_to_not_be_null",
         "kwargs": {"column": "email", "mostly": "0.99"}, "severity": "ERROR"},
    ],
    "schedule": {"cron": "30 3 * * *", "zone": "Europe/Berlin"},
}  # fmt: skip


@dataclass
class Shop:
    """Acme's CRM, its warehouse in zone analytics, an active policy, and the pipeline `customer-360`."""

    world: World
    source: Connection
    destination: Connection
    pipeline: Pipeline
    notary: bytes = field(repr=False)

    @classmethod
    def opened(cls, world: World) -> Shop:
        private, public = signing.generate()
        Key.objects.create(holder="extract", purpose="treatment", domain="default", version=1, wrapped=b"x")
        Key.objects.create(holder="notary", purpose="notary", version=1, domain="", public=public, wrapped=b"x")
        source = connect(world, "crm", "CRM", zone="restricted", read=True)
        destination = connect(world, "warehouse", "Warehouse", zone="analytics", read=False)
        for table, columns in COLUMNS.items():
            discover(source, "crm", table, columns)
        policy = Policy.objects.create(team=world.team, slug="contacts-pii", name="Contacts", active_version=7)
        text = {"format": 1, "rules": RULES}
        PolicyVersion.objects.create(policy=policy, number=7, text=text, hash="0" * 64, change="change/test")
        return cls(world, source, destination, pipeline(world, source, destination), private)

    def plan(self) -> RunPlan:
        """The plan of a run, as the stored tables give it."""
        wiring = planning.wiring_of(self.pipeline)
        streams = {}
        for stream in wiring.definition.streams:
            known = sources.stored_schema(self.source.id, stream.source)
            streams[stream.name] = StreamFacts(known, known, None, planning.tags_of(self.source.id, stream.source))
        inputs = Inputs(
            pipeline=str(self.pipeline.id),
            pipeline_version=self.pipeline.active_version,
            team=str(self.world.team.id),
            definition=wiring.definition,
            source=sources.endpoint(self.source.id),
            destination=sources.endpoint(self.destination.id),
            policies=policies.active(self.world.team.id),
            streams=streams,
            key_versions=planning.key_versions(),
            code_version=__version__,
        )
        return planner.compile_plan(inputs)

    def run(
        self, state: str = Run.QUEUED, *, reached: str = "", pipeline: Pipeline | None = None, **fields: Any
    ) -> Run:
        """A run in that state, with its steps; `reached` is the step that it stands at."""
        began = now() - timedelta(seconds=38)
        held = {"trigger": "manual", "started_by": str(self.world.users["alice"].id), **fields}
        if state != Run.QUEUED:
            held.setdefault("started_at", began)
        if state in Run.ENDED:
            held.setdefault("ended_at", began + timedelta(seconds=38))
        of = pipeline or self.pipeline
        run = Run.objects.create(
            pipeline=of, pipeline_version=of.active_version, team_id=of.team_id, state=state, **held
        )
        run.refresh_from_db()
        _steps(run, reached, began)
        return run

    def running(self) -> Run:
        """At the gate of rows: two steps done, four under way, 70 of 100 rows read."""
        plan = self.plan()
        run = self.run(Run.RUNNING, reached="extract", plan=as_json(plan), plan_hash=plan.hash)
        Step.objects.filter(run=run, state=Step.RUNNING).update(rows=52_310, rows_expected=74_000)
        self.log(run, "inspect", "2 of 2 destination tables exist")
        self.log(run, "plan", f"11 columns, 6 treated; plan {plan.hash[:12]}")
        return run

    def published(self, *, signed: bool = True) -> Run:
        """A published run with everything that belongs to one."""
        plan = self.plan()
        counts = {
            "customers": {"read": 900, "staged": 860, "quarantined": 30, "rejected": 0, "excluded": 10},
            "payments": {"read": 100, "staged": 94, "quarantined": 6, "rejected": 0, "excluded": 0},
        }
        run = self.run(
            Run.PUBLISHED, reached="done", plan=as_json(plan), plan_hash=plan.hash, counts=counts, rows_read=1000,
            rows_published=954, rows_quarantined=36, rows_excluded=10,
            sentence="1,000 rows read = 954 published + 36 quarantined + 0 rejected + 10 excluded by rule.",
        )  # fmt: skip
        self.log(run, "plan", f"11 columns, 6 treated; plan {plan.hash[:12]}")
        self.log(run, "conclude", run.sentence)
        shapes = [{"row": row, "columns": {"id": "99999", "email": "Aaaaa.aaa", "note": None}} for row in (17, 4711)]
        Quarantine.objects.create(run=run, stream="customers", rule="email-shape", rows=30, shapes=shapes)
        self.check(run, "customers", "email-shape", "FAILED", phase="row", severity="INFO", unexpected=30, total=900)
        self.check(run, "customers", "email-there", "PASSED", unexpected=0, total=860)
        document = {"format": 1, "run": str(run.id), "number": run.number, "pipeline": self.pipeline.slug}
        body = canonical_bytes(document)
        manifest = Manifest.objects.create(run=run, body=body, hash=canonical_hash(document))
        if signed:
            ManifestSignature.objects.create(
                manifest=manifest, key_version=1, signature=signing.sign(self.notary, body), signed_at=now()
            )
        return run

    def refused(self) -> Run:
        """A run that could not be planned, for two reasons."""
        refusals = [
            {
                "code": "unclassified",
                "subject": "crm.customers.nickname",
                "sentence": "Column crm.customers.nickname is unclassified: nobody has said whether it is sensitive.",
                "remedy": "Classify the column.",
            },
            {
                "code": "no-rule",
                "subject": "crm.customers.iban",
                "sentence": "Column crm.customers.iban is financial.iban and no rule says what happens to it.",
                "remedy": "Add a rule to a masking policy.",
            },
        ]
        sentence = f"{refusals[0]['sentence']} (1 more) Nothing was written."
        return self.run(
            Run.REFUSED, reached="plan", refusals=refusals, sentence=sentence, remedy="Classify the column."
        )

    def log(self, run: Run, step: str, sentence: str, level: str = "INFO") -> LogLine:
        return LogLine.objects.create(run=run, at=now(), step=step, sentence=sentence, level=level)

    def check(self, run: Run, stream: str, check_id: str, status: str, **fields: Any) -> CheckResult:
        held = {"phase": "output", "kind": "expect_column_values_to_not_be_null", "severity": "ERROR", "observed": "x"}
        return CheckResult.objects.create(
            run=f"run/{run.id}", pipeline=f"pipeline/{run.pipeline_id}", stream=stream, check_id=check_id,
            status=status, **(held | fields),
        )  # fmt: skip

    def another(self, name: str) -> Pipeline:
        return pipeline(self.world, self.source, self.destination, slug=name, name=name)


def connect(world: World, slug: str, name: str, *, zone: str, read: bool) -> Connection:
    """A connection that nothing answers at."""
    connection = Connection.objects.create(team=world.team, slug=slug, name=name, kind="postgresql", active_version=1)
    document = {
        "format": 1,
        "settings": {"host": "db.example", "port": 5432, "database": slug, "sslmode": "prefer"},
        "zone": zone,
        "region": "",
        "credentials": {"read": CREDENTIAL if read else None, "write": None if read else CREDENTIAL},
    }
    ConnectionVersion.objects.create(
        connection=connection, number=1, definition=document, hash="0" * 64, change="change/test"
    )
    return connection


def discover(
    connection: Connection, schema: str, table: str, columns: dict[str, tuple[str, list[str] | None]]
) -> Dataset:
    """A table as a discovery would have left it, classified where tags are given."""
    listed = tuple(ColumnSchema(name, type) for name, (type, _tags) in columns.items())
    seen = TableSchema(TableRef(schema, table), listed, primary_key=("id",), estimated_rows=74_000)
    dataset = Dataset.objects.create(
        connection=connection, schema=schema, table=table, schema_hash=seen.hash, live_schema=as_json(seen)
    )
    for position, (name, (type, tags)) in enumerate(columns.items()):
        column = Column.objects.create(dataset=dataset, name=name, type=type, position=position)
        if tags is not None:
            Classification.objects.create(column=column, number=1, tags=tags, change="change/test")
    return dataset


def pipeline(
    world: World,
    source: Connection,
    destination: Connection,
    *,
    slug: str = "customer-360",
    name: str = "Customer 360",
    document: dict[str, Any] | None = None,
) -> Pipeline:
    row = Pipeline.objects.create(
        team=world.team, slug=slug, name=name, source=source, destination=destination, active_version=1,
        next_due_at=now() + timedelta(hours=5),
    )  # fmt: skip
    whole = definitions.as_document(definitions.parse(document or DOCUMENT))
    PipelineVersion.objects.create(
        pipeline=row, number=1, definition=whole, hash=canonical_hash(whole), change=f"change/{UUID(int=0)}"
    )
    return row


def _steps(run: Run, reached: str, began: datetime) -> None:
    """Steps before the reached one are done; it is running, or failed where the run has ended."""
    at = NAMES.index(reached) if reached in NAMES else len(NAMES) if reached else -1
    rows = []
    for place, name in enumerate(NAMES):
        step = Step(run=run, position=place, name=name)
        together = reached == "extract" and name in ("extract", "check", "treat", "stage")
        if place < at:
            step.state, step.started_at, step.ended_at = Step.DONE, began, began + timedelta(seconds=2)
        elif place == at or together:
            step.state, step.started_at = (Step.FAILED if run.ended else Step.RUNNING), began
        rows.append(step)
    Step.objects.bulk_create(rows)


__all__ = ["COLUMNS", "DOCUMENT", "HOSTILE", "Shop", "connect", "discover", "pipeline"]
