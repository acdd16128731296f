"""Jobs: enqueue in the caller's transaction, claim once, hold by lease and fence, sweep what was left behind.

PostgreSQL is the truth. A Celery message holds a job's id and is a mere nudge: losing it, doubling it or forging it
changes nothing, because only the compare-and-set in `claim` starts work.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, models, transaction
from django.db.models import Count, F, Min, Q
from django.db.models.functions import Now
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from apps.dataplane.errors import Fenced, LockgateError, Unreachable

from .jobkinds import JobKind
from .logs import job_id, run_id
from .models import Job

log = logging.getLogger("lockgate.jobs")
NUDGE_AGAIN = timedelta(seconds=5)
UNHEARD = timedelta(seconds=10)


@dataclass
class Lease:
    """A claimed job in the hands of its worker. Whoever writes outside first calls `check`.

    `left_behind` names the database backends of an attempt before, which may still be at work: end them first.
    """

    job_id: str
    kind: str
    subject: str
    attempt: int
    fence: int
    owner: str
    seconds: int
    left_behind: list[list[str]] = field(default_factory=list)
    lost: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def subject_id(self) -> str:
        """The id behind the soft reference `kind/<id>`."""
        return self.subject.partition("/")[2]

    def check(self) -> None:
        """Raise Fenced when another worker has taken the job over."""
        if self.lost.is_set():
            raise Fenced(f"Another worker took over {self.subject}.")

    def renew(self) -> bool:
        """Extend the lease by the database's clock; False, and lost for good, when it is no longer ours."""
        held = self._row().update(lease_until=Now() + timedelta(seconds=self.seconds))
        if not held:
            self.lost.set()
        return bool(held)

    def hold_backends(self, backends: list[list[str]]) -> None:
        """Remember database backends, so that a takeover can end them: [[connection id, pid, started at], …]."""
        if not self._row().update(backends=backends):
            self.lost.set()
        self.check()

    def _row(self) -> models.QuerySet[Job]:
        return Job.objects.filter(id=self.job_id, state=Job.CLAIMED, fence=self.fence, owner=self.owner)


def kinds() -> Mapping[str, JobKind]:
    """The registry, given by the composition root through settings."""
    return settings.LOCKGATE_JOBS


def enqueue(kind: str, *, subject: str, delay: timedelta | None = None) -> Job:
    """Insert a job in the caller's transaction; on commit its queue is nudged. An unknown kind: KeyError."""
    spec = kinds()[kind]
    job = Job(
        kind=kind, queue=spec.queue, subject=subject, max_attempts=spec.attempts, lease_seconds=spec.lease_seconds
    )
    if delay:
        job.run_after = Now() + delay
    job.save(force_insert=True)
    if not delay:
        transaction.on_commit(lambda: nudge(str(job.id), spec.queue))
    return job


def nudge(job: str, queue: str) -> None:
    """Tell a worker to look. A dead broker loses nothing: the sweeper nudges again."""
    from .tasks import run_job

    try:
        run_job.apply_async(args=[job], queue=queue, retry=False)
    except (OSError, OperationalError):
        log.warning("the broker did not take a nudge for job %s; the sweeper will try again", job)


def claim(job: str, *, owner: str, queue: str = "") -> Lease | None:
    """Compare-and-set a waiting job to ours; None when it is not waiting (done, taken, forged or not due).

    With `queue` it must be one of that queue's: a message that was put into another one by hand starts nothing there.
    """
    due = Q(state=Job.QUEUED, run_after__lte=Now(), attempts__lt=F("max_attempts"))
    if queue:
        due &= Q(queue=queue)
    taken = Job.objects.filter(due, id=job).update(
        state=Job.CLAIMED,
        owner=owner,
        attempts=F("attempts") + 1,
        fence=F("fence") + 1,
        lease_until=Now() + F("lease_seconds") * timedelta(seconds=1),
    )
    if not taken:
        return None
    row = Job.objects.get(id=job)
    return Lease(str(row.id), row.kind, row.subject, row.attempts, row.fence, owner, row.lease_seconds, row.backends)


def finish(lease: Lease, *, state: str = Job.DONE, outcome: str = "") -> None:
    """Close the job; Fenced when it is no longer ours. Call it inside the transaction of the job's last write."""
    closed = lease._row().update(state=state, outcome=outcome[:2000], ended_at=Now(), lease_until=None, owner="")
    if not closed:
        lease.lost.set()
    lease.check()


def release(lease: Lease, *, outcome: str) -> None:
    """Give a job back after an unexpected failure: it is tried again, or is dead when its tries are used up."""
    tries_left = Q(attempts__lt=F("max_attempts"))
    backoff = timedelta(seconds=2**lease.attempt)
    again = lease._row().filter(tries_left)
    if again.update(state=Job.QUEUED, owner="", lease_until=None, outcome=outcome[:2000], run_after=Now() + backoff):
        return
    if lease._row().update(state=Job.DEAD, outcome=outcome[:2000], ended_at=Now(), lease_until=None, owner=""):
        bury(Job.objects.get(id=lease.job_id))


def bury(job: Job) -> None:
    """Tell the app whose job died for good."""
    path = kinds()[job.kind].on_dead
    if path:
        import_string(path)(job.subject, job.outcome or "The worker stopped without a word.")


def work(job: str, *, owner: str | None = None, queue: str = "") -> None:
    """Claim one job and carry it out. Every way out leaves the row in a state from which somebody goes on."""
    lease = claim(job, owner=owner or f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}", queue=queue)
    if lease is None:
        return
    about = lease.subject_id if lease.subject.startswith("run/") else ""
    marks = job_id.set(lease.job_id), run_id.set(about)
    try:
        with renewing(lease):
            import_string(kinds()[lease.kind].path)(lease)
        _close(lease, Job.DONE, "")
    except Fenced:
        log.warning("job %s was taken over; this worker stops", lease.job_id)
    except Unreachable as error:
        log.warning("job %s: %s", lease.job_id, error.sentence)
        _give_back(lease, error.sentence)
    except LockgateError as error:
        _close(lease, Job.FAILED, error.sentence)
    except Exception as error:
        log.exception("job %s (%s) failed unexpectedly", lease.job_id, lease.kind)
        _give_back(lease, f"Unexpected {type(error).__name__}; the worker's log has the place.")
    finally:
        job_id.reset(marks[0])
        run_id.reset(marks[1])


def _close(lease: Lease, state: str, outcome: str) -> None:
    """A handler may have finished its job in its own last transaction: then there is nothing left to do."""
    if Job.objects.filter(id=lease.job_id, state=Job.CLAIMED, fence=lease.fence).exists():
        finish(lease, state=state, outcome=outcome)


def _give_back(lease: Lease, outcome: str) -> None:
    try:
        if connection.errors_occurred and not connection.in_atomic_block:
            connection.close()
        release(lease, outcome=outcome)
    except DatabaseError:
        log.warning("job %s could not be given back; its lease will run out", lease.job_id)


@contextmanager
def renewing(lease: Lease) -> Iterator[None]:
    """Renew the lease from a thread of its own, so that long work need not think of it."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(lease.seconds / 4):
            try:
                if not lease.renew():
                    break
            except DatabaseError:
                log.warning("the lease of job %s could not be renewed; trying again", lease.job_id)
                close_old_connections()
        connection.close()

    thread = threading.Thread(target=renew, name=f"lease-{lease.job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def sweep(*, on_takeover: Callable[[Job], None] | None = None, limit: int = 200) -> int:
    """Put back what was left behind: expired leases wait again or die. Waiting jobs are nudged again."""
    expired = list(Job.objects.filter(state=Job.CLAIMED, lease_until__lt=Now()).order_by("lease_until")[:limit])
    for job in expired:
        _take_back(job, on_takeover)
    stale = Q(nudged_at__isnull=True) | Q(nudged_at__lt=Now() - NUDGE_AGAIN)
    waiting = Job.objects.filter(stale, state=Job.QUEUED, run_after__lte=Now(), created_at__lt=Now() - NUDGE_AGAIN)
    for job in waiting.order_by("run_after")[:limit]:
        Job.objects.filter(id=job.id, state=Job.QUEUED).update(nudged_at=Now())
        nudge(str(job.id), job.queue)
    return len(expired)


def overlooked(queue: str) -> bool:
    """Whether due jobs of a queue were nudged again and still wait, while no worker of it on this host is at work."""
    before = Now() - UNHEARD
    told = Job.objects.filter(queue=queue, state=Job.QUEUED, run_after__lt=before, nudged_at__gte=F("run_after"))
    busy = Job.objects.filter(queue=queue, state=Job.CLAIMED, owner__startswith=f"{socket.gethostname()}:")
    return told.exists() and not busy.exists()


@dataclass(frozen=True)
class Queue:
    """What waits and what is at work in one queue; `oldest` is since when the first has been due."""

    name: str
    waiting: int
    working: int
    oldest: datetime | None


def queues() -> list[Queue]:
    """Every queue there is, by name."""
    due = Q(state=Job.QUEUED, run_after__lte=Now())
    rows = (
        Job.objects.filter(state__in=(Job.QUEUED, Job.CLAIMED))
        .values("queue")
        .annotate(
            waiting=Count("id", filter=due),
            working=Count("id", filter=Q(state=Job.CLAIMED)),
            oldest=Min("run_after", filter=due),
        )
        .order_by("queue")
    )
    found = {row["queue"]: Queue(row["queue"], row["waiting"], row["working"], row["oldest"]) for row in rows}
    names = sorted({kind.queue for kind in kinds().values()} | set(found))
    return [found.get(name, Queue(name, 0, 0, None)) for name in names]


def _take_back(job: Job, on_takeover: Callable[[Job], None] | None) -> None:
    same = Job.objects.filter(id=job.id, state=Job.CLAIMED, fence=job.fence, lease_until__lt=Now())
    if job.attempts < job.max_attempts:
        # The owner may only be slow: raising the fence makes sure that it can finish nothing any more.
        taken = same.update(state=Job.QUEUED, owner="", lease_until=None, fence=F("fence") + 1, run_after=Now())
        if taken:
            log.warning("job %s (%s) was left behind and waits again", job.id, job.kind)
            if on_takeover:
                on_takeover(job)
            nudge(str(job.id), job.queue)
    elif same.update(state=Job.DEAD, owner="", lease_until=None, fence=F("fence") + 1, ended_at=Now()):
        bury(job)
