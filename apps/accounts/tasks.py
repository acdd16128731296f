"""Mails invitations and password links."""

from __future__ import annotations

from apps.core.jobs import Lease

from . import services


def mail(lease: Lease) -> None:
    """The job `account.mail`; its subject is `invitation/<person>` or `reset/<person>`."""
    kind, _, person_id = lease.subject.partition("/")
    services.send_link(kind=kind, person_id=person_id)
