"""Ends processes that a killed supervisor left behind, and only those that are certainly this installation's."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from .children import start_time
from .datadir import DataDirectory

MARK = "LOCKGATE_BOOT_INSTANCE"


def end(data: DataDirectory, clusters: Sequence[Path], say: Callable[[str], None], *, seconds: float = 10) -> int:
    """End every leftover process and return how many there were. Call while holding the data directory."""
    found = {**_remembered(data.run), **_marked(data.run)}
    found |= {pid: "postgres" for cluster in clusters for pid in _postmaster(cluster)}
    for pid in found:
        _send(pid, signal.SIGINT if found[pid] == "postgres" else signal.SIGTERM)
    limit = time.monotonic() + seconds
    while (left := _still(found)) and time.monotonic() < limit:
        time.sleep(0.05)
    for pid in left:
        _send(pid, signal.SIGKILL)
    while _still(left):
        time.sleep(0.05)
    for cluster in clusters:
        _wait_for_backends(cluster)
    if found:
        names = ", ".join(sorted(set(found.values())))
        say(f"ended what an earlier start had left behind: {names} ({len(found)})")
    for path in data.run.glob("*.pid"):
        path.unlink()
    return len(found)


def new_mark(data: DataDirectory) -> str:
    """A mark for the environment of every process of this start, kept so that the next start can recognise them."""
    mark = f"{os.getpid()}-{time.time_ns():x}"
    (data.run / "instance").write_text(mark)
    return mark


def _remembered(run: Path) -> dict[int, str]:
    found = {}
    for path in run.glob("*.pid"):
        try:
            record = json.loads(path.read_text())
            pid, started = int(record["pid"]), str(record["started"])
        except (ValueError, KeyError, TypeError):
            continue  # a kill in the middle of writing; the mark finds the process
        if started and start_time(pid) == started:
            found[pid] = path.stem
    return found


def _marked(run: Path) -> dict[int, str]:
    """Members of pools, whose leader may be gone already: known by the mark in their environment."""
    try:
        wanted = f"{MARK}={(run / 'instance').read_text()}".encode()
    except FileNotFoundError:
        return {}
    found = {}
    for entry in _processes():
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = "workers"
        except OSError:
            continue
    return found


def _postmaster(cluster: Path) -> set[int]:
    try:
        pid = int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return set()
    return {pid} & _servers_of(cluster)


def _servers_of(cluster: Path) -> set[int]:
    """PostgreSQL processes that work in this very directory; a number in a file alone proves nothing."""
    found = set()
    for entry in _processes():
        try:
            if (entry / "exe").readlink().name.startswith("postgres") and (entry / "cwd").samefile(cluster):
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def _wait_for_backends(cluster: Path, seconds: float = 10) -> None:
    # A killed postmaster's children hold the shared memory for a moment; until then a new one refuses to start.
    limit = time.monotonic() + seconds
    while (servers := _servers_of(cluster)) and time.monotonic() < limit:
        time.sleep(0.05)
    for pid in servers:
        _send(pid, signal.SIGQUIT)


def _processes() -> Iterable[Path]:
    return (entry for entry in Path("/proc").glob("[0-9]*") if entry.name.isdigit() and int(entry.name) != os.getpid())


def _still(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if start_time(pid)]


def _send(pid: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, which)
