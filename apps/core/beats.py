"""Signs of life: each process says every few seconds that it lives, what of it works, and whether it is locked."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from .clock import now
from .models import ProcessBeat

log = logging.getLogger("lockgate.beats")
EVERY_SECONDS = 5.0
SILENT = timedelta(seconds=60)
FORGOTTEN = timedelta(days=1)
_started_at = now()


@dataclass(frozen=True)
class Beat:
    """The last sign of life of a process. `name` is its kind, such as `extract`; two of a kind are two processes.

    `does` names what of it is at work: a worker's class, or the loops of the control process that turn.
    """

    name: str
    process: str
    host: str
    does: tuple[str, ...]
    role: str
    pid: int
    locked: bool
    started_at: datetime
    seen_at: datetime
    memory_bytes: int


def beat(name: str, *, role: str, locked: bool, does: Sequence[str] | None = None) -> None:
    """Write the sign of life of this process. `does` is its name unless only parts of it are at work."""
    host, pid = socket.gethostname()[:120], os.getpid()
    seen = {
        "kind": name, "host": host, "does": list((name,) if does is None else does), "role": role, "pid": pid,
        "locked": locked, "seen_at": Now(), "memory_bytes": memory(), "started_at": _started_at,
    }  # fmt: skip
    _row, is_new = ProcessBeat.objects.update_or_create(name=process_name(name, host, pid), defaults=seen)
    if is_new:
        _clear_away(name, host, pid)


def process_name(name: str, host: str, pid: int) -> str:
    """What tells this process from every other of its kind."""
    place = hashlib.sha256(host.encode()).hexdigest()[:6]
    return f"{name[:22]}-{place}-{pid}"


def _clear_away(name: str, host: str, pid: int) -> None:
    """Those of this kind and host that are no more, and whoever has been silent for a day."""
    for row in ProcessBeat.objects.filter(kind=name, host=host).exclude(pid=pid):
        if not _lives(row.pid):
            row.delete()
    ProcessBeat.objects.filter(seen_at__lt=Now() - FORGOTTEN).delete()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # Another user's, so it lives.
    return True


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
    """Processes that gave a sign of life in that time, by kind."""
    seen = ProcessBeat.objects.filter(seen_at__gte=Now() - silent).order_by("kind", "name")
    return [_read(row) for row in seen]


def everybody() -> list[Beat]:
    """Every process that gave a sign of life lately, by kind."""
    return [_read(row) for row in ProcessBeat.objects.order_by("kind", "name")]


def _read(row: ProcessBeat) -> Beat:
    name = row.kind or row.name
    return Beat(
        name, row.name, row.host, tuple(row.does) or (name,), row.role, row.pid, row.locked, row.started_at,
        row.seen_at, row.memory_bytes,
    )  # fmt: skip


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
