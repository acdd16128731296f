"""The parent of every process: starts them in order, restarts what dies, and stops all of them in the reverse order."""

from __future__ import annotations

import http.client
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from .children import Child, Spec, Stop
from .datadir import CannotStart, DataDirectory
from .ports import LOOPBACK
from .terminal import Terminal

POLL_SECONDS = 1.0
QUICK_DEATH_SECONDS = 10.0
MOST_QUICK_DEATHS = 6
LONGEST_PAUSE = 8.0

# An orphaned worker is ended at once: what it was doing is held by lease and fence and will be taken over.
STOP_WEB = Stop(((signal.SIGTERM, 8),))
STOP_CONTROL = Stop(((signal.SIGTERM, 10),))
STOP_WORKER = Stop(((signal.SIGTERM, 10), (signal.SIGQUIT, 5)), orphaned=signal.SIGQUIT)
STOP_BROKER = Stop(((signal.SIGTERM, 10),))
STOP_POSTGRES = Stop(((signal.SIGINT, 20), (signal.SIGQUIT, 10)), orphaned=signal.SIGINT)


class Stopped(Exception):
    """Somebody asked the supervisor to stop while it was waiting for something else."""


@dataclass
class _Kept:
    """A child that is kept running, and how often it died shortly after its start."""

    spec: Spec
    child: Child
    needed: bool
    quick_deaths: int = 0
    again_at: float = 0.0
    given_up: bool = False


@dataclass
class Supervisor:
    """Keeps children. They are ended in the reverse order of their phases; one phase ends at the same time."""

    data: DataDirectory
    terminal: Terminal
    serving: bool = False
    _kept: list[list[_Kept]] = field(default_factory=list)
    _signalled: int = 0
    _wake: int = -1

    def start(self, specs: Sequence[Spec], *, needed: bool = False) -> list[Child]:
        """Start one phase. When a needed child cannot be kept running, everything is stopped."""
        phase: list[_Kept] = []
        self._kept.append(phase)
        for spec in specs:
            phase.append(_Kept(spec, self._launch(spec), needed))  # noqa: PERF401  a failing launch leaves the others kept
        return [kept.child for kept in phase]

    def _launch(self, spec: Spec) -> Child:
        return Child(spec, logs=self.data.logs, run=self.data.run)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Catch what asks us to stop, and the end of children, for as long as the block lasts."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake = reader
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        old = {which: signal.signal(which, self._note) for which in asked}
        old[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield
        finally:
            for which, handler in old.items():
                signal.signal(which, handler)
            signal.set_wakeup_fd(before)
            os.close(reader)
            os.close(writer)

    def _note(self, which: int, _frame: object) -> None:
        self._signalled = which

    def wait(self, until: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Keep the children while waiting. Raises Stopped when asked to stop and CannotStart when time is up."""
        limit = time.monotonic() + seconds
        while not until():
            if time.monotonic() > limit:
                raise CannotStart(f"{what} within {seconds:.0f} s; see {self.data.logs}.")
            self.turn(0.1)

    def serve(self) -> None:
        """Keep the children until somebody asks to stop."""
        self.serving = True
        while True:
            self.turn(POLL_SECONDS)

    def turn(self, seconds: float) -> None:
        """One look at everything, at most so many seconds later. Raises Stopped, and CannotStart for a needed child."""
        if self._wake >= 0 and select.select([self._wake], [], [], 0 if self._signalled else seconds)[0]:
            os.read(self._wake, 4096)
        if self._signalled:
            raise Stopped
        for phase in self._kept:
            for kept in phase:
                self._look_after(kept)

    def _look_after(self, kept: _Kept) -> None:
        kept.child.rotate_log()
        if kept.given_up or kept.child.alive():
            return
        if not kept.again_at:
            self._plan_restart(kept)
        elif time.monotonic() >= kept.again_at:
            self._launch_again(kept)

    def _launch_again(self, kept: _Kept) -> None:
        try:
            kept.child = self._launch(kept.spec)
        except OSError as error:
            # A full disk or too many processes: the others go on, and it may pass.
            kept.again_at = time.monotonic() + LONGEST_PAUSE
            self.terminal.say(f"{kept.spec.name} could not be started ({error.strerror}); trying again")
            return
        kept.again_at = 0.0

    def _plan_restart(self, kept: _Kept) -> None:
        kept.child.end_group()
        status = kept.child.process.returncode
        quick = time.monotonic() - kept.child.started < QUICK_DEATH_SECONDS
        kept.quick_deaths = kept.quick_deaths + 1 if quick else 1
        # SIGKILL comes from outside (somebody, or the kernel short of memory): no sign that the next start fails too.
        if kept.quick_deaths >= MOST_QUICK_DEATHS and status != -signal.SIGKILL:
            self._give_up(kept, _how(status))
            return
        pause = min(0.2 * 2 ** (kept.quick_deaths - 1), LONGEST_PAUSE)
        kept.again_at = time.monotonic() + pause
        self.terminal.say(f"{kept.spec.name} {_how(status)}; starting it again")

    def _give_up(self, kept: _Kept, how: str) -> None:
        kept.given_up = True
        sentence = (
            f"{kept.spec.name} {how} {kept.quick_deaths} times shortly after its start and is not started again; "
            f"its last words are in {kept.child.log}"
        )
        if kept.needed or not self.serving:
            raise CannotStart(sentence[0].upper() + sentence[1:] + ".")
        self.terminal.say(sentence)

    def children(self) -> dict[str, Child]:
        return {kept.spec.name: kept.child for phase in self._kept for kept in phase}

    def stop(self) -> None:
        """End every child, the last phase first."""
        for phase in reversed(self._kept):
            for kept in phase:
                if kept.child.alive():
                    kept.child.ask_to_stop()
            for kept in phase:
                kept.child.stop()
                (self.data.run / f"{kept.spec.name}.pid").unlink(missing_ok=True)
        self._kept.clear()


def answers(port: int) -> bool:
    """Whether the web process answers at all; any status will do."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("HEAD", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _how(status: int | None) -> str:
    if status is None or status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
