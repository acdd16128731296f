"""Puts notices into people's bells, and messages on their way out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.core import jobs
from apps.core.clock import now

from .models import Delivery, Notice

Level = Literal["INFO", "WARN", "ERROR"]


def notify(*, user_ids: Iterable[object], sentence: str, url: str, level: Level = "INFO") -> None:
    """Put a line into each person's bell, in the caller's transaction. `url` is a path of ours; no personal data."""
    if not url.startswith("/") or url.startswith("//"):
        raise ValueError("A notice leads to a path of ours.")
    people = {str(user_id) for user_id in user_ids}
    rows = [Notice(user_id=key, sentence=sentence[:300], url=url, level=level) for key in sorted(people)]
    Notice.objects.bulk_create(rows)


def send_mail(*, user_id: UUID | str, subject_ref: str, subject: str, body: str) -> Delivery:
    """Write the delivery and the job that sends it, in the caller's transaction. No personal data in either text."""
    delivery = Delivery(user_id=user_id, subject_ref=subject_ref, subject=" ".join(subject.split())[:300], body=body)
    delivery.save(force_insert=True)
    jobs.enqueue("alert.deliver", subject=f"delivery/{delivery.id}")
    return delivery


def deliver(*, delivery_id: str) -> None:
    """Send one waiting delivery. A failure is noted and raised, so that the job is tried again."""
    delivery = Delivery.objects.select_related("user").filter(id=delivery_id, state=Delivery.WAITING).first()
    if delivery is None:
        return  # Sent by the worker whose lease ran out before it could say so.
    if not delivery.user.is_active:
        give_up(delivery_id=delivery_id, reason=_("This person is not active any more."))
        return
    try:
        EmailMessage(f"[Lockgate] {delivery.subject}", delivery.body, to=[delivery.user.email]).send()
    except OSError as error:
        _note(delivery_id, type(error).__name__)
        raise
    _waiting(delivery_id).update(state=Delivery.SENT, sent_at=now(), last_error="")


def give_up(*, delivery_id: str, reason: str) -> None:
    """No further try: the delivery stays as a dead letter, with the reason."""
    _waiting(delivery_id).update(state=Delivery.DEAD, last_error=reason[:300])


def _note(delivery_id: str, failure: str) -> None:
    # Only the kind of failure: a mail server's own words may repeat the address.
    with transaction.atomic():
        _waiting(delivery_id).update(last_error=_("The mail server did not take it (%(kind)s).") % {"kind": failure})


def _waiting(delivery_id: str) -> QuerySet[Delivery]:
    return Delivery.objects.filter(id=delivery_id, state=Delivery.WAITING)


def mark_read(*, user_id: str, notice_id: UUID | None = None) -> int:
    """Mark one notice, or all of them, as read by their owner. Returns how many."""
    notices = Notice.objects.filter(user_id=user_id, read_at=None)
    if notice_id:
        notices = notices.filter(id=notice_id)
    return notices.update(read_at=now())
