"""Starts an installation as a user would, and weighs all of its processes together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Started:
    """`manage.py up` as a child, what it printed and when, in seconds since its start."""

    process: subprocess.Popen[str]
    began: float
    lines: list[tuple[float, str]] = field(default_factory=list)
    peak: int = 0

    def wait_for(self, text: str, seconds: float) -> float:
        """Seconds from the start until a line with this text."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            for at, line in self.lines:
                if text in line:
                    return at
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{text!r} did not come: {[line for _, line in self.lines[-5:]]}")

    def memory(self) -> int:
        """Proportional set size of the whole tree, in bytes: shared pages count once."""
        return sum(pss(pid) for pid in tree(self.process.pid))


@contextmanager
def up(root: Path, *arguments: str) -> Iterator[Started]:
    """Start, follow, and stop by SIGTERM."""
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")}
    command = [getattr(sys, "_base_executable", sys.executable), "manage.py", "up", *arguments]
    process = subprocess.Popen(
        command, cwd=root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    started = Started(process, time.monotonic())
    threads = [threading.Thread(target=work, args=(started,), daemon=True) for work in (_follow, _weigh)]
    for thread in threads:
        thread.start()
    try:
        yield started
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


def _follow(started: Started) -> None:
    assert started.process.stdout
    for line in started.process.stdout:
        started.lines.append((time.monotonic() - started.began, line.rstrip()))


def _weigh(started: Started) -> None:
    while started.process.poll() is None:
        started.peak = max(started.peak, started.memory())
        time.sleep(1)


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(after[1]), []).append(int(entry.parent.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
