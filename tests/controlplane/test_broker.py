"""Which broker is chosen, and that an acknowledged message outlives a kill -9 of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from kombu import Connection

from controlplane.embedded import broker, supervisor, up, wheels
from controlplane.embedded.children import Child, Spec
from controlplane.embedded.datadir import DataDirectory
from tests.controlplane.test_supervisor import eventually

FALLBACK = "postgresql://lockgate_broker:secret@127.0.0.1:1/lockgate_broker"


def test_a_given_broker_comes_first(data: DataDirectory) -> None:
    assert broker.choose(data, given="amqp://elsewhere", fallback_url=FALLBACK) == broker.Broker("amqp://elsewhere")


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_server_of_this_machine_comes_before_the_wheels(
    data: DataDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_text("")
    (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    chosen = broker.choose(data, given="", fallback_url=FALLBACK)
    assert chosen.command == (str(tmp_path / name), str(data.broker / "redis.conf"))


def test_without_any_server_messages_go_through_postgresql_and_that_is_said(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(wheels, "directory", lambda package: None)
    chosen = broker.choose(data, given="", fallback_url=FALLBACK)
    assert chosen.url == "sqla+postgresql+psycopg://lockgate_broker:secret@127.0.0.1:1/lockgate_broker"
    assert chosen.command == ()
    assert chosen.sentence == broker.SLOW
    assert "secret" not in repr(chosen)


def test_the_socket_stays_within_the_kernels_limit(place: Path) -> None:
    deep = DataDirectory(place / ("d" * 120))
    for folder in (deep.run, deep.broker):
        folder.mkdir(parents=True)
    chosen = broker.choose(deep, given="", fallback_url=FALLBACK)
    assert chosen.socket is not None
    assert len(os.fsencode(chosen.socket)) <= broker.LONGEST_SOCKET_PATH
    assert chosen.socket.parent.stat().st_mode & 0o777 == 0o700
    assert broker.choose(deep, given="", fallback_url=FALLBACK).socket == chosen.socket
    chosen.socket.parent.rmdir()


def test_an_acknowledged_message_outlives_a_kill(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = broker.choose(data, given="", fallback_url=FALLBACK)
    spec = Spec("broker", chosen.command, supervisor.STOP_BROKER, up.plain_environment(), data.broker)
    child = Child(spec, logs=data.logs, run=data.run)
    eventually(chosen.answers, child.log)
    with Connection(chosen.url) as connection, connection.SimpleQueue("nudges") as queue:
        for number in range(100):
            queue.put({"id": number})
    os.kill(child.pid, signal.SIGKILL)
    child.process.wait()
    assert not chosen.answers()
    again = Child(spec, logs=data.logs, run=data.run)
    eventually(chosen.answers, again.log)
    with Connection(chosen.url) as connection, connection.SimpleQueue("nudges") as queue:
        assert sorted(queue.get(timeout=5).payload["id"] for _ in range(100)) == list(range(100))
    again.stop()
