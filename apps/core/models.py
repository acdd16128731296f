"""Jobs, the beats of processes, and the base of every other model."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now

from .ids import uuid7


class NextNumber(Func):
    """The next value of a named sequence: people say "run 2041", not a UUID."""

    function = "nextval"

    def __init__(self, sequence: str) -> None:
        super().__init__(Value(sequence), output_field=models.BigIntegerField())
        self.sequence = sequence

    def deconstruct(self) -> tuple[str, tuple[str], dict[str, object]]:
        return "apps.core.models.NextNumber", (self.sequence,), {}


class Record(models.Model):
    """The base of what people see: a time-ordered id and when it was made, by the database's clock."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True


class Job(Record):
    """Work that somebody waits for. One claim at a time, held by a lease of the database's clock and a fence."""

    QUEUED, CLAIMED, DONE, FAILED, DEAD = "QUEUED", "CLAIMED", "DONE", "FAILED", "DEAD"

    kind = models.CharField(max_length=60)
    queue = models.CharField(max_length=20)
    subject = models.CharField(max_length=80, help_text="Soft reference to what it is about, such as run/<id>.")
    state = models.CharField(max_length=10, default=QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    lease_seconds = models.PositiveIntegerField(default=60)
    fence = models.PositiveBigIntegerField(default=0)
    owner = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True)
    run_after = models.DateTimeField(db_default=Now())
    nudged_at = models.DateTimeField(null=True)
    backends = models.JSONField(default=list, help_text="Leased database backends: [connection id, pid, started at].")
    outcome = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="a_claimed_job_has_an_owner_and_a_lease",
                condition=~Q(state="CLAIMED") | Q(lease_until__isnull=False) & ~Q(owner=""),
            ),
            models.CheckConstraint(name="attempts_are_bounded", condition=Q(attempts__lte=F("max_attempts"))),
        ]
        indexes: ClassVar = [
            models.Index(name="job_waiting", fields=["run_after"], condition=Q(state="QUEUED")),
            models.Index(name="job_leased", fields=["lease_until"], condition=Q(state="CLAIMED")),
            models.Index(name="job_subject", fields=["subject", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class ProcessBeat(models.Model):
    """The last sign of life of one process, what it does, and whether it can open its keys."""

    name = models.CharField(primary_key=True, max_length=40, help_text="Of this very process: two of a kind have two.")
    kind = models.CharField(max_length=40, default="")
    host = models.CharField(max_length=120, default="")
    does = models.JSONField(default=list, help_text="The parts that are at work: a worker's class, or loops.")
    role = models.CharField(max_length=20)
    pid = models.IntegerField()
    locked = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    memory_bytes = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class ProposalWanted(Record):
    """A lower app asks for a change that it may not open itself; a task of `changes` turns it into one.

    `team_slug` stands for a team that does not exist yet; `outcome` is `change/<id>`, or why there is none.
    """

    kind = models.CharField(max_length=40)
    team_id = models.UUIDField(null=True)
    team_slug = models.CharField(max_length=40, blank=True, default="", db_default="")
    subject = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    proposal = models.JSONField()
    requested_by = models.CharField(max_length=120)
    taken_at = models.DateTimeField(null=True)
    outcome = models.TextField(blank=True, default="", db_default="")

    def __str__(self) -> str:
        return self.title


class Answered(Record):
    """The answer that a program got for an Idempotency-Key, so that asking twice acts once."""

    actor_id = models.CharField(max_length=60)
    key = models.CharField(max_length=128)
    request_hash = models.CharField(max_length=64, help_text="Of verb, path and body: a key is for one request alone.")
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="one_answer_per_key", fields=["actor_id", "key"])]

    def __str__(self) -> str:
        return self.key


class Restoration(Record):
    """This installation was put back from a backup. Fences handed out since begin at `fence_base`.

    Destinations may hold fences of runs that this database has forgotten; the base is above all of them.
    """

    backup_made_at = models.DateTimeField()
    backup_events = models.BigIntegerField(help_text="How many events of the audit log were numbered in the backup.")
    fence_base = models.BigIntegerField()

    def __str__(self) -> str:
        return f"restored from {self.backup_made_at:%Y-%m-%d}"
