"""What a restored database must forget and remember before anything starts on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import restorations
from apps.core.actor import system
from apps.runs import restored as runs


@dataclass(frozen=True)
class Settled:
    """What was done, in sentences; `fault` is why the database cannot be trusted, empty when it can."""

    sentences: tuple[str, ...]
    fault: str = ""


def settle(*, made_at: datetime, events: int, chain_hash: str) -> Settled:
    """End what was under way, sign everybody out, raise the fences, record the restoration, and verify the log."""
    if events and audit.chain_hash_at(events) != chain_hash:
        fault = "The audit log in the database is another one than the manifest names; nothing was restored."
        return Settled((), fault)
    with transaction.atomic():
        restorations.record(backup_made_at=made_at, backup_events=events)
        ended = runs.end_under_way(backup_made_at=made_at)
        sessions, _kinds = Session.objects.all().delete()
        audit.append(
            actor=system("restore"),
            action="installation.restored",
            subject="installation",
            summary=_("restored this installation from the backup of %(at)s") % {"at": f"{made_at:%Y-%m-%d %H:%M} UTC"},
            detail={"events": events, "runs_ended": ended, "sessions_ended": sessions},
        )
    result = audit.verify()
    if not result.ok:
        return Settled((), result.sentence)
    said = f"runs {', '.join(map(str, ended))} were under way and end as failed" if ended else "no run was under way"
    return Settled((
        said,
        f"{sessions} sessions are ended: everybody signs in again",
        "the fences of runs begin above every one that the backed up installation can have given",
        result.sentence,
    ))  # fmt: skip
