"""A connection test names the step, the form field, the cause and the remedy."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from apps.audit.models import Event
from apps.core.models import Job
from apps.dataplane.errors import Denied
from apps.keys.models import Key
from apps.sources import services, tasks
from apps.sources.models import ConnectionTest
from tests.support import as_role

from .support import READ_PASSWORD, WRITE_PASSWORD, Installation, tests_of


def test_every_step_holds(here: Installation) -> None:
    tests = _tested(here, here.proposal(write=True))
    assert tests["read"].state == tests["write"].state == ConnectionTest.PASSED
    assert [(step["step"], step["ok"]) for step in tests["read"].steps] == [
        ("reach", True),
        ("authenticate", True),
        ("list", True),
        ("read", True),
    ]
    assert [step["step"] for step in tests["write"].steps] == ["reach", "authenticate", "list", "write"]
    assert tests["read"].steps[2]["sentence"] == "2 tables can be read."


def test_a_wrong_password_names_its_field(here: Installation) -> None:
    proposal = here.proposal()
    with as_role("web"):
        proposal["definition"]["credentials"]["read"] = services.seal(
            purpose="read", settings=here.settings, user=here.reader.name, password="canary-wrong-password"
        )
    test = _tested(here, proposal)["read"]
    assert test.state == ConnectionTest.FAILED
    assert [step["step"] for step in test.steps] == ["reach", "authenticate"]
    failed = test.steps[-1]
    assert failed["field"] == "read_password"
    assert failed["sentence"] == (
        f"Could not connect to PostgreSQL at {here.settings.address}: the user name or the password is wrong."
    )
    assert failed["remedy"] == "Enter user and password again."
    assert "canary-wrong-password" not in json.dumps([test.steps, test.proposal])


def test_an_unreachable_port_names_its_field(here: Installation) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        test = _tested_at(here, port=unused.getsockname()[1])
    assert (test.state, test.steps[-1]["step"], test.steps[-1]["field"]) == ("FAILED", "reach", "port")
    assert test.steps[-1]["remedy"] == "Check the port, and that PostgreSQL is running there."


def test_an_unknown_host_names_its_field(here: Installation) -> None:
    test = _tested_at(here, host="no-such-host.invalid")
    assert (test.state, test.steps[-1]["step"], test.steps[-1]["field"]) == ("FAILED", "reach", "host")
    assert test.steps[-1]["remedy"] == "Check the host name for typing mistakes."


def test_a_missing_database_names_its_field(here: Installation) -> None:
    test = _tested_at(here, database="no_such_database")
    assert (test.state, test.steps[-1]["step"], test.steps[-1]["field"]) == ("FAILED", "authenticate", "database")
    assert test.steps[-1]["remedy"] == "Check the name of the database; capital letters count."


def test_a_user_that_may_not_write_names_the_write_user(here: Installation) -> None:
    proposal = here.proposal()
    with as_role("web"):
        sealed = services.seal(
            purpose="write", settings=here.settings, user=here.reader.name, password=here.reader.password
        )
    proposal["definition"]["credentials"]["write"] = sealed
    test = _tested(here, proposal)["write"]
    assert (test.state, test.steps[-1]["step"], test.steps[-1]["field"]) == ("FAILED", "write", "write_user")


def test_a_password_that_no_longer_opens_is_told_as_a_step(here: Installation) -> None:
    proposal = here.proposal()
    Key.objects.filter(holder="extract", purpose="credentials").update(state=Key.DESTROYED)
    test = _tested(here, proposal)["read"]
    assert (test.state, test.steps[0]["step"], test.steps[0]["field"]) == ("FAILED", "open", "read_password")


def test_a_worker_that_died_for_good_ends_the_test(here: Installation) -> None:
    batch = _requested(here, here.proposal())
    test = tests_of(batch)["read"]
    with as_role("scheduler"):
        tasks.test_dead(f"connectiontest/{test.id}", "The worker stopped without a word.")
    test.refresh_from_db()
    assert test.state == ConnectionTest.FAILED
    assert test.steps[-1]["sentence"] == "The test did not end: The worker stopped without a word."


def test_a_test_that_has_ended_is_not_run_again(here: Installation) -> None:
    test = _tested(here, here.proposal())["read"]
    with as_role("web"):
        from apps.core import jobs

        jobs.enqueue("connection.test", subject=f"connectiontest/{test.id}")
    here.run(f'DROP OWNED BY "{here.reader.name}"')
    here.work()
    test.refresh_from_db()
    assert test.state == ConnectionTest.PASSED


def test_each_credential_is_tested_by_its_own_worker(here: Installation) -> None:
    _requested(here, here.proposal(write=True))
    queues = dict(Job.objects.values_list("kind", "queue"))
    assert queues == {"connection.test": "extract", "connection.test_write": "publish"}


@pytest.mark.parametrize("name", ["charlie", "dora"])
def test_who_may_not_test_leaves_no_trace_of_it(here: Installation, name: str) -> None:
    with as_role("web"), pytest.raises(Denied):
        services.test_connection(actor=here.world.actor(name), team_id=here.world.team.id, proposal=here.proposal())
    assert not ConnectionTest.objects.exists()
    assert not Job.objects.exists()


def test_the_test_is_recorded_without_a_secret(here: Installation) -> None:
    _requested(here, here.proposal(write=True))
    event = Event.objects.get(action="connection.test_requested")
    assert event.detail.summary == "tested the connection demo-crm"
    kept = bytes(event.body) + bytes(event.detail.body)
    assert READ_PASSWORD.encode() not in kept
    assert WRITE_PASSWORD.encode() not in kept


def _requested(here: Installation, proposal: dict[str, Any]) -> object:
    with as_role("web"):
        return services.test_connection(actor=here.world.actor("alice"), team_id=here.world.team.id, proposal=proposal)


def _tested(here: Installation, proposal: dict[str, Any]) -> dict[str, ConnectionTest]:
    batch = _requested(here, proposal)
    here.work()
    return tests_of(batch)


def _tested_at(here: Installation, **changed: Any) -> ConnectionTest:
    """The read credential, sealed for the changed address."""
    from dataclasses import replace

    proposal, where = here.proposal(), replace(here.settings, sslmode="disable", **changed)
    with as_role("web"):
        sealed = services.seal(purpose="read", settings=where, user=here.reader.name, password=here.reader.password)
    proposal["definition"]["settings"] |= changed
    proposal["definition"]["credentials"] = {"read": sealed, "write": None}
    return _tested(here, proposal)["read"]
