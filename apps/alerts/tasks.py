"""Delivers messages; what failed is tried again by its job, what failed for good is a dead letter."""

from __future__ import annotations

from apps.core.jobs import Lease

from . import services


def deliver(lease: Lease) -> None:
    """The job `alert.deliver`; its subject is `delivery/<id>`."""
    services.deliver(delivery_id=lease.subject_id)


def dead(subject: str, reason: str) -> None:
    """No try is left."""
    services.give_up(delivery_id=subject.partition("/")[2], reason=reason)
