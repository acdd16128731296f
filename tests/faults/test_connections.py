"""Wrong passwords, hosts that do not answer and tables that are gone: told by name, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from apps.runs.models import Run

from .databases import READER, SOURCE, TARGET, WRITER
from .installation import Installation
from .organisation import World, table
from .registering import ask_for_test, steps

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

WRONG = "not-the-password-of-anybody"
CLOSED_PORT = 1


def test_a_connection_test_names_cause_field_and_remedy(installation: Installation, world: World) -> None:
    nowhere = {"port": CLOSED_PORT}
    cases: list[tuple[dict[str, Any], str]] = [({}, WRONG), (nowhere, ""), ({"host": "no-such-host.invalid"}, "")]
    found = []
    for settings, password in cases:
        where = world.databases.settings(SOURCE, **settings)
        sealed = world.sealed("read", READER, settings=where, password=password)
        last = steps(ask_for_test(world, SOURCE, "read", sealed, **settings))[-1]
        found.append((last["step"], last["ok"], last["field"], bool(last["remedy"]), WRONG in str(last)))
    assert found == [
        ("authenticate", False, "read_password", True, False),
        ("reach", False, "port", True, False),
        ("reach", False, "host", True, False),
    ]


@pytest.fixture(scope="module")
def one_stream() -> list[dict[str, Any]]:
    return [{"name": "customers", "source": table("customers"), "destination": table("unreached")}]


def test_a_wrong_password_ends_the_run_at_once_and_says_which(world: World, one_stream: list[Any]) -> None:
    wrong = world.connect(SOURCE, "restricted", "read", READER, name="wrong_source", password=WRONG)
    world.pipeline("wrong-source", one_stream, [], source=wrong)
    _fails(world, "wrong-source", "the user name or the password is wrong")
    wrong = world.connect(TARGET, "analytics", "write", WRITER, name="wrong_target", password=WRONG)
    world.pipeline("wrong-target", one_stream, [], target=wrong)
    _fails(world, "wrong-target", "the user name or the password is wrong")


def test_a_host_that_does_not_answer_is_tried_again_and_then_told(world: World, one_stream: list[Any]) -> None:
    nowhere = world.connect(SOURCE, "restricted", "read", READER, name="nowhere", port=CLOSED_PORT)
    world.pipeline("from-nowhere", one_stream, [], source=nowhere)
    run = _fails(world, "from-nowhere", "nothing listens on that port")
    assert run.sentence.startswith("Gave up after several attempts")


def test_a_table_that_is_gone_is_named(world: World) -> None:
    with world.databases.source() as source:
        source.execute(b"CREATE TABLE short_lived (id bigint)")
    world.discover(SOURCE)
    world.classify({"short_lived": {"id": []}})
    streams = [{"name": "gone", "source": table("short_lived"), "destination": table("unreached")}]
    world.pipeline("short-lived", streams, [])
    with world.databases.source() as source:
        source.execute(b"DROP TABLE short_lived")
    run = world.run("short-lived")
    assert (run.state, [one["code"] for one in run.refusals]) == (Run.REFUSED, ["source-missing"])
    assert run.sentence == ("Source table public.short_lived does not exist, or may not be read. Nothing was written.")
    assert run.remedy
    assert world.databases.rows("public.unreached") == []


def _fails(world: World, pipeline: str, why: str) -> Run:
    run = world.run(pipeline, 120)
    assert run.state == Run.FAILED
    assert why in run.sentence
    assert WRONG not in run.sentence + run.remedy
    assert world.databases.rows("public.unreached") == []
    return run
