"""`manage.py up` as a person uses it: the whole of Lockgate starts, serves, stops, and comes back after a kill -9."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controlplane.embedded import ports
from controlplane.embedded.processes import PROCESSES
from tests.controlplane.test_supervisor import eventually, gone

pytestmark = pytest.mark.fault

ROOT = Path(__file__).parents[2]
GIBIBYTE = 1 << 20  # in KiB


class Up:
    """One `manage.py up` on a data directory."""

    def __init__(self, root: Path, port: int, environment: dict[str, str]) -> None:
        self.root, self.port = root, port
        self.output = root.with_name(f"output-{ports.unused()}")
        command = [sys.executable, "manage.py", "up", "--data", str(root), "--port", str(port)]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def wait_until_serving(self) -> None:
        eventually(lambda: "serving at" in self.said or self.process.poll() is not None, self.output, seconds=180)
        assert self.process.poll() is None, self.said

    def status(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/")
        return connection.getresponse().status

    def pids(self) -> list[int]:
        """Every process of this installation, known by the directory it was told or works in."""
        mark = f"LOCKGATE_DATA={self.root}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                ours = mark in (entry / "environ").read_bytes().split(b"\0")
                if ours or self.root in (entry / "cwd").readlink().parents:
                    found.append(int(entry.name))
            except OSError:
                continue
        return [pid for pid in found if not gone(pid)]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)


Start = Callable[[], Up]


@pytest.fixture
def port() -> int:
    return ports.unused()


@pytest.fixture
def start(place: Path, port: int, bare_environment: dict[str, str]) -> Iterator[Start]:
    started: list[Up] = []

    def one() -> Up:
        started.append(Up(place / "data", port, bare_environment))
        return started[-1]

    yield one
    for up in started:
        if up.process.poll() is None:
            up.stop()


def kibibytes(pid: int) -> int:
    """The process's share of memory: what it has for itself and its part of what it shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def test_it_starts_serves_stops_and_starts_again(start: Start) -> None:
    first = start()
    first.wait_until_serving()
    assert first.status() in (200, 302)
    running = first.pids()
    assert len(running) > len(PROCESSES)
    assert sum(map(kibibytes, [first.process.pid, *running])) < GIBIBYTE
    assert first.stop() == 0
    assert first.pids() == []
    assert first.said.splitlines()[-1].endswith("stopped; nothing is left running")
    second = start()
    second.wait_until_serving()
    assert "bringing the database up to this version" in first.said
    assert "bringing the database up to this version" not in second.said


def test_after_a_kill_of_the_supervisor_the_next_start_takes_over(start: Start) -> None:
    killed = start()
    killed.wait_until_serving()
    before = set(killed.pids())
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    second = start()
    second.wait_until_serving()
    assert second.status() in (200, 302)
    assert before & set(second.pids()) == set()


def test_a_lost_key_is_said_at_the_start_and_the_rest_serves(start: Start, place: Path) -> None:
    first = start()
    first.wait_until_serving()
    first.stop()
    lost = place / "data" / "keys" / "publish.kek"
    lost.unlink()
    second = start()
    second.wait_until_serving()
    assert f"publish starts locked: its key {lost} is missing, put it back and start again" in second.said
    assert not lost.exists()


def test_a_taken_port_ends_the_start_with_one_sentence(start: Start, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        refused = start()
        assert refused.process.wait(60) == 1
    assert (
        f"Port {port} is taken by another program on this machine; stop that program or choose another port, "
        f"for example --port {port + 1}."
    ) in refused.said.splitlines()
    assert refused.pids() == []
