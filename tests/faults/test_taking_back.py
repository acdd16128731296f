"""kill -9 of the publish worker while it merges, and while it takes a run back: each happens once and whole."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from apps.runs import recalling
from apps.runs.models import Recall, RecallManifest, Run, Step

from .installation import Installation, eventually
from .organisation import World, patiently, rule, step_of, table

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

CHANCE = random.Random(20261122)
CURSOR = {"mode": "merge", "key": ["id"], "cursor": "paid_at", "null_cursor": "quarantine"}
CLASSIFIED = {"ledger": {"id": [], "customer": [], "amount": [], "paid_at": []}}
LEDGER = """
CREATE TABLE ledger (id bigint PRIMARY KEY, customer text, amount numeric(10,2), paid_at timestamptz);
INSERT INTO ledger SELECT n, 'c' || n % 997, n / 7.0, '2026-01-01'::timestamptz + n * interval '1 second'
  FROM generate_series(1, 60000) AS n;
"""
# A third is written over, as many are new, and one row is far away in time.
LATER = """
UPDATE ledger SET amount = -id, paid_at = paid_at + interval '1 year' WHERE id %% 3 = 0;
INSERT INTO ledger SELECT n, 'c' || n %% 997, n / 7.0, '2026-06-01'::timestamptz + n * interval '1 second'
  FROM generate_series(60001, 80000) AS n;
""".replace("%%", "%")


@pytest.fixture(scope="module")
def ledger(governed: World) -> str:
    with governed.databases.source() as source:
        source.execute(LEDGER.encode())
    return "ledger"


@pytest.fixture
def ready(world: World, ledger: str) -> World:
    if not patiently(lambda: bool(world.columns("ledger"))):
        world.discover("fault_source")
        world.classify(CLASSIFIED)
    return world


def stream(destination: str, **more: Any) -> dict[str, Any]:
    return {"name": "ledger", "source": table("ledger"), "destination": table(destination), **more}


def at_source(world: World) -> list[tuple[Any, ...]]:
    with world.databases.source() as source:
        return source.execute(b"SELECT t::text FROM ledger AS t ORDER BY 1").fetchall()


def change(world: World, statement: str) -> None:
    with world.databases.source() as source:
        source.execute(statement.encode())


def test_a_kill_while_merging_doubles_and_loses_nothing(installation: Installation, ready: World) -> None:
    merged = ready.pipeline("ledger-merged", [stream("ledger_merged", **CURSOR)], [])
    assert ready.run("ledger-merged").state == Run.PUBLISHED
    change(ready, LATER)
    run = ready.start("ledger-merged")
    eventually(lambda: step_of(run, "publish") != Step.WAITING, "publish to begin", 120, every=0.002)
    time.sleep(CHANCE.random() * 0.3)
    pid = installation.kill("publish")
    ready.ended(run, 240)
    installation.wait_restarted("publish", pid)
    assert (run.state, run.rows_published) == (Run.PUBLISHED, run.rows_read)
    assert ready.databases.rows("ledger_merged") == at_source(ready)
    assert ready.databases.published(merged.id)[0] == str(run.id)
    nothing = ready.run("ledger-merged")
    assert nothing.rows_read < 10
    assert ready.databases.rows("ledger_merged") == at_source(ready)


def test_a_kill_while_taking_a_run_back_puts_back_once(installation: Installation, ready: World) -> None:
    keep = [rule("has-customer", "not_null", "customer")]
    pipeline = ready.pipeline("ledger-whole", [stream("ledger_whole", row_checks=keep)], [])
    good = ready.run("ledger-whole")
    before = ready.databases.rows("ledger_whole")
    change(ready, "UPDATE ledger SET customer = 'wrong'")
    bad = ready.run("ledger-whole")
    assert (good.state, bad.state) == (Run.PUBLISHED, Run.PUBLISHED)
    asked = recalling.recall(actor=ready.people.actor("alice"), run_id=bad.id, reason="wrong customers")
    eventually(lambda: _state(asked) != Recall.QUEUED, "the recall to begin", 60, every=0.002)
    time.sleep(CHANCE.random() * 0.5)
    pid = installation.kill("publish")
    eventually(lambda: _state(asked) in Recall.ENDED, "the recall to end", 240)
    installation.wait_restarted("publish", pid)
    bad.refresh_from_db()
    assert (_state(asked), bad.state) == (Recall.DONE, Run.RECALLED)
    assert ready.databases.rows("ledger_whole") == before
    assert ready.databases.published(pipeline.id)[0] == str(asked.id)
    eventually(lambda: RecallManifest.objects.filter(recall=asked, signature__isnull=False).count() == 1, "a signature")
    again = ready.run("ledger-whole")
    assert again.state == Run.PUBLISHED
    assert len(ready.databases.rows("ledger_whole")) == len(before)


def _state(asked: Recall) -> str:
    return str(patiently(lambda: Recall.objects.values_list("state", flat=True).get(id=asked.id)))
