"""The control process: schedules and sweeps, applies approved changes, numbers and signs the audit log."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection

from apps.core import beats
from controlplane import loops

log = logging.getLogger("lockgate.control")
NAMES = ("scheduler", "applier", "notary")
STOP_WITHIN = 1.5


class Command(BaseCommand):
    help = "Run the loops of the control process until SIGTERM; --loops separates them onto several processes."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loops", default=",".join(NAMES), help="scheduler, applier, notary; by comma")

    def handle(self, *args: Any, **options: Any) -> None:
        names = [name.strip() for name in options["loops"].split(",") if name.strip()]
        unknown = sorted(set(names) - set(NAMES))
        if unknown or not names:
            raise CommandError(f"There is no loop {unknown[0] if unknown else ''!r}; there are {', '.join(NAMES)}.")
        control(names)


def control(names: Sequence[str]) -> None:
    """Run these loops until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    notary = loops.Notary()
    tasks = {"scheduler": loops.scheduler(), "applier": loops.applier(), "notary": notary.tasks()}
    pauses = {"scheduler": 1.0, "applier": 0.25, "notary": 0.5}
    running = [loops.Loop(name, _url(name), tasks[name], pauses[name], stopping) for name in names]
    threads = [loop.start() for loop in running]
    name = "control" if set(names) == set(NAMES) else f"control-{'-'.join(names)}"
    while not stopping.is_set():
        _beat(name, running, locked="notary" in names and notary.locked)
        stopping.wait(beats.EVERY_SECONDS)
    _stop(threads)


def _url(name: str) -> str:
    """Each loop's own role; a process that runs a single loop may have it as its only one."""
    return os.environ.get(f"LOCKGATE_DATABASE_URL_{name.upper()}", "")


def _beat(name: str, running: Sequence[loops.Loop], *, locked: bool) -> None:
    stuck = [loop.name for loop in running if not loop.alive]
    if stuck:
        log.error("%s is stuck, so it is left out of the signs of life", ", ".join(stuck))
    try:
        beats.beat(name, role="control", locked=locked, does=[loop.name for loop in running if loop.alive])
    except (DatabaseError, InterfaceError):
        connection.close()


def _stop(threads: Sequence[threading.Thread]) -> None:
    deadline = time.monotonic() + STOP_WITHIN
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    if any(thread.is_alive() for thread in threads):
        # It waits for the database; PostgreSQL rolls back what it had not committed.
        os._exit(0)
