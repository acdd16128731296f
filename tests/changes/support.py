"""A classification to argue about: the CRM's customers, of which alice wants to say what two columns are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.changes import services
from apps.changes.models import Change
from apps.dataplane.plan import ColumnSchema, TableRef, TableSchema, as_json
from apps.pipelines.models import Pipeline, PipelineVersion
from apps.policies.models import Policy, PolicyVersion
from apps.sources.models import Classification, Column, Connection, ConnectionVersion, Dataset
from tests.support import World, as_role

COLUMNS = ("email", "country")
DEFINITION = {
    "format": 1,
    "purpose": "analytics",
    "streams": [
        {
            "name": "customers",
            "source": {"schema": "public", "table": "customers"},
            "destination": {"schema": "public", "table": "customers"},
        }
    ],
}


def rules(**treatments: dict[str, Any]) -> dict[str, Any]:
    """A policy's text: one rule for each tag, whose dots are written as __."""
    return {
        "format": 1,
        "rules": [
            {"name": tag.replace("__", " "), "tag": tag.replace("__", "."), "treatment": treatment}
            for tag, treatment in treatments.items()
        ],
    }


def connect(world: World, slug: str, zone: str, purpose: str) -> Connection:
    """An active connection whose credentials nobody can open."""
    sealed = {"user": "lockgate", "sealed": "AAAA", "key": 1}
    definition = {
        "format": 1,
        "settings": {"host": f"{slug}.acme.example", "port": 5432, "database": slug, "sslmode": "require"},
        "zone": zone,
        "region": "eu",
        "credentials": {"read": None, "write": None, purpose: sealed},
    }
    connection = Connection.objects.create(
        team=world.team, slug=slug, name=slug.title(), kind="postgresql", active_version=1
    )
    ConnectionVersion.objects.create(
        connection=connection, number=1, definition=definition, hash="0" * 64, change="change/of-the-test"
    )
    return connection


@dataclass
class Crm:
    """Acme's CRM with one table, as discovery left it."""

    world: World
    connection: Connection
    columns: dict[str, Column]

    @classmethod
    def discovered(cls, world: World) -> Crm:
        connection = connect(world, "crm", "restricted", "read")
        live = TableSchema(TableRef("public", "customers"), tuple(ColumnSchema(name, "text") for name in COLUMNS))
        dataset = Dataset.objects.create(
            connection=connection, schema="public", table="customers", schema_hash=live.hash, live_schema=as_json(live)
        )
        columns = {
            name: Column.objects.create(dataset=dataset, name=name, type="text", position=place)
            for place, name in enumerate(COLUMNS)
        }
        return cls(world, connection, columns)

    def pipe(self, slug: str = "crm-to-warehouse") -> Pipeline:
        """A pipeline of the customers to a warehouse in zone analytics, as the applier would have made it."""
        warehouse = Connection.objects.filter(slug="warehouse").first() or connect(
            self.world, "warehouse", "analytics", "write"
        )
        pipeline = Pipeline.objects.create(
            team=self.world.team, slug=slug, name=slug, source=self.connection, destination=warehouse, active_version=1
        )
        PipelineVersion.objects.create(
            pipeline=pipeline, number=1, definition=DEFINITION, hash="0" * 64, change="change/of-the-test"
        )
        return pipeline

    def classify(self, **tags: list[str]) -> None:
        """As if approved long ago."""
        for name, held in tags.items():
            column = self.columns[name]
            number = Classification.objects.filter(column=column).count() + 1
            Classification.objects.create(column=column, number=number, tags=held, change="change/of-the-test")

    def mask(self, slug: str = "contacts", **treatments: dict[str, Any]) -> Policy:
        """The next active text of a policy, as if approved long ago: tag (with __ for .) → treatment."""
        policy, _ = Policy.objects.get_or_create(
            team=self.world.team, slug=slug, defaults={"name": slug.title(), "active_version": 0}
        )
        policy.active_version += 1
        policy.save()
        PolicyVersion.objects.create(
            policy=policy, number=policy.active_version, text=rules(**treatments), hash="0" * 64, change="change/x"
        )
        return policy

    def propose_policy(self, by: str = "erin", slug: str = "contacts", **treatments: dict[str, Any]) -> Change:
        with as_role("web"):
            return services.propose(
                actor=self.world.actor(by),
                kind="policy",
                team_id=self.world.team.id,
                proposal={"slug": slug, "name": slug.title(), "text": rules(**treatments)},
                reason="",
            )

    def proposal(self, **tags: list[str] | None) -> dict[str, Any]:
        named = [
            {"schema": "public", "table": "customers", "column": column, "tags": held} for column, held in tags.items()
        ]
        return {"connection": str(self.connection.id), "columns": named}

    def propose(self, by: str = "alice", reason: str = "", **tags: list[str] | None) -> Change:
        wanted = tags or {"email": ["pii.contact.email"]}
        with as_role("web"):
            return services.propose(
                actor=self.world.actor(by),
                kind="classification",
                team_id=self.world.team.id,
                proposal=self.proposal(**wanted),
                reason=reason,
            )

    def approve(self, change: Change, by: str = "bob", **more: str) -> Change:
        with as_role("web"):
            return services.approve(actor=self.world.actor(by), change_id=change.id, **more)

    def apply(self) -> Change | None:
        with as_role("applier"):
            return services.apply_next()

    def tags(self) -> dict[str, list[str]]:
        rows = Classification.objects.order_by("number").values_list("column__name", "tags")
        return dict(rows)
