"""Mails invitations and password links; what could not be mailed is told to administrators."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.alerts import services as alerts
from apps.core.jobs import Lease

from . import selectors, services


def mail(lease: Lease) -> None:
    """The job `account.mail`; its subject is `invitation/<person>` or `reset/<person>`."""
    kind, _slash, person_id = lease.subject.partition("/")
    services.send_link(kind=kind, person_id=person_id)


def mail_dead(subject: str, reason: str) -> None:
    """No try is left: the log says so, and administrators hear of it, for the person waits for that mail."""
    kind, _slash, person_id = subject.partition("/")
    services.give_up_link(kind=kind, person_id=person_id)
    sentence = (
        _("An invitation could not be mailed: look at the mail server, then invite again.")
        if kind == "invitation"
        else _("A password link could not be mailed: look at the mail server.")
    )
    people = [one.id for one in selectors.people_with(None, "administrator")]
    alerts.notify(user_ids=people, sentence=sentence, url=f"/people/{person_id}/", level="WARN")
