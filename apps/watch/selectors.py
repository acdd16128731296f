"""How Lockgate itself is: processes with their last sign of life, queues, disk, versions; and what is urgent."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from apps.alerts import selectors as alerts
from apps.audit import selectors as audit
from apps.core import access, beats, jobs
from apps.core.actor import Actor
from apps.core.beats import Beat
from apps.core.clock import now
from apps.dataplane import __version__
from apps.incidents import selectors as incidents
from apps.keys import selectors as keys

from . import signs
from .signs import Disk


@dataclass(frozen=True)
class Part:
    """One part of Lockgate and the processes that do it. `state` is ACTIVE, LOCKED, SILENT or ABSENT."""

    name: str
    label: str
    state: str
    meaning: str
    processes: tuple[Beat, ...]
    seen_at: datetime | None


@dataclass(frozen=True)
class Health:
    """Everything on the page."""

    parts: tuple[Part, ...]
    queues: tuple[jobs.Queue, ...]
    disk: Disk | None
    disk_limit: int
    mail_leaves: bool
    keys_copied_at: datetime | None
    sequenced: int
    pending: int
    dead_letters: int
    versions: tuple[tuple[str, str], ...]
    incidents: tuple[Any, ...]
    at: datetime

    @property
    def well(self) -> bool:
        """Whether nothing needs anybody."""
        return all(part.state == "ACTIVE" for part in self.parts) and not self.incidents


def health(actor: Actor) -> Health:
    """Raises Denied for whoever does not operate Lockgate."""
    access.require(actor, "operation.view")
    everybody, at = beats.everybody(), now()
    head = audit.head()
    live = incidents.listed(actor, incidents.Filters(subject="system"), size=20).rows
    return Health(
        parts=tuple(_part(name, everybody, at) for name in (*signs.CLASSES, *signs.LOOPS)),
        queues=tuple(jobs.queues()),
        disk=signs.disk(),
        disk_limit=settings.LOCKGATE.disk_free,
        mail_leaves=alerts.mail_leaves(),
        keys_copied_at=keys.backed_up_at(),
        sequenced=head.sequenced,
        pending=head.pending,
        dead_letters=alerts.dead_letters(),
        versions=_versions(),
        incidents=tuple(live),
        at=at,
    )


def _part(name: str, everybody: list[Beat], at: datetime) -> Part:
    mine = tuple(beat for beat in everybody if name in (beat.name, *beat.does) or _is_loop_of(name, beat))
    living = [beat for beat in mine if at - beat.seen_at < beats.SILENT and name in beat.does]
    state = "ABSENT" if not mine else "SILENT" if not living else "ACTIVE"
    # Of the control process only the notary holds a key.
    holds_key = name == "notary" or name not in signs.LOOPS
    if living and holds_key and all(beat.locked for beat in living):
        state = "LOCKED"
    seen = max((beat.seen_at for beat in mine), default=None)
    return Part(name, signs.named(name).capitalize(), state, signs.meaning(name), mine, seen)


def _is_loop_of(name: str, beat: Beat) -> bool:
    return name in signs.LOOPS and (beat.name == "control" or name in beat.name.split("-"))


def _versions() -> tuple[tuple[str, str], ...]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        server = str(cursor.fetchone()[0]).split(" ")[0]
    return (
        ("Lockgate", __version__),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        ("PostgreSQL", server),
    )


@dataclass(frozen=True)
class Pulse:
    """What every page says: living processes without their key, and parts that fell silent."""

    locked: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        return " ".join(signs.meaning(part) for part in self.silent)


def pulse() -> Pulse:
    """One query for every page: the answer to who watches the watchers when all of them are silent at once.

    A part that never gave a sign of life is not missed, nor is anybody while this process has just begun.
    """
    everybody, at = beats.everybody(), now()
    living = [beat for beat in everybody if at - beat.seen_at < beats.SILENT]
    at_work = {part for beat in living for part in beat.does}
    known = {part for beat in everybody for part in beat.does} if not signs.just_started() else set()
    gone = tuple(part for part in (*signs.LOOPS, *signs.CLASSES) if part in known - at_work)
    return Pulse(tuple(sorted({beat.name for beat in living if beat.locked})), gone)


def said(found: Pulse) -> str:
    """The banner's sentence."""
    names = ", ".join(signs.named(part) for part in found.silent)
    return _("No sign of life from %(names)s.") % {"names": names} if names else ""
