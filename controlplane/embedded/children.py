"""Starts one child process, keeps its output in a bounded log, and ends it within a bounded time."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import account as accounts
from .account import Account

LOG_BYTES = 10 << 20
LOGS_KEPT = 3
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Stop:
    """How a child is ended: each signal in turn with the seconds it may take, then SIGKILL for its whole group."""

    steps: tuple[tuple[signal.Signals, float], ...]
    orphaned: signal.Signals = signal.SIGTERM


@dataclass(frozen=True)
class Spec:
    """What to start: command, environment, place, user."""

    name: str
    command: tuple[str, ...]
    stop: Stop
    environment: Mapping[str, str] = field(repr=False)
    directory: Path = Path("/")
    account: Account | None = None


class Child:
    """A started process, leader of its own group, so that a Ctrl-C at the terminal reaches only the supervisor."""

    def __init__(self, spec: Spec, *, logs: Path, run: Path) -> None:
        self.spec = spec
        self.log = logs / f"{spec.name}.log"
        self.started = time.monotonic()
        self._asked = False
        parent = os.getpid()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                spec.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=spec.directory,
                env=dict(spec.environment),
                process_group=0,
                preexec_fn=lambda: end_with(parent, spec.stop.orphaned),
                **accounts.stepping_down(spec.account),
            )
        _remember(run, spec.name, self.process.pid)

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the first signal, to the main process alone: a pool whose members are signalled as well hangs."""
        if not self._asked and self.alive():
            self._asked = True
            self._signal(self.spec.stop.steps[0][0])

    def stop(self) -> None:
        """End the child and everything in its group; returns when it has ended."""
        self.ask_to_stop()
        for number, (which, seconds) in enumerate(self.spec.stop.steps):
            if number:
                self._signal(which)
            if self._gone_within(seconds):
                break
        self.end_group()
        self.process.wait()

    def end_group(self) -> None:
        """Kill what the child left behind in its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def rotate_log(self) -> None:
        """Copy and cut a log that has grown too long; the child goes on appending to the same file."""
        with suppress(OSError):  # a full disk; the next look tries again
            if self.log.stat().st_size >= LOG_BYTES:
                self._rotate()

    def _rotate(self) -> None:
        for number in range(LOGS_KEPT, 1, -1):
            older = self.log.with_suffix(f".log.{number - 1}")
            if older.exists():
                older.replace(self.log.with_suffix(f".log.{number}"))
        shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
        os.truncate(self.log, 0)

    def _signal(self, which: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(which)

    def _gone_within(self, seconds: float) -> bool:
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def end_with(parent: int, which: signal.Signals) -> None:
    """Have the kernel signal this process when its parent ends; between fork and exec, after a change of user."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(which))
    if os.getppid() != parent:
        os._exit(1)  # the supervisor died before the setting was made


def _remember(run: Path, name: str, pid: int) -> None:
    (run / f"{name}.pid").write_text(json.dumps({"pid": pid, "started": start_time(pid)}))


def start_time(pid: int) -> str:
    """When the process started, which tells it from a later one with the same number; "" when it has ended."""
    try:
        # The name in parentheses may hold spaces; field 3 is the state, field 22 the start in clock ticks since boot.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()
