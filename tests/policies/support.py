"""A classified CRM and short ways to propose and approve policies for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.changes import services as changes
from apps.changes.models import Change
from apps.policies import apply
from apps.policies.models import Policy
from apps.sources.models import Classification, Column, Connection, ConnectionVersion, Dataset
from tests.support import World, as_role

DEFINITION = {
    "format": 1,
    "settings": {"host": "db.example", "port": 5432, "database": "crm", "sslmode": "prefer"},
    "zone": "restricted",
    "region": "",
    "credentials": {"read": {"user": "anna", "sealed": "AAAA", "key": 1}, "write": None},
}
CLASSIFIED: dict[str, dict[str, list[str] | None]] = {
    "customers": {
        "id": [],
        "email": ["pii.contact.email"],
        "phone": ["pii.contact.phone"],
        "birth_date": ["pii.birth_date"],
        "note": None,
    },
    "leads": {"phone": ["pii.contact.phone"]},
}


def rule(name: str, selector: str, kind: str, *, zone: str = "*", domain: str = "", **params: Any) -> dict[str, Any]:
    """A rule entry; a selector with a `*` or two dots is a column pattern unless it is a tag."""
    selects = {"tag": selector} if selector.startswith(("pii", "financial", "secret")) else {"column": selector}
    keyed = {"domain": domain} if domain else {}
    return {"name": name, **selects, "zone": zone, "treatment": {"kind": kind, **params}, **keyed}


def text(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"format": 1, "rules": list(rules)}


@dataclass
class Crm:
    """Acme's CRM as discovery and review left it."""

    world: World
    connection: Connection
    columns: dict[str, Column]

    @classmethod
    def classified(cls, world: World) -> Crm:
        connection = Connection.objects.create(
            team=world.team, slug="crm", name="CRM", kind="postgresql", active_version=1
        )
        ConnectionVersion.objects.create(
            connection=connection, number=1, definition=DEFINITION, hash="0" * 64, change="test"
        )
        made = cls(world, connection, {})
        for table, columns in CLASSIFIED.items():
            made.add(table, columns)
        return made

    def add(self, table: str, columns: dict[str, list[str] | None]) -> None:
        dataset = Dataset.objects.create(
            connection=self.connection, schema="crm", table=table, schema_hash="0" * 64, live_schema={}
        )
        for position, (name, tags) in enumerate(columns.items()):
            column = Column.objects.create(dataset=dataset, name=name, type="text", position=position)
            self.columns[f"{table}.{name}"] = column
            if tags is not None:
                Classification.objects.create(column=column, number=1, tags=tags, change="test")

    def activate(self, *rules: dict[str, Any], slug: str = "pii", name: str = "Personal data") -> Policy:
        """A policy that is active, without the review."""
        found = Policy.objects.filter(slug=slug).first()
        target = f"policy/{found.id}" if found else f"policy/new/{self.world.team.id}/{slug}"
        base = found.active_version if found else 0
        from apps.policies import proposals

        proposal = proposals.normalise({"slug": slug, "name": name, "text": text(*rules)}, team_id=self.world.team.id)
        with as_role("applier"):
            apply.apply(proposal=proposal, target=target, base_version=base, change="change/test")
        return Policy.objects.get(slug=slug)

    def propose(
        self, *rules: dict[str, Any], by: str = "bob", slug: str = "pii", name: str = "Personal data"
    ) -> Change:
        proposal = {"slug": slug, "name": name, "text": text(*rules)}
        with as_role("web"):
            return changes.propose(
                actor=self.world.actor(by), kind="policy", team_id=self.world.team.id, proposal=proposal
            )

    def approve(self, change: Change, *names: str) -> Change:
        with as_role("web"):
            for name in names:
                changes.approve(actor=self.world.actor(name), change_id=change.id)
        with as_role("applier"):
            changes.apply_next()
        change.refresh_from_db()
        return change
