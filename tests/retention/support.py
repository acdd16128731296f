"""Orders of a shop by age, and the rule that deletes the old ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.changes.models import Change
from apps.core.clock import now
from apps.retention import services
from apps.retention.models import Enforcement, RetentionRule, RetentionRuleVersion
from apps.sources.models import Connection, Dataset
from tests.sources.support import Installation
from tests.support import as_role

# 30 orders of three years ago, 20 of yesterday, 2 without a date.
ORDERS = (
    "CREATE TABLE crm.orders (id bigint PRIMARY KEY, created_at timestamptz, day date, wall timestamp(3), note text)",
    "INSERT INTO crm.orders SELECT n, now() - interval '3 years', now() - interval '3 years', "
    "now() - interval '3 years', 'old' FROM generate_series(1, 30) AS n",
    "INSERT INTO crm.orders SELECT n, now() - interval '1 day', now(), now(), 'young'"
    " FROM generate_series(31, 50) AS n",
    "INSERT INTO crm.orders SELECT n, NULL, NULL, NULL, 'undated' FROM generate_series(51, 52) AS n",
)


def kept(connection: Connection) -> tuple[RetentionRule, Enforcement]:
    """A rule on a connection with a finished dry run, without anything behind them."""
    rule = RetentionRule.objects.create(team=connection.team, slug="old-orders", name="Old orders", active_version=1)
    definition = {
        "format": 1,
        "connection": str(connection.id),
        "dataset": {"schema": "crm", "table": "orders"},
        "tag": "",
        "age_column": "created_at",
        "keep": {"amount": 24, "unit": "months"},
        "zone": "UTC",
        "action": "delete",
        "schedule": None,
    }
    RetentionRuleVersion.objects.create(rule=rule, number=1, definition=definition, hash="0" * 64, change="test")
    counted = {"dataset": "crm.orders", "column": "created_at", "state": "COUNTED", "rows": 30, "undated": 2}
    run = Enforcement.objects.create(
        rule=rule,
        rule_version=1,
        mode=Enforcement.DRY_RUN,
        trigger="manual",
        started_by="test",
        state=Enforcement.DONE,
        before=now(),
        outcomes=[counted | {"oldest": "2019-01-01", "newest": "2020-12-31", "sentence": ""}],
        rows=30,
    )
    run.refresh_from_db()
    return rule, run


@dataclass
class Orders:
    """The shop's connection and what people do with it."""

    here: Installation
    connection: Connection

    def proposal(self, **changed: Any) -> dict[str, Any]:
        definition = {
            "format": 1,
            "connection": str(self.connection.id),
            "dataset": {"schema": "crm", "table": "orders"},
            "tag": "",
            "age_column": "created_at",
            "keep": {"amount": 24, "unit": "months"},
            "zone": "Europe/Berlin",
            "action": "delete",
            "schedule": {"cron": "0 3 * * *", "zone": "Europe/Berlin"},
            **changed,
        }
        return {"slug": "old-orders", "name": "Old orders", "definition": definition}

    def rule(self, **changed: Any) -> RetentionRule:
        """The rule, proposed by bob and approved by erin (twice approved where it weakens)."""
        self.here.approved("retention", self.proposal(**changed), by="bob", reviewers="erin")
        return RetentionRule.objects.get(slug="old-orders")

    def count(self, rule: RetentionRule, by: str = "bob") -> Enforcement:
        with as_role("web"):
            run = services.dry_run(actor=self.here.world.actor(by), rule_id=rule.id)
        return self.done(run)

    def approve(self, dry_run: Enforcement) -> Change:
        """The first deletion: proposed by bob, approved by erin, queued by the applier, not carried out yet."""
        return self.here.approved("deletion", {"dry_run": str(dry_run.id)}, by="bob", reviewers="erin")

    def released(self, **changed: Any) -> RetentionRule:
        """A rule whose first deletion was approved and carried out."""
        rule = self.rule(**changed)
        self.approve(self.count(rule))
        self.here.work()
        return rule

    def done(self, run: Enforcement) -> Enforcement:
        self.here.work()
        run.refresh_from_db()
        return run

    def last(self) -> Enforcement:
        return Enforcement.objects.order_by("-number")[0]

    def hold(self, title: str = "Case 7", by: str = "bob") -> None:
        dataset = Dataset.objects.get(table="orders")
        with as_role("web"):
            services.place_hold(
                actor=self.here.world.actor(by), dataset_id=dataset.id, title=title, reason="Letter of the court"
            )

    def left(self) -> dict[str, int]:
        """How many rows of each kind stand in the table."""
        with self.here.server.connect(self.here.database) as admin:
            return dict(admin.execute("SELECT note, count(*) FROM crm.orders GROUP BY 1").fetchall())
