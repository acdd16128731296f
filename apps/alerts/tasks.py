"""Delivers messages and tests channels; what failed is tried again, what failed for good is a dead letter."""

from __future__ import annotations

from apps.core.jobs import Lease

from . import channel_services, services


def deliver(lease: Lease) -> None:
    """The job `alert.deliver`; its subject is `delivery/<id>`."""
    services.deliver(delivery_id=lease.subject_id)


def dead(subject: str, reason: str) -> None:
    """The worker died over it again and again."""
    services.give_up(delivery_id=subject.partition("/")[2], reason=reason)


def test(lease: Lease) -> None:
    """The job `channel.test`; its subject is `channeltest/<id>`."""
    channel_services.run_test(lease=lease)


def test_dead(subject: str, outcome: str) -> None:
    channel_services.give_up_test(test_id=subject.partition("/")[2], outcome=outcome)


test.__test__ = test_dead.__test__ = False  # type: ignore[attr-defined]
