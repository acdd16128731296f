"""A takeover ends exactly the leased server processes and knows when they are gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.dataplane.connectors.postgres import Backend, end_backends
from apps.dataplane.errors import Refused, Unreachable
from apps.dataplane.plan import TableRef

from .conftest import Side


def test_a_leased_backend_is_gone_when_the_call_returns(source: Side) -> None:
    with source.reader() as reader:
        (backend,) = reader.backend_pids
        assert end_backends(source.settings, source.credentials, [backend]) == 1
        assert source.rows(f"SELECT 1 FROM pg_stat_activity WHERE pid = {backend.pid}") == []


def test_a_lease_may_be_kept_as_text(source: Side) -> None:
    with source.reader() as reader:
        (backend,) = reader.backend_pids
        assert end_backends(source.settings, source.credentials, [(backend.pid, backend.started_at.isoformat())]) == 1


def test_a_pid_that_was_given_to_somebody_else_is_left_alone(source: Side) -> None:
    source.run("CREATE TABLE t (v int)")
    with source.reader() as reader:
        (backend,) = reader.backend_pids
        stale = Backend(backend.pid, backend.started_at - timedelta(microseconds=1))
        assert end_backends(source.settings, source.credentials, [stale]) == 0
        assert list(reader.read(TableRef("public", "t"), ("v",))) == []


def test_backends_that_are_gone_already_are_no_error(source: Side) -> None:
    with source.reader() as reader:
        backends = reader.backend_pids
    assert source.gone(backends[0].pid)
    assert end_backends(source.settings, source.credentials, backends) == 0
    assert end_backends(source.settings, source.credentials, []) == 0


def test_the_lock_of_a_frozen_publisher_is_free_after_the_takeover(destination: Side) -> None:
    destination.run("CREATE TABLE t (v int); INSERT INTO t VALUES (1)")
    with destination.publisher() as frozen:
        frozen.state("p", fence=1)
        frozen.delete_all(TableRef("public", "t"))
        assert frozen.backend_pid is not None
        assert end_backends(destination.settings, destination.credentials, [frozen.backend_pid]) == 1
        with destination.publisher() as successor:
            assert successor.state("p", fence=2) is None
            assert successor.delete_all(TableRef("public", "t")) == 1
            successor.record_state("p", "run", 2, "hash")
            successor.commit()
        with pytest.raises((Unreachable, Refused)):
            frozen.record_state("p", "run", 1, "hash")
    assert destination.rows("SELECT fence FROM lockgate.state") == [(2,)]
    assert destination.one("SELECT count(*) FROM t") == 0


def test_without_the_right_to_end_them_the_takeover_fails(source: Side) -> None:
    owner = source.server.create_role()
    other = source.server.create_role()
    source.run(f"GRANT pg_read_all_stats TO {other.name}")
    with source.acting(owner).reader() as reader, pytest.raises(Unreachable) as caught:
        end_backends(source.settings, source.acting(other).credentials, reader.backend_pids)
    assert caught.value.field == "user"
