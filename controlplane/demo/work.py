"""The demo's jobs: acts at its sources in the extract worker, and the kill of that worker by another one."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from django.conf import settings
from django.db import transaction

from apps.audit import services as audit
from apps.core import jobs
from apps.core.actor import system
from apps.dataplane.errors import NotFound, Refused
from apps.runs.models import Run, Step

from . import hand

ME = system("demo")
PATIENCE = 60.0
# Enough that something is staged already and a good part is still to come.
ROWS_BEFORE_THE_KILL = 60_000


def act(lease: jobs.Lease) -> None:
    """Carry out the act that `demo/<name>` names, and record it."""
    known = ACTS.get(lease.subject_id)
    if known is None:
        raise NotFound(f"The demo knows no act {lease.subject_id}.")
    known()


def _compare() -> None:
    found = hand.compare()
    hand.write_private("rows", found)
    rings = found["rings"]
    _record("compared", "customers", f"ran the fraud query on both sides: {rings['same']} rings are the same", **rings)


def _add_column() -> None:
    hand.add_column()
    _record("column_added", "customers", f"added column {hand.NEW_COLUMN} to customers at the source", by="Alice")


def _add_room() -> None:
    hand.add_room()
    _record("room_added", "customers", f"added column {hand.NEW_COLUMN} to customers at the destination", by="Alice")


def _break_file() -> None:
    hand.write_orders(broken=True)
    _record("file_broken", "orders", "let the partner deliver a file that lost a column in its later lines")


def _mend_file() -> None:
    hand.write_orders(broken=False)
    _record("file_mended", "orders", "let the partner deliver the file again, whole")


ACTS: Mapping[str, Callable[[], None]] = {
    "compare": _compare,
    "add-column": _add_column,
    "add-room": _add_room,
    "break-file": _break_file,
    "mend-file": _mend_file,
}


def kill_extract(lease: jobs.Lease) -> None:
    """End the extract worker with SIGKILL in the middle of a run; the supervisor starts it again."""
    if not settings.LOCKGATE.demo:
        raise Refused("This is no demo installation.")
    run = Run.objects.get(id=lease.subject_id)
    rows = _amid(run, lease)
    pid = int(json.loads((Path(settings.LOCKGATE.data) / "run" / "extract.pid").read_text())["pid"])
    os.kill(pid, signal.SIGKILL)
    what = f"killed the extract worker after {rows:,} rows of run {run.number}"
    _record("worker_killed", f"run/{run.id}", what, run=run.number, rows=rows, pid=pid)


def _amid(run: Run, lease: jobs.Lease) -> int:
    """Wait until the run has read some rows; how many."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        lease.check()
        found = Step.objects.filter(run=run, name="extract").values_list("state", "rows").first()
        if found and found[0] == Step.RUNNING and found[1] >= ROWS_BEFORE_THE_KILL:
            return int(found[1])
        if Run.objects.filter(id=run.id, state__in=Run.ENDED).exists():
            break
        time.sleep(0.05)
    raise Refused(f"Run {run.number} was over before its worker could be killed.", remedy="Start the step again.")


def _record(what: str, subject: str, sentence: str, **detail: str | int) -> None:
    with transaction.atomic():
        audit.append(actor=ME, action=f"demo.{what}", subject=subject, summary=sentence, detail=detail)
