"""Sessions that people recognise by their browser: begun, seen, moved to another key, and ended by whoever may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.sessions.models import Session as SessionRow
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.audit.services import append
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane.errors import NotFound, Refused

from .models import Device, User

MARK, SEEN = "device", "device_seen"
SEEN_EVERY = timedelta(minutes=5)
KNOWN = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"),
           ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip


@dataclass(frozen=True)
class Session:
    """A session in some browser, as its owner recognises it."""

    id: UUID
    browser: str
    began: datetime
    seen: datetime
    here: bool


def sessions(user_id: Id, *, here: str = "") -> list[Session]:
    """The live sessions of a person, the one with the key `here` marked, newest first. At most a hundred."""
    alive = SessionRow.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=now())
    rows = Device.objects.filter(Exists(alive), user_id=user_id, ended_at=None).order_by("-id")[:100]
    return [
        Session(row.id, row.browser, row.created_at, row.seen_at, bool(here) and row.session_key == here)
        for row in rows
    ]


def name_of(user_agent: str) -> str:
    """What people call this browser, such as "Firefox on Linux"; the beginning of its own words when it is unknown."""
    browser = next((name for mark, name in KNOWN if mark in user_agent), "")
    place = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and place:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": place}
    return "".join(c for c in user_agent if c.isprintable())[:60] or _("An unknown browser")


def begin(request: HttpRequest, user: User) -> None:
    """Remember the session that has just been opened."""
    if not request.session.session_key:
        request.session.save()
    key = request.session.session_key or ""
    device = Device(user=user, session_key=key, browser=name_of(request.headers.get("User-Agent", "")))
    device.save(force_insert=True)
    request.session[MARK], request.session[SEEN] = str(device.id), int(now().timestamp())


def seen(request: HttpRequest) -> None:
    """Note, every few minutes, that a session is in use."""
    mark, last = request.session.get(MARK), request.session.get(SEEN, 0)
    if mark and now().timestamp() - last > SEEN_EVERY.total_seconds():
        Device.objects.filter(id=mark, ended_at=None).update(seen_at=now())
        request.session[SEEN] = int(now().timestamp())


def moved(request: HttpRequest) -> None:
    """The session got another key (a new password does that); it is still the same one to its owner."""
    mark = request.session.get(MARK)
    if mark:
        request.session.save()
        key = request.session.session_key or ""
        Device.objects.filter(id=mark).update(session_key=key, ended_at=None, ended_by="")


def end_with_password(user: User) -> None:
    """A new password ends every session that was opened under the old one; `moved` keeps the one that set it."""
    rows = Device.objects.filter(user=user, ended_at=None)
    SessionRow.objects.filter(session_key__in=list(rows.values_list("session_key", flat=True))).delete()
    rows.update(ended_at=now(), session_key="", ended_by="password")


def end_here(request: HttpRequest) -> None:
    """The session ends by signing out."""
    mark = request.session.get(MARK)
    if mark:
        Device.objects.filter(id=mark, ended_at=None).update(ended_at=now(), session_key="", ended_by="sign-out")


def end(*, actor: Actor, device_id: UUID) -> None:
    """End one session: one's own, or as an administrator anybody's. At once, and on record."""
    with transaction.atomic():
        rows = Device.objects.select_for_update().filter(id=device_id, ended_at=None)
        device = rows.select_related("user").first()
        if device is None or not _may(actor, device.user_id):
            raise NotFound(_("There is no such session, or it has ended already."))
        _end(rows, actor)
        append(
            actor=actor,
            action="session.ended",
            subject=f"person/{device.user_id}",
            summary=_("ended a session of %(name)s (%(browser)s)")
            % {"name": device.user.name, "browser": device.browser},
        )


def end_others(*, actor: Actor, person_id: Id, keep: str = "") -> int:
    """End every session of a person but the one with the key `keep`; how many there were."""
    if not _may(actor, person_id):
        access.require(actor, "session.end")
    with transaction.atomic():
        user = User.objects.filter(id=person_id).first()
        if user is None:
            raise NotFound(_("There is no such person."))
        rows = Device.objects.select_for_update().filter(user=user, ended_at=None)
        count = _end(rows.exclude(session_key=keep) if keep else rows, actor)
        if not count:
            raise Refused(_("There is no other session."), remedy=_("Nothing was changed."))
        said = ngettext("ended %(n)s session of %(name)s", "ended %(n)s sessions of %(name)s", count)
        append(
            actor=actor,
            action="session.ended",
            subject=f"person/{user.id}",
            summary=said % {"n": count, "name": user.name},
            detail={"sessions": count},
        )
    return count


def _may(actor: Actor, person_id: object) -> bool:
    own = actor.kind == "person" and actor.id == str(person_id)
    return own or access.allowed(actor, "session.end")


def _end(rows: QuerySet[Device], actor: Actor) -> int:
    held = list(rows.values_list("id", "session_key"))
    SessionRow.objects.filter(session_key__in=[key for _id, key in held if key]).delete()
    ended = Device.objects.filter(id__in=[key for key, _session in held])
    return ended.update(ended_at=now(), session_key="", ended_by=f"person/{actor.id}")
