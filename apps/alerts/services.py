"""Puts notices into people's bells, and messages on their way out: written first, sent later, tried again, replayed."""

from __future__ import annotations

import smtplib
from collections.abc import Iterable
from datetime import timedelta
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.audit import services as audit
from apps.core import access, jobs
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane.canonical import Json, canonical_bytes
from apps.dataplane.errors import Conflict, LockgateError, NotFound, Unreachable

from . import definition, mailing, routing, webhooks
from .definition import Webhook
from .models import Channel, ChannelVersion, Delivery, Notice

Level = Literal["INFO", "WARN", "ERROR"]
FORMAT = 1
# After each failure the next try comes later; when none is left the delivery is a dead letter.
BACK_OFF = (10, 60, 300, 1800, 7200)
MOST_TRIES = len(BACK_OFF) + 1


def notify(*, user_ids: Iterable[object], sentence: str, url: str, level: Level = "INFO") -> None:
    """Put a line into each person's bell, in the caller's transaction. `url` is a path of ours; no personal data."""
    if not url.startswith("/") or url.startswith("//"):
        raise ValueError("A notice leads to a path of ours.")
    people = {str(user_id) for user_id in user_ids}
    rows = [Notice(user_id=key, sentence=sentence[:300], url=url, level=level) for key in sorted(people)]
    Notice.objects.bulk_create(rows)


def raise_alert(
    *,
    team_id: Id | None,
    subject_ref: str,
    level: Level,
    subject_line: str,
    body: str,
    url: str,
    event: str = "alert.raised",
    about: str = "",
    recovery: bool = False,
) -> None:
    """Tell of one change of state: the bell of the owners, and what the routes say; in the caller's transaction.

    `subject_line` says what, how bad, and whether the old data is still served, without the level. `url` is a path of
    ours. `about` is what routes may ask for besides the line, such as `system/disk`. No personal data in any text.
    """
    line, owners = mailing.one_line(subject_line), routing.owners(team_id)
    notify(user_ids=owners, sentence=line, url=url, level="INFO" if recovery else level)
    found = routing.destinations(
        team_id=team_id, level=level, texts=(about, line), recovery=recovery, owners=owners
    )  # fmt: skip
    subject, link = f"[{'OK' if recovery else level}] {line}", f"{settings.LOCKGATE.url}{url}"
    for person in found.people:
        send_mail(
            user_id=person,
            subject_ref=subject_ref,
            subject=subject,
            body=f"{body}\n\n{link}\n\n{_footer()}\n",
            team_id=team_id,
            event=event,
        )
    for channel in found.channels:
        told = {"level": "OK" if recovery else level, "title": line, "url": link, "about": about}
        _send_webhook(channel, team_id, subject_ref, subject, event, told)


def _footer() -> str:
    return _("You hear of each change of state once; what shows again is added to the same page.")


def send_mail(
    *,
    user_id: UUID | str,
    subject_ref: str,
    subject: str,
    body: str,
    team_id: Id | None = None,
    event: str = "",
) -> Delivery:
    """Write the delivery and the job that sends it, in the caller's transaction. No personal data in either text."""
    delivery = Delivery(
        user_id=user_id,
        team_id=team_id,
        subject_ref=subject_ref,
        subject=mailing.one_line(subject)[:300],
        body=body,
        event=event,
    )
    return _queued(delivery)


def _send_webhook(
    channel: Channel, team_id: Id | None, subject_ref: str, subject: str, event: str, told: dict[str, str]
) -> Delivery:
    delivery = Delivery(
        target=channel, channel="webhook", team_id=team_id, subject_ref=subject_ref, subject=subject[:300], event=event
    )
    delivery.body = body_of(delivery, told)
    return _queued(delivery)


def body_of(delivery: Delivery, told: dict[str, str]) -> str:
    """What a webhook says: ids, levels and a sentence; never a name of a person or a value of a row."""
    document: dict[str, Json] = {
        "format": FORMAT,
        "id": str(delivery.id),
        "event": delivery.event,
        "subject": delivery.subject_ref,
        "team": str(delivery.team_id or ""),
        "at": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        **told,
    }
    return canonical_bytes(document).decode()


def _queued(delivery: Delivery) -> Delivery:
    delivery.save(force_insert=True)
    jobs.enqueue("alert.deliver", subject=f"delivery/{delivery.id}")
    return delivery


def deliver(*, delivery_id: str) -> None:
    """Send one waiting delivery once. A failure is noted; it is tried again later, or is a dead letter."""
    delivery = Delivery.objects.select_related("user", "target").filter(id=delivery_id, state=Delivery.WAITING).first()
    if delivery is None:
        return  # Sent by the worker whose lease ran out before it could say so.
    if delivery.user and not delivery.user.is_active:
        _waiting(delivery_id).update(state=Delivery.DROPPED, last_error=_("This person is not active any more."))
        return
    _waiting(delivery_id).update(attempts=F("attempts") + 1, next_try_at=None)
    delivery.attempts += 1
    try:
        left_by = _post(delivery) if delivery.target else _mail(delivery)
    except _Failed as failure:
        _try_later(delivery, failure)
        return
    _waiting(delivery_id).update(
        state=Delivery.SENT, sent_at=Now(), last_error="", transport=left_by, next_try_at=None
    )  # fmt: skip


class _Failed(Exception):
    """One try did not succeed. `again`: whether another can help; `after`: what the other side asked for."""

    def __init__(self, sentence: str, *, again: bool = True, after: float | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.again, self.after = sentence, again, after


def _mail(delivery: Delivery) -> str:
    earlier = Delivery.objects.filter(user=delivery.user, subject_ref=delivery.subject_ref, id__lt=delivery.id)
    try:
        left_by = mailing.transport()
        mailing.message(delivery, first=not earlier.exists()).send()
    except smtplib.SMTPRecipientsRefused:
        raise _Failed(_("The mail server does not deliver to this address."), again=False) from None
    except Unreachable as error:
        raise _Failed(error.sentence) from None
    except OSError as error:
        # Only the kind of failure: a mail server's own words may repeat the address.
        raise _Failed(_("The mail server did not take it (%(kind)s).") % {"kind": type(error).__name__}) from None
    return left_by


def _post(delivery: Delivery) -> str:
    channel = delivery.target
    assert channel is not None
    if channel.disabled_at:
        raise _Failed(_("The channel %(slug)s is switched off.") % {"slug": channel.slug}, again=False)
    version = ChannelVersion.objects.get(channel=channel, number=channel.active_version)
    says = definition.parse(channel.kind, version.definition)
    assert isinstance(says, Webhook)
    try:
        answer = post(says, delivery=str(delivery.id), event=delivery.event, body=delivery.body.encode())
    except LockgateError as error:
        # What the product refuses stays refused; who does not answer, or a locked key, may be better later.
        raise _Failed(error.sentence, again=error.code in ("unreachable", "locked")) from None
    if not answer.accepted:
        sentence = _("%(host)s answered %(status)s.") % {"host": says.target.host, "status": answer.status}
        if 300 <= answer.status < 400:
            sentence += " " + _("Redirects are not followed.")
        raise _Failed(sentence, again=answer.worth_another_try, after=answer.retry_after)
    return "webhook"


def post(says: Webhook, *, delivery: str, event: str, body: bytes) -> webhooks.Answer:
    """Sign and send one body. Raises Invalid or Refused for an address that the settings do not allow any more."""
    opens = definition.allowed()
    definition.addresses.parse(says.target.url, opens)
    key = definition.key_of(says, mailing.opened(says))
    return webhooks.post(says.target, key, delivery=delivery, event=event, body=body, allowed=opens)


def _try_later(delivery: Delivery, failure: _Failed) -> None:
    if not failure.again or delivery.attempts >= MOST_TRIES:
        give_up(delivery_id=str(delivery.id), reason=failure.sentence)
        return
    seconds = max(BACK_OFF[delivery.attempts - 1], failure.after or 0)
    wait = timedelta(seconds=seconds)
    with transaction.atomic():
        waits = _waiting(str(delivery.id))
        if waits.update(last_error=failure.sentence[:300], next_try_at=Now() + wait):
            jobs.enqueue("alert.deliver", subject=f"delivery/{delivery.id}", delay=wait)


def give_up(*, delivery_id: str, reason: str) -> None:
    """No further try: the delivery stays as a dead letter, with the reason."""
    _waiting(delivery_id).update(state=Delivery.DEAD, last_error=reason[:300], next_try_at=None)


def replay(*, actor: Actor, delivery_id: Id) -> Delivery:
    """Send a dead letter once more, from the first try. Raises NotFound, Conflict when it is none any more."""
    access.require(actor, "operation.act")
    delivery = Delivery.objects.filter(id=delivery_id).first()
    if delivery is None:
        raise NotFound(_("There is no such delivery."))
    with transaction.atomic():
        dead = Delivery.objects.filter(id=delivery_id, state=Delivery.DEAD)
        fresh = {"state": Delivery.WAITING, "attempts": 0, "next_try_at": None}
        if not dead.update(**fresh, replays=F("replays") + 1):
            raise Conflict(_("This delivery is no dead letter any more."), remedy=_("Load the page again."))
        jobs.enqueue("alert.deliver", subject=f"delivery/{delivery_id}")
        audit.append(
            actor=actor,
            action="delivery.replayed",
            subject=f"delivery/{delivery_id}",
            team_id=delivery.team_id,
            summary=_("sent a dead letter once more"),
            detail={"about": delivery.subject_ref, "event": delivery.event},
        )
    delivery.refresh_from_db()
    return delivery


def _waiting(delivery_id: str) -> QuerySet[Delivery]:
    return Delivery.objects.filter(id=delivery_id, state=Delivery.WAITING)


def mark_read(*, actor: Actor, notice_id: UUID | None = None) -> int:
    """Mark one of the actor's notices, or all of them, as read. Returns how many; nothing read is no event."""
    if not accounts.is_uuid(actor.id):
        return 0
    notices = Notice.objects.filter(user_id=actor.id, read_at=None)
    if notice_id:
        notices = notices.filter(id=notice_id)
    with transaction.atomic():
        count = notices.update(read_at=now())
        if count:
            audit.append(
                actor=actor,
                action="notice.read",
                subject=f"notice/{notice_id}" if notice_id else f"person/{actor.id}",
                summary=_("read %(n)s notices") % {"n": count},
                detail={"notices": count},
            )
    return count
