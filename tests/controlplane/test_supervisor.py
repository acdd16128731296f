"""The supervisor keeps its children running, ends all of them, and takes over after a kill -9."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from controlplane.embedded import account as accounts
from controlplane.embedded import children, datadir, keyfiles, leftovers, postgres, supervisor, up
from controlplane.embedded.children import Child, Spec
from controlplane.embedded.datadir import DataDirectory
from controlplane.embedded.supervisor import Supervisor
from controlplane.embedded.terminal import Terminal

ROOT = Path(__file__).parents[2]
NAMES = ("broker", "one", "pool", "postgres")


class Running:
    """A small installation in a process of its own."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.data = DataDirectory(root)
        self.output = root.with_name("output")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.controlplane.small", str(root)],
                cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self.output.read_text()

    def pid(self, name: str) -> int:
        return int(json.loads((self.data.run / f"{name}.pid").read_text())["pid"])

    def wait_ready(self) -> None:
        eventually(lambda: "ready" in self.said or self.process.poll() is not None, self.output)
        assert self.process.poll() is None, self.said

    def answers(self) -> bool:
        password = json.loads((self.data.keys / "roles.json").read_text())["admin"]
        port = (self.data.run / "postgres.port").read_text()
        try:
            psycopg.connect(f"postgresql://lockgate_admin:{password}@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError:
            return False
        return True


def eventually(true: Callable[[], bool], about: object, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, about
        time.sleep(0.05)


def gone(pid: int) -> bool:
    return children.start_time(pid) == ""


def members(pid: int) -> list[int]:
    """Every living process of the group that this process leads."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(entry.name)) == pid and not gone(int(entry.name)):
                found.append(int(entry.name))
        except ProcessLookupError:
            continue
    return found


@pytest.fixture
def installation(place: Path, bare_environment: dict[str, str]) -> Iterator[Running]:
    running = Running(place / "data", bare_environment)
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(60)


@contextmanager
def restarted(running: Running, environment: dict[str, str]) -> Iterator[Running]:
    again = Running(running.data.root, environment)
    try:
        again.wait_ready()
        yield again
    finally:
        again.process.terminate()
        again.process.wait(60)


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_leaves_nothing_running(installation: Running, which: signal.Signals) -> None:
    installation.wait_ready()
    eventually(lambda: len(members(installation.pid("pool"))) == 2, "the pool never had its member")
    pids = [member for name in NAMES for member in members(installation.pid(name))]
    installation.process.send_signal(which)
    assert installation.process.wait(60) == 0
    assert [pid for pid in pids if not gone(pid)] == []
    assert list(installation.data.run.glob("*.pid")) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_child_is_started_again(installation: Running, name: str) -> None:
    installation.wait_ready()
    before = installation.pid(name)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: not gone(installation.pid(name)) and installation.pid(name) != before, installation.output)
    eventually(installation.answers, installation.output)
    assert f"{name} was ended by SIGKILL; starting it again" in installation.said


def test_a_second_start_on_the_same_directory_is_refused(
    installation: Running, bare_environment: dict[str, str]
) -> None:
    installation.wait_ready()
    program = [sys.executable, "-m", "tests.controlplane.small", str(installation.data.root)]
    second = subprocess.run(program, cwd=ROOT, env=bare_environment, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr == (
        f"Lockgate is already running at http://127.0.0.1:1 (process {installation.process.pid}) "
        f"on {installation.data.root}.\n"
    )
    assert installation.answers()


def test_children_do_not_outlive_a_killed_supervisor(installation: Running) -> None:
    installation.wait_ready()
    pids = [installation.pid(name) for name in NAMES]
    installation.process.kill()
    installation.process.wait()
    eventually(lambda: all(gone(pid) for pid in pids), pids)


def test_the_next_start_takes_over_after_a_kill(installation: Running, bare_environment: dict[str, str]) -> None:
    installation.wait_ready()
    port = (installation.data.run / "postgres.port").read_text()
    eventually(lambda: len(members(installation.pid("pool"))) == 2, "the pool never had its member")
    (member,) = set(members(installation.pid("pool"))) - {installation.pid("pool")}
    installation.process.kill()
    installation.process.wait()
    with restarted(installation, bare_environment) as again:
        assert again.answers()
        assert gone(member)
        assert (again.data.run / "postgres.port").read_text() == port


def test_the_next_start_ends_a_database_server_that_was_left_behind(
    data: DataDirectory, bare_environment: dict[str, str]
) -> None:
    server = postgres.prepare(data, password=keyfiles.load(data, up.PASSWORDS).passwords["admin"], say=lambda _: None)
    # Started by nobody that still lives, as if the kernel could not tie a child to its parent.
    stepping_down = accounts.stepping_down(server.account)
    with subprocess.Popen(
        server.command(), cwd=server.directory, start_new_session=True, stderr=subprocess.DEVNULL, **stepping_down
    ) as leftover:
        eventually(server.answers, "the leftover server never answered")
        running = Running(data.root, bare_environment)
        running.wait_ready()
        assert leftover.wait(10) == 0
        assert running.answers()
        assert "ended what an earlier start had left behind: postgres (1)" in running.said
        running.process.terminate()
        running.process.wait(60)


def test_a_process_that_merely_has_the_number_of_an_old_one_is_left_alone(data: DataDirectory) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        (data.run / "web.pid").write_text(json.dumps({"pid": stranger.pid, "started": "1"}))
        cluster = data.pg / "18"
        cluster.mkdir()
        (cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{cluster}\n")
        assert leftovers.end(data, [cluster], print) == 0
        assert stranger.poll() is None
        stranger.kill()


@pytest.fixture
def keeper(data: DataDirectory) -> Iterator[Supervisor]:
    keeper = Supervisor(data, Terminal())
    with keeper.signals():
        yield keeper
        keeper.stop()


def quick(program: str, name: str = "quick") -> Spec:
    return Spec(name, (sys.executable, "-Sc", program), supervisor.STOP_CONTROL, up.plain_environment())


def test_a_child_that_keeps_dying_ends_the_start_with_one_sentence(
    keeper: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.01)
    keeper.start([quick("raise SystemExit(7)")])
    with pytest.raises(datadir.CannotStart) as refused:
        keeper.wait(lambda: False, seconds=60, what="it did not answer")
    assert str(refused.value) == (
        "Quick ended with status 7 6 times shortly after its start and is not started again; "
        f"its last words are in {keeper.data.logs / 'quick.log'}."
    )


def test_while_serving_the_others_go_on_without_a_child_that_keeps_dying(
    keeper: Supervisor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.01)
    keeper.serving = True
    keeper.start([quick("raise SystemExit(7)"), quick("import time; time.sleep(60)", "steady")])
    eventually(lambda: keeper.turn(0.01) or "is not started again" in capsys.readouterr().out, "never gave up")
    keeper.turn(0.01)
    assert keeper.children()["steady"].alive()


def test_a_child_that_cannot_be_started_for_now_is_tried_again(
    keeper: Supervisor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.01)
    (child,) = keeper.start([quick("import time; time.sleep(60)")])
    launch = keeper._launch
    refusals = iter([OSError(errno.ENOSPC, "No space left on device")])

    def scarce(spec: Spec) -> Child:
        for refusal in refusals:
            raise refusal
        return launch(spec)

    monkeypatch.setattr(keeper, "_launch", scarce)
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: keeper.turn(0.01) or keeper.children()["quick"] is not child, "it was never started again")
    assert keeper.children()["quick"].alive()
    assert "quick could not be started (No space left on device); trying again" in capsys.readouterr().out


def test_output_goes_to_a_log_that_is_cut_when_it_grows(keeper: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_BYTES", 500)
    program = "import time\nfor n in range(100): print('line', n, flush=True)\ntime.sleep(60)"
    keeper.start([quick(program)])
    log = keeper.data.logs / "quick.log"
    eventually(lambda: "line 99" in log.read_text(), log)
    keeper.turn(0.01)
    assert "line 0\n" in log.with_suffix(".log.1").read_text()
    assert log.stat().st_size == 0


def test_a_child_that_ignores_its_signals_is_killed_in_bounded_time(data: DataDirectory) -> None:
    stop = children.Stop(((signal.SIGTERM, 0.2),))
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    child = Child(
        Spec("deaf", (sys.executable, "-c", program), stop, up.plain_environment()), logs=data.logs, run=data.run
    )
    eventually(lambda: "up" in child.log.read_text(), child.log)
    began = time.monotonic()
    child.stop()
    assert time.monotonic() - began < 5
    assert gone(child.pid)


def test_root_runs_the_database_as_somebody_else_and_others_do_not_step_down(data: DataDirectory) -> None:
    keys = keyfiles.load(data, up.PASSWORDS)
    server = postgres.prepare(data, password=keys.passwords["admin"], say=lambda _: None)
    expected = None if os.geteuid() else "nobody"
    assert (server.account.name if server.account else None) == expected
    assert server.directory == data.pg / "18"
    assert server.version.startswith("18.")
    assert keys.passwords["admin"] not in repr(server)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down")
def test_a_directory_closed_to_that_user_moves_only_the_cluster_elsewhere(place: Path) -> None:
    place.chmod(0o700)
    data = datadir.prepare(place / "data")
    said: list[str] = []
    server = postgres.prepare(data, password="x" * 12, say=said.append)
    home = Path(json.loads((data.pg / "elsewhere.json").read_text())["directory"])
    assert server.directory == home / "18"
    assert home.parent == postgres.ELSEWHERE
    assert said[0] == (
        f"the user nobody, which PostgreSQL runs as, cannot enter {data.root}: its cluster is kept in {home}"
    )
    assert place.stat().st_mode & 0o777 == 0o700
    assert postgres.prepare(data, password="x" * 12, say=said.append).directory == server.directory
