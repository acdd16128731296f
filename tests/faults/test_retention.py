"""kill -9 of the publish worker and of PostgreSQL in the middle of deletions: each row goes once, and no other."""

from __future__ import annotations

import time
from typing import Any

import pytest
from psycopg import sql

from apps.audit.models import Event
from apps.retention import services
from apps.retention.models import Enforcement, RetentionRule

from .databases import TARGET, WRITER
from .installation import Installation, eventually
from .organisation import World, patiently

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]
OLD, YOUNG = 400_000, 1_000


def fill(world: World, table: str) -> None:
    with world.databases.target() as target:
        named = {"table": sql.Identifier(table), "writer": sql.Identifier(WRITER)}
        target.execute(sql.SQL("CREATE TABLE {table} (id bigint PRIMARY KEY, at timestamptz)").format(**named))
        rows = "INSERT INTO {table} SELECT n, now() - (CASE WHEN n <= %s THEN '9 years' ELSE '1 day' END)::interval"
        target.execute(sql.SQL(rows + " FROM generate_series(1, %s) AS n").format(**named), (OLD, OLD + YOUNG))
        target.execute(sql.SQL("GRANT SELECT, DELETE ON {table} TO {writer}").format(**named))


def rule_for(world: World, table: str) -> RetentionRule:
    definition = {
        "format": 1,
        "connection": str(world.connection(TARGET).id),
        "dataset": {"schema": "public", "table": table},
        "tag": "",
        "age_column": "at",
        "keep": {"amount": 1, "unit": "years"},
        "zone": "UTC",
        "action": "delete",
        "schedule": None,
    }
    slug = table.replace("_", "-")
    world.people.approved("bob", "retention", {"slug": slug, "name": table, "definition": definition}, "erin")
    return RetentionRule.objects.get(slug=slug)


def ended(run: Enforcement) -> Enforcement:
    state: Any = lambda: patiently(lambda: Enforcement.objects.values_list("state", flat=True).get(id=run.id))  # noqa: E731
    eventually(lambda: state() in Enforcement.ENDED, f"enforcement {run.number}", 120)
    found: Enforcement = patiently(lambda: Enforcement.objects.get(id=run.id))
    return found


@pytest.mark.parametrize(("process", "after"), [("publish", 0.05), ("publish", 0.4), ("postgres", 0.3)])
def test_a_killed_deletion_is_carried_out_once(
    installation: Installation, world: World, process: str, after: float
) -> None:
    table = f"old_{process}_{int(after * 100)}"
    fill(world, table)
    rule = rule_for(world, table)
    counted = ended(services.dry_run(actor=world.people.actor("bob"), rule_id=rule.id))
    assert (counted.state, counted.rows) == ("DONE", OLD)
    world.people.approved("bob", "deletion", {"dry_run": str(counted.id)}, "erin")
    run = Enforcement.objects.get(rule=rule, mode=Enforcement.DELETION)
    eventually(lambda: Enforcement.objects.get(id=run.id).state != Enforcement.QUEUED, "the deletion", 60, every=0.002)
    time.sleep(after)
    pid = installation.kill(process)
    done = ended(run)
    installation.wait_restarted(process, pid)
    assert (done.state, done.rows, done.sentence) == ("DONE", OLD, "")
    eventually(lambda: installation.admin("SELECT 1") == [(1,)], "PostgreSQL")
    with world.databases.target() as target:
        left = target.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        receipts = target.execute("SELECT rows FROM lockgate.retention WHERE act = %s", (str(run.id),)).fetchall()
    assert (left, receipts) == ((YOUNG,), [(OLD,)])
    assert Event.objects.filter(action="retention.deleted", subject=f"retention/{rule.id}").count() == 1
