"""Looks at the signs again and again, raises an incident for what shows, and closes it when it is gone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core import beats
from apps.core.actor import Actor, system
from apps.incidents import selectors as incidents
from apps.incidents import services as incident_services

from . import signs
from .signs import Sign

EVERY_SECONDS = 15.0
# One look may fall into a moment in which a process is just being replaced.
STRIKES = 2


@dataclass
class Watch:
    """Looks every few seconds when it is asked. Two watch each other's process: `find` is what this one looks for."""

    actor: Actor
    find: Callable[[], Iterable[Sign]]
    pause: float = EVERY_SECONDS
    strikes: int = STRIKES
    looked_at: float = field(default=float("-inf"))
    seen: Counter[str] = field(default_factory=Counter)

    def look(self) -> int:
        """Look if it is time; returns how many incidents were opened or closed."""
        if time.monotonic() - self.looked_at < self.pause:
            return 0
        self.looked_at = time.monotonic()
        return sum(self._heed(sign) for sign in self.find())

    def _heed(self, sign: Sign) -> bool:
        self.seen[sign.subject] = self.seen[sign.subject] + 1 if sign.shows else 0
        live = sign.problem in incident_services.open_problems(sign.subject)
        if sign.shows and not live and self.seen[sign.subject] >= self.strikes:
            return raise_sign(self.actor, sign)
        return live and not sign.shows and close_sign(self.actor, sign)


def raise_sign(actor: Actor, sign: Sign) -> bool:
    """An incident of the organisation. What somebody accepted, or called a false alarm, is let be for a month."""
    if incidents.let_be(sign.subject, sign.problem):
        return False
    with transaction.atomic():
        incident_services.raise_incident(
            actor=actor,
            team_id=None,
            subject=sign.subject,
            problem=sign.problem,
            title=sign.title,
            sentence=sign.sentence,
            level=sign.level,
            ref="",
            effect=sign.effect,
            remedy=sign.remedy,
        )
    return True


def close_sign(actor: Actor, sign: Sign) -> bool:
    """It is well again."""
    with transaction.atomic():
        return incident_services.problem_gone(
            actor=actor,
            subject=sign.subject,
            problem=sign.problem,
            ref="",
            sentence=_("Lockgate looked again: it is well."),
        )


def of_scheduler() -> Watch:
    """What the scheduler watches: every other part of Lockgate, mail, keys, disk, dead letters."""
    sequencing = signs.Sequencing()

    def find() -> list[Sign]:
        living, last = beats.alive(beats.SILENT), beats.everybody()
        parts = () if signs.just_started() else (*signs.CLASSES, "applier", "notary")
        return [
            *signs.silent(parts, living, last),
            sequencing.sign(),
            signs.locked(living),
            signs.mail(),
            signs.key_copies(),
            signs.filling(signs.disk()),
            signs.dead_letters(),
        ]

    return Watch(system("scheduler"), find)


def of_general() -> Watch:
    """What the general worker watches, being another process: the loops of the control process."""

    def find() -> list[Sign]:
        if signs.just_started():
            return []
        return signs.silent(signs.LOOPS, beats.alive(beats.SILENT), beats.everybody())

    return Watch(system("general worker"), find)
