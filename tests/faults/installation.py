"""A whole installation, started as people start it, and ways to hit its processes."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from controlplane.embedded import children, leftovers, ports
from controlplane.embedded.datadir import DataDirectory
from controlplane.roles import ROLES

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
LEASE_SECONDS = 5


def eventually(holds: Callable[[], bool], what: str, seconds: float = 60, every: float = 0.05) -> None:
    """Wait for another process; AssertionError names what was waited for."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(every)


def gone(pid: int) -> bool:
    return children.start_time(pid) == ""


def children_of(pid: int) -> list[int]:
    """Living processes whose parent is `pid`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


@dataclass
class Installation:
    """`manage.py up` on a data directory of its own."""

    place: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    extra: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def new(cls) -> Installation:
        # Beneath /tmp and open to pass through: PostgreSQL runs as another user when the tests run as root.
        place = Path(tempfile.mkdtemp(prefix="lockgate-faults-"))
        place.chmod(0o711)
        made = cls(place, _port())
        made.temporary.mkdir()
        made.temporary.chmod(0o1777)
        return made

    @property
    def data(self) -> DataDirectory:
        return DataDirectory(self.place / "data")

    @property
    def temporary(self) -> Path:
        """TMPDIR of every process, so that what they leave there is found."""
        return self.place / "tmp"

    @property
    def output(self) -> Path:
        return self.place / "up.log"

    def start(self) -> None:
        """Returns when the pages are served and every worker gave a sign of life since."""
        began = time.time()
        command = [sys.executable, "manage.py", "up", "--data", str(self.data.root), "--port", str(self.port)]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=_environment(self.temporary), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        before = self.said.count("serving at")
        eventually(lambda: self.said.count("serving at") > before or self._ended(), "the pages", START_SECONDS)
        assert not self._ended(), self.said
        eventually(lambda: self._beating(began), "every worker's sign of life", START_SECONDS)

    def _ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _beating(self, since: float) -> bool:
        names = self.admin("SELECT kind FROM core_processbeat WHERE started_at >= to_timestamp(%s)", [since])
        return {"extract", "gate", "publish", "general", "control"} <= {name for (name,) in names}

    @property
    def said(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    def stop(self) -> int:
        """SIGTERM, as an administrator does it; returns the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(90)

    def remove(self) -> None:
        """End whatever is left and forget the data directory."""
        for process in self.extra:
            process.kill()
            process.wait()
        if self.process is not None and self.process.poll() is None:
            for pid in self.running().values():
                _send(pid, signal.SIGCONT)
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        leftovers.end(self.data, self._clusters(), lambda _sentence: None)
        for pointer in self.place.rglob("elsewhere.json"):
            shutil.rmtree(json.loads(pointer.read_text())["directory"], ignore_errors=True)
        shutil.rmtree(self.place, ignore_errors=True)

    def _clusters(self) -> list[Path]:
        from controlplane.embedded import postgres

        return list(postgres.clusters(self.data)) if self.data.pg.exists() else []

    # processes

    def pid(self, name: str) -> int:
        """Of a child of the supervisor, as it last started it."""
        while True:
            try:
                return int(json.loads((self.data.run / f"{name}.pid").read_text())["pid"])
            except ValueError:  # It is being written at this moment.
                time.sleep(0.01)

    def running(self) -> dict[str, int]:
        return {path.stem: self.pid(path.stem) for path in self.data.run.glob("*.pid")}

    def everything(self) -> set[int]:
        """Every living process beneath the supervisor, members of pools and of PostgreSQL included."""
        known = set(self.running().values())
        return {pid for one in known for pid in (one, *_descendants(one)) if not gone(pid)}

    def kill(self, name: str) -> int:
        """SIGKILL; `gate child` means a member of the gate worker's pool. Returns the pid that it hit."""
        pid = children_of(self.pid("gate"))[0] if name == "gate child" else self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, name: str, before: int) -> None:
        if name == "gate child":
            eventually(lambda: bool(set(children_of(self.pid("gate"))) - {before}), "the pool's next member")
        else:
            eventually(lambda: self.pid(name) != before and not gone(self.pid(name)), f"{name} to be started again")

    @contextmanager
    def frozen(self, name: str) -> Iterator[int]:
        """SIGSTOP for the block, SIGCONT after it."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            _send(pid, signal.SIGCONT)

    @contextmanager
    def second(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """Another worker of the same class, by the same command line and environment, as on a second host."""
        pid = self.pid(name)
        read = {key: Path(f"/proc/{pid}/{key}").read_bytes().split(b"\0")[:-1] for key in ("cmdline", "environ")}
        environment = dict(pair.split(b"=", 1) for pair in read["environ"])
        command = [part.replace(b"@%h", b"-second@%h") for part in read["cmdline"]]
        with (self.data.logs / f"{name}-second.log").open("ab") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        self.extra.append(process)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # the databases

    def passwords(self) -> dict[str, str]:
        return json.loads((self.data.keys / "roles.json").read_text())  # type: ignore[no-any-return]

    @property
    def database_port(self) -> int:
        return int((self.data.run / "postgres.port").read_text())

    def url(self, role: str) -> str:
        """The control database for a role of the product."""
        return f"postgresql://{ROLES[role]}:{quote(self.passwords()[role])}@127.0.0.1:{self.database_port}/lockgate"

    def admin_url(self, database: str = "lockgate") -> str:
        place = f"127.0.0.1:{self.database_port}/{quote(database)}"
        return f"postgresql://lockgate_admin:{quote(self.passwords()['admin'])}@{place}"

    def admin(self, query: str, values: object = None, database: str = "lockgate") -> list[tuple[object, ...]]:
        with psycopg.connect(self.admin_url(database)) as connection:
            cursor = connection.execute(query, values)  # type: ignore[arg-type, call-overload]
            return cursor.fetchall() if cursor.description else []

    def broker_url(self) -> str:
        """As the workers have it."""
        environment = Path(f"/proc/{self.pid('general')}/environ").read_bytes().decode().split("\0")
        return dict(pair.split("=", 1) for pair in environment if "=" in pair)["LOCKGATE_BROKER_URL"]

    def http(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)


def _descendants(pid: int) -> list[int]:
    return [found for child in children_of(pid) for found in (child, *_descendants(child))]


def _send(pid: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, which)


def _port() -> int:
    return next(port for port in range(8501 + os.getpid() % 300, 9000) if ports.is_free(port))


def _environment(temporary: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOCKGATE_", "DJANGO_"))}
    # A lease of half a minute would make every kill of a worker cost half a minute.
    return {**kept, "LOCKGATE_TEST_LEASE_SECONDS": str(LEASE_SECONDS), "TMPDIR": str(temporary)}
