"""The job handlers of a run: each one call, with every expected failure turned into the run's end."""

from __future__ import annotations

from collections.abc import Callable

from apps.core.actor import system
from apps.core.jobs import Lease
from apps.dataplane.errors import Conflict, Fenced, LockgateError, Unreachable

from . import execution, recalling, restoring, services


def inspect(lease: Lease) -> None:
    _carry_out(execution.inspect, lease, "publish worker")


def extract(lease: Lease) -> None:
    _carry_out(execution.extract, lease, "extract worker")


def gate(lease: Lease) -> None:
    _carry_out(execution.gate, lease, "gate worker")


def publish(lease: Lease) -> None:
    _carry_out(execution.publish, lease, "publish worker")


def recall(lease: Lease) -> None:
    """A recall has an end of its own: the run stays published when it was refused."""
    try:
        restoring.restore(lease)
    except (Fenced, Conflict):
        raise
    except LockgateError as error:
        if isinstance(error, Unreachable) and error.passing:
            raise
        recalling.end(lease.subject_id, error, actor=system("publish worker"))


def recall_dead(subject: str, outcome: str) -> None:
    """The worker vanished as often as it may, perhaps after the destination had committed: that is said."""
    error = LockgateError(
        f"Gave up after several attempts: {outcome} Whether the destination was put back is not known.",
        remedy="Recall the run again: it finds out, and does nothing twice.",
    )
    recalling.end(subject.partition("/")[2], error, actor=system("sweeper"), unsure=True)


def dead(subject: str, outcome: str) -> None:
    """The job was tried as often as it may be."""
    error = LockgateError(f"Gave up after several attempts: {outcome} Nothing was written.", remedy="Run it again.")
    services.end(subject.partition("/")[2], error, actor=system("sweeper"))


def _carry_out(body: Callable[[Lease], None], lease: Lease, who: str) -> None:
    """What may pass by itself is tried again by the job; a run that ended meanwhile is left as it ended."""
    try:
        body(lease)
    except (Fenced, Conflict):
        raise
    except Unreachable as error:
        if error.passing:
            raise
        services.end(lease.subject_id, error, actor=system(who))
    except LockgateError as error:
        services.end(lease.subject_id, error, actor=system(who))
