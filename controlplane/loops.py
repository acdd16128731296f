"""The loops of the control process: scheduler, applier and notary, each in a thread with its own database role."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError, connection

from apps.audit import services as audit
from apps.changes import services as changes
from apps.core import jobs
from apps.dataplane.errors import Locked
from apps.incidents import services as incidents
from apps.keys import services as keys
from apps.retention import services as retention
from apps.runs import services as runs
from apps.sources import upkeep
from apps.watch import services as watch

from .connections import use

log = logging.getLogger("lockgate.control")
WAIT_FOR_DATABASE = 1.0
TOO_OLD = 30.0
EVERYTHING_EVERY = 3600.0
LOOK_SECONDS = 60.0


def scheduler() -> tuple[Callable[[], object], ...]:
    """What the scheduler does each second; the value tells whether there may be more to do at once."""
    often = (_sweep, _start_due, _enforce_due, _expire, _propose_wanted, _wake, watch.of_scheduler().look)
    return (*often, every(LOOK_SECONDS, upkeep.look_again))


def every(seconds: float, task: Callable[[], object]) -> Callable[[], object]:
    """The task, at most once in so many seconds; it never asks for more at once."""
    due = 0.0

    def once_in_a_while() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + seconds
            task()

    return once_in_a_while


def _wake() -> None:
    incidents.wake_due()


def _sweep() -> None:
    jobs.sweep()


def _start_due() -> None:
    runs.start_due()


def _enforce_due() -> None:
    retention.start_due()


def _propose_wanted() -> None:
    changes.propose_wanted()


def _expire() -> None:
    changes.expire()


def applier() -> tuple[Callable[[], object], ...]:
    """Applies one approved change after the other."""
    return (changes.apply_next,)


class Notary:
    """Numbers and chains events, and signs manifests. Its first look, and one an hour, goes through the whole log."""

    def __init__(self) -> None:
        self.opened = False
        self.said = ""
        self.looks_everywhere_at = 0.0

    def tasks(self) -> tuple[Callable[[], object], ...]:
        return (self.unlock, self.sequence, self.sign)

    def unlock(self) -> None:
        if self.opened:
            return
        try:
            keys.unlock()
            self.opened, self.said = True, ""
        except Locked as error:
            if self.said != error.sentence:
                log.error("locked: %s %s", error.sentence, error.remedy)
            self.said = error.sentence

    @property
    def locked(self) -> bool:
        return bool(self.said)

    def sequence(self) -> bool:
        everything = time.monotonic() >= self.looks_everywhere_at
        found = audit.sequence(everything=everything)
        if everything and found < audit.BATCH:
            self.looks_everywhere_at = time.monotonic() + EVERYTHING_EVERY
        return found == audit.BATCH

    def sign(self) -> object:
        return runs.sign_manifests() if self.opened else None


@dataclass
class Loop:
    """One loop: its tasks again and again, each by itself, so that one that fails does not stop the others."""

    name: str
    url: str = field(repr=False)
    tasks: tuple[Callable[[], object], ...]
    pause: float
    stopping: threading.Event
    ticked: float = field(default_factory=time.monotonic)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.run, name=self.name, daemon=True)
        thread.start()
        return thread

    def run(self) -> None:
        if self.url:
            use(self.url)
        while not self.stopping.is_set():
            self.ticked = time.monotonic()
            more = [self._do(task) for task in self.tasks]
            if not any(more):
                self.stopping.wait(self.pause)
        connection.close()

    def _do(self, task: Callable[[], object]) -> bool:
        if self.stopping.is_set():
            return False
        try:
            return bool(task())
        except (OperationalError, InterfaceError) as error:
            log.warning("%s: the database did not answer (%s); trying again", self.name, type(error).__name__)
        except Exception:
            log.exception("%s: %s failed", self.name, getattr(task, "__name__", "a task"))
        # Whatever the connection was in the middle of, it ends here, with its locks.
        connection.close()
        self.stopping.wait(WAIT_FOR_DATABASE)
        return False

    @property
    def alive(self) -> bool:
        """False when a task has been stuck for long."""
        return time.monotonic() - self.ticked < TOO_OLD
