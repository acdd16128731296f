"""A classification to argue about: the CRM's customers, of which alice wants to say what two columns are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.changes import services
from apps.changes.models import Change
from apps.sources.models import Classification, Column, Connection, ConnectionVersion, Dataset
from tests.support import World, as_role


@dataclass
class Crm:
    """Acme's CRM with one table, as discovery left it."""

    world: World
    connection: Connection
    columns: dict[str, Column]

    @classmethod
    def discovered(cls, world: World) -> Crm:
        connection = Connection.objects.create(
            team=world.team, slug="crm", name="CRM", kind="postgres", active_version=1
        )
        ConnectionVersion.objects.create(connection=connection, number=1, definition={}, hash="0" * 64, change="test")
        dataset = Dataset.objects.create(
            connection=connection, schema="public", table="customers", schema_hash="0" * 64, live_schema={}
        )
        columns = {
            name: Column.objects.create(dataset=dataset, name=name, type="text", position=place)
            for place, name in enumerate(("email", "country"))
        }
        return cls(world, connection, columns)

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
