"""Signs of life: each process says every few seconds that it lives, its memory, and whether it is locked."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from .clock import now
from .models import ProcessBeat

log = logging.getLogger("lockgate.beats")
EVERY_SECONDS = 5.0
_started_at = now()


@dataclass(frozen=True)
class Beat:
    """The last sign of life of a process."""

    name: str
    role: str
    pid: int
    locked: bool
    started_at: datetime
    seen_at: datetime
    memory_bytes: int


def beat(name: str, *, role: str, locked: bool) -> None:
    """Write the sign of life of this process."""
    seen = {"role": role, "pid": os.getpid(), "locked": locked, "seen_at": Now(), "memory_bytes": memory()}
    # A process that was killed and replaced keeps its row; its start says which one it is.
    ProcessBeat.objects.update_or_create(name=name, defaults={**seen, "started_at": _started_at})


def memory(pid: int | str = "self") -> int:
    """Bytes of memory of a process, shared pages counted in part (PSS); 0 where the system does not say."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def alive(silent: timedelta) -> list[Beat]:
    """Processes that gave a sign of life in that time, by name."""
    seen = ProcessBeat.objects.filter(seen_at__gte=Now() - silent).order_by("name")
    return [_read(row) for row in seen]


def everybody() -> list[Beat]:
    """Every process that ever gave a sign of life, by name."""
    return [_read(row) for row in ProcessBeat.objects.order_by("name")]


def _read(row: ProcessBeat) -> Beat:
    return Beat(row.name, row.role, row.pid, row.locked, row.started_at, row.seen_at, row.memory_bytes)


def start(name: str, *, role: str, locked: Callable[[], bool]) -> threading.Event:
    """Beat from a daemon thread of its own until the returned event is set; a database that is away is waited for."""
    stopped = threading.Event()

    def go_on() -> None:
        while True:
            try:
                beat(name, role=role, locked=locked())
            except (DatabaseError, InterfaceError):
                log.warning("the sign of life of %s could not be written; trying again", name)
                connection.close()
            if stopped.wait(EVERY_SECONDS):
                break
        connection.close()

    threading.Thread(target=go_on, name=f"beats-{name}", daemon=True).start()
    return stopped
