"""What to look for: each sign says what is not well, since when as far as is known, and what to do. Reads only."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts import selectors as accounts
from apps.alerts import selectors as alerts
from apps.alerts.services import Level
from apps.audit import selectors as audit
from apps.core import beats
from apps.core.beats import Beat
from apps.core.clock import now
from apps.keys import selectors as keys

LOOPS = ("scheduler", "applier", "notary")
CLASSES = ("web", "extract", "gate", "publish", "general")
# Whoever has just installed Lockgate is shown what is missing, and not woken for it.
SETTLING_IN = timedelta(minutes=30)
NOTARY_PATIENCE = 120.0
_begun = time.monotonic()


@dataclass(frozen=True)
class Sign:
    """Something that can be wrong with Lockgate. `sentence` empty: it is well."""

    name: str
    problem: str
    title: str
    level: Level
    sentence: str = ""
    remedy: str = ""
    effect: str = ""

    @property
    def subject(self) -> str:
        return f"system/{self.name}"

    @property
    def shows(self) -> bool:
        return bool(self.sentence)


def silent(parts: Iterable[str], living: Sequence[Beat], last: Sequence[Beat]) -> list[Sign]:
    """One sign for each part of Lockgate; it shows when no process that does it gave a sign of life lately."""
    at_work = {part for beat in living for part in beat.does}
    return [_silent(part, part in at_work, _last_seen(part, last)) for part in parts]


def _last_seen(part: str, last: Sequence[Beat]) -> datetime | None:
    return max((beat.seen_at for beat in last if part in (beat.name, *beat.does)), default=None)


def _silent(part: str, lives: bool, seen: datetime | None) -> Sign:
    title = _("Lockgate: %(part)s is silent") % {"part": named(part)}
    if lives:
        return Sign(part, "silent", title, "ERROR")
    since = _("since %(at)s UTC") % {"at": f"{seen:%Y-%m-%d %H:%M}"} if seen else _("since it was started")
    sentence = _("%(part)s gave no sign of life %(since)s. %(meaning)s")
    said = {"part": named(part).capitalize(), "since": since, "meaning": meaning(part)}
    remedy = _("Look whether its process runs, and into its log; the supervisor starts it again by itself.")
    return Sign(part, "silent", title, "ERROR", sentence % said, remedy, effect(part))


def named(part: str) -> str:
    """A part of Lockgate, for people."""
    if part in LOOPS:
        return _("the %(loop)s") % {"loop": part}
    return _("the web process") if part == "web" else _("the %(name)s worker") % {"name": part}


def meaning(part: str) -> str:
    """What does not happen while a part is silent."""
    return {
        "web": _("The pages may not answer."),
        "extract": _("Runs wait before they read; nothing is tested or discovered."),
        "gate": _("Runs wait at the gate."),
        "publish": _("Runs wait before they publish."),
        "general": _("No mail and no webhook leaves."),
        "scheduler": _("Schedules do not start, snoozed incidents stay away, what was left behind is not taken up."),
        "applier": _("Approved changes are not applied."),
        "notary": _("New audit events are kept but not numbered and sealed."),
    }.get(part, "")


def effect(part: str) -> str:
    return _("published data still served") if part in ("extract", "gate", "publish", "scheduler") else ""


@dataclass
class Sequencing:
    """Whether the notary gets on: it remembers how far it was and since when it has not moved."""

    number: int = -1
    since: float = field(default_factory=time.monotonic)

    def sign(self) -> Sign:
        """Shows when events wait and none was numbered for two minutes."""
        head, at = audit.head(), time.monotonic()
        if head.sequenced != self.number or not head.pending:
            self.number, self.since = head.sequenced, at
        title = _("Lockgate: audit events are not sealed")
        if at - self.since < NOTARY_PATIENCE:
            return Sign("sequencing", "stands-still", title, "ERROR")
        sentence = ngettext(
            "%(n)s audit event waits and none was numbered for minutes.",
            "%(n)s audit events wait and none was numbered for minutes.",
            head.pending,
        ) % {"n": f"{head.pending:,}"}
        remedy = _("Look into the log of the control process; a long transaction may hold the notary up.")
        return Sign("sequencing", "stands-still", title, "ERROR", sentence, remedy)


def locked(living: Sequence[Beat]) -> Sign:
    """Shows when a living process was started without its key."""
    names = sorted({beat.name for beat in living if beat.locked})
    title = _("Lockgate is locked")
    if not names:
        return Sign("keys", "locked", title, "ERROR")
    sentence = _("Started without their key: %(names)s. Nothing opens there.") % {"names": ", ".join(names)}
    remedy = _("Put the key file back from its copy; the process finds it by itself.")
    return Sign("keys", "locked", title, "ERROR", sentence, remedy, _("published data still served"))


def mail() -> Sign:
    """Shows when no mail server is set up, once Lockgate has settled in."""
    title = _("Lockgate: no mail server is set up")
    if alerts.mail_leaves() or settling_in():
        return Sign("mail", "not-set-up", title, "WARN")
    sentence = _("Mail lies in the built-in outbox: nobody is reached who does not look into Lockgate.")
    return Sign("mail", "not-set-up", title, "WARN", sentence, _("Set up a mail server under Channels, and test it."))


def key_copies() -> Sign:
    """Shows when nobody has said that every key file is copied, once Lockgate has settled in."""
    title = _("Lockgate: the key files are not backed up")
    if keys.backed_up_at() or settling_in():
        return Sign("key-files", "not-copied", title, "WARN")
    sentence = _("Without a copy of the key files, what is encrypted is lost with this machine.")
    return Sign(
        "key-files", "not-copied", title, "WARN", sentence, _("Copy them to another place and say so under Keys.")
    )


def settling_in() -> bool:
    """Whether the organisation was founded only a moment ago, or not at all yet."""
    founded = accounts.organisation().values_list("founded_at", flat=True).first()
    return founded is None or founded > now() - SETTLING_IN


@dataclass(frozen=True)
class Disk:
    """The disk of the data directory, in bytes."""

    free: int
    total: int

    @property
    def percent(self) -> int:
        return round(100 * self.free / self.total) if self.total else 0


def disk() -> Disk | None:
    """None where this process cannot look."""
    root = Path(settings.LOCKGATE.data)
    try:
        usage = shutil.disk_usage(root if root.exists() else os.curdir)
    except OSError:
        return None
    return Disk(usage.free, usage.total)


def filling(found: Disk | None) -> Sign:
    """Shows when less than the set share of the disk is free."""
    title = _("Lockgate: the disk is filling")
    if found is None or found.free * 100 >= found.total * settings.LOCKGATE.disk_free:
        return Sign("disk", "filling", title, "ERROR")
    said = {"free": f"{found.free / 2**30:.1f}", "percent": found.percent, "limit": settings.LOCKGATE.disk_free}
    sentence = _("%(free)s GiB of the data directory's disk are free: %(percent)s %%, limit %(limit)s %%.") % said
    remedy = _("Make room: staged parts of ended runs, logs, other programs; or move the data directory.")
    return Sign("disk", "filling", title, "ERROR", sentence, remedy)


def dead_letters() -> Sign:
    """Shows while messages lie that could not be delivered."""
    count, title = alerts.dead_letters(), _("Lockgate: messages could not be delivered")
    if not count:
        return Sign("deliveries", "dead-letters", title, "WARN")
    sentence = ngettext(
        "%(n)s message of the last week was given up.", "%(n)s messages of the last week were given up.", count
    ) % {"n": f"{count:,}"}
    remedy = _("Open Deliveries: mend the channel, then replay them.")
    return Sign("deliveries", "dead-letters", title, "WARN", sentence, remedy)


def just_started() -> bool:
    """Whether this process began so lately that others may not have given their first sign of life."""
    return time.monotonic() - _begun < beats.SILENT.total_seconds()
