"""The connection test stops at the first step that fails and names the form field, the cause and the remedy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from apps.dataplane.connectors import postgres as connector
from apps.dataplane.connectors.postgres import Credentials, PostgresSettings, TestStep
from apps.dataplane.connectors.postgres.steps import Purpose
from apps.dataplane.errors import Unreachable
from tests.postgres import CLEARTEXT_ROLE

from .conftest import Side

SECRET = "hunter2-canary"


def steps(side: Side, purpose: Purpose = "read", **changed: object) -> list[TestStep]:
    settings = replace(side.settings, **changed)  # type: ignore[arg-type]
    return list(connector.test(settings, side.credentials, purpose=purpose))


def told(taken: list[TestStep]) -> list[tuple[str, bool, str]]:
    return [(step.step, step.ok, step.field) for step in taken]


def test_a_source_that_can_be_read_passes_every_step(source: Side) -> None:
    source.run("CREATE TABLE t (v int); CREATE TABLE u (v int)")
    taken = steps(source)
    assert [(step.step, step.ok, step.sentence) for step in taken] == [
        ("reach", True, f"Reached {source.settings.address}."),
        ("authenticate", True, "Signed in to PostgreSQL 18.4; the connection is not encrypted."),
        ("list", True, "2 tables can be read."),
        ("read", True, "Read from public.t."),
    ]
    assert [(step.field, step.remedy) for step in taken] == [("", "")] * 4
    assert all(0 <= step.milliseconds < 60_000 for step in taken)


def test_a_host_that_does_not_exist(source: Side) -> None:
    (step,) = steps(source, host="no-such-host.invalid")
    assert (step.step, step.ok, step.field) == ("reach", False, "host")
    assert step.sentence == (f"Could not reach no-such-host.invalid:{source.settings.port}: no such host is known.")
    assert step.remedy == "Check the host name for typing mistakes."


def test_a_port_that_nobody_listens_on(source: Side) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        (step,) = steps(source, port=port)
    assert (step.step, step.ok, step.field) == ("reach", False, "port")
    assert step.sentence == f"Could not reach 127.0.0.1:{port}: nothing listens on that port."


def test_a_port_where_something_else_answers(source: Side) -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        taken = steps(source, port=port)
    assert told(taken) == [("reach", True, ""), ("authenticate", False, "port")]


def test_a_server_that_hangs_up_is_not_postgresql(source: Side) -> None:
    with answering(b"") as port:
        taken = steps(source, port=port, sslmode="disable")
    assert told(taken)[1] == ("authenticate", False, "port")


def test_a_wrong_password(source: Side) -> None:
    side = replace(source, credentials=Credentials(source.credentials.user, SECRET))
    taken = steps(side)
    assert told(taken) == [("reach", True, ""), ("authenticate", False, "password")]
    assert taken[1].sentence == (
        f"Could not connect to PostgreSQL at {source.settings.address}: the user name or the password is wrong."
    )
    assert SECRET not in repr(taken)


def test_no_password_at_all(source: Side) -> None:
    side = replace(source, credentials=Credentials(source.credentials.user, ""))
    assert told(steps(side))[1] == ("authenticate", False, "password")


def test_a_role_that_may_not_sign_in(source: Side) -> None:
    role = source.server.create_role()
    source.run(f"ALTER ROLE {role.name} NOLOGIN")
    assert told(steps(source.acting(role)))[1] == ("authenticate", False, "user")


def test_a_database_that_does_not_exist(source: Side) -> None:
    assert told(steps(source, database="absent"))[1] == ("authenticate", False, "database")


def test_a_database_that_this_user_may_not_enter(source: Side) -> None:
    source.run(f"REVOKE CONNECT ON DATABASE {source.settings.database} FROM public")
    assert told(steps(source.acting(source.server.create_role())))[1] == ("authenticate", False, "database")


def test_encryption_that_the_server_does_not_offer(source: Side) -> None:
    assert told(steps(source, sslmode="require"))[1] == ("authenticate", False, "sslmode")


def test_a_server_that_wants_the_password_in_clear_text_does_not_get_it(source: Side) -> None:
    role = source.server.create_role(CLEARTEXT_ROLE)
    try:
        assert told(steps(source.acting(role)))[1] == ("authenticate", False, "sslmode")
    finally:
        source.run(f"DROP ROLE {CLEARTEXT_ROLE}")


def test_a_user_who_may_read_nothing(source: Side) -> None:
    source.run("CREATE TABLE t (v int)")
    taken = steps(source.acting(source.server.create_role()))
    assert told(taken) == [("reach", True, ""), ("authenticate", True, ""), ("list", False, "user")]
    assert taken[2].sentence == "There is no table in this database that this user may read."


def test_a_view_that_cannot_be_evaluated_fails_the_read_without_its_values(source: Side) -> None:
    source.run("CREATE VIEW t AS SELECT 'alice@example.com'::text::int / (random() * 0)::int AS v")
    (*_, step) = steps(source)
    assert (step.step, step.ok) == ("read", False)
    assert "alice" not in step.sentence


def test_a_destination_passes_and_nothing_is_left_behind(destination: Side) -> None:
    taken = steps(destination, "write")
    assert told(taken) == [(step, True, "") for step in ("reach", "authenticate", "list", "write")]
    assert taken[2].sentence == "0 tables can be read."
    assert destination.one("SELECT to_regnamespace('lockgate')") is None


def test_the_state_of_earlier_publications_is_untouched(destination: Side) -> None:
    with destination.publisher() as publisher:
        publisher.record_state("p", "run", 3, "hash")
        publisher.commit()
    before = destination.rows("TABLE lockgate.state")
    assert told(steps(destination, "write"))[3] == ("write", True, "")
    assert destination.rows("TABLE lockgate.state") == before


def test_a_user_who_may_keep_no_state(destination: Side) -> None:
    taken = steps(destination.acting(destination.server.create_role()), "write")
    assert told(taken)[3] == ("write", False, "user")
    assert taken[3].sentence == ("Could not keep Lockgate's state in this database: this user has no right to it.")


def test_a_user_who_may_write_no_table(destination: Side) -> None:
    role = destination.server.create_role()
    with destination.publisher():
        pass
    destination.run(
        f"GRANT USAGE ON SCHEMA lockgate TO {role.name};"
        f"GRANT SELECT, INSERT, UPDATE ON lockgate.state TO {role.name}; CREATE TABLE t (v int)"
    )
    side = destination.acting(role)
    assert told(steps(side, "write"))[3] == ("write", False, "user")
    destination.run(f"GRANT INSERT, DELETE ON t TO {role.name}")
    assert told(steps(side, "write"))[3] == ("write", True, "")


def test_hostile_names_in_the_settings_are_only_names(source: Side) -> None:
    for database in ("postgresql://evil.example/x", "host=evil.example", "a' host='b", "%s", "x y\\"):
        assert told(steps(source, database=database))[1] == ("authenticate", False, "database")
    side = replace(source, credentials=Credentials("u' dbname='postgres", "p' host='b"))
    assert told(steps(side))[1] == ("authenticate", False, "password")


def test_connecting_elsewhere_tells_the_same(source: Side) -> None:
    side = replace(source, credentials=Credentials(source.credentials.user, SECRET))
    with pytest.raises(Unreachable) as caught, side.reader():
        pass
    assert (caught.value.step, caught.value.field) == ("authenticate", "password")
    assert SECRET not in str(caught.value.__context__)
    with pytest.raises(Unreachable) as caught, replace(side, settings=PostgresSettings("x.invalid", 1, "x")).reader():
        pass
    assert (caught.value.step, caught.value.field) == ("reach", "host")


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A listener that gives every caller the same answer and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                with caller:
                    caller.settimeout(0.2)
                    try:
                        caller.recv(1024)
                        caller.sendall(answer)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
