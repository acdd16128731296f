"""The job of this app: one service call, with every expected failure turned into the enforcement's end."""

from __future__ import annotations

from apps.core.actor import system
from apps.core.jobs import Lease
from apps.dataplane.errors import Conflict, Fenced, LockgateError, Unreachable

from . import execution, services


def enforce(lease: Lease) -> None:
    """What may pass by itself is tried again by the job."""
    try:
        execution.carry_out(lease)
    except (Fenced, Conflict):
        raise
    except LockgateError as error:
        if isinstance(error, Unreachable) and error.passing:
            raise
        services.end(lease.subject_id, error, actor=system("publish worker"))


def dead(subject: str, outcome: str) -> None:
    """The job was tried as often as it may be."""
    error = LockgateError(f"Gave up after several attempts: {outcome}", remedy="Make a dry run to see what is left.")
    services.end(subject.partition("/")[2], error, actor=system("sweeper"))
