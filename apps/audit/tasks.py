"""Exports and verifications, as jobs of the general worker."""

from __future__ import annotations

from apps.core.jobs import Lease

from . import exporting, walking


def export(lease: Lease) -> None:
    """The job `audit.export`."""
    exporting.write(lease=lease)


def export_dead(subject: str, outcome: str) -> None:
    exporting.give_up(export_id=subject.partition("/")[2], outcome=outcome)


def expire_export(lease: Lease) -> None:
    """The job `audit.expire_export`, a day later."""
    exporting.expire(lease=lease)


def verify(lease: Lease) -> None:
    """The job `audit.verify`."""
    walking.make(lease=lease)


def verify_dead(subject: str, outcome: str) -> None:
    walking.give_up(walk_id=subject.partition("/")[2], outcome=outcome)
