"""Events as appended, their personal detail beside them, their sequence by the notary; exports and verifications."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.models import Record


class Event(Record):
    """One act. `body` holds the canonical bytes that are hashed; the other columns repeat parts of it for search.

    Nobody may update or delete a row: the grants give INSERT and SELECT alone.
    """

    body = models.BinaryField()
    action = models.CharField(max_length=60)
    actor_id = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    team_id = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(name="event_action", fields=["action", "id"]),
            models.Index(name="event_actor", fields=["actor_id", "id"]),
            models.Index(name="event_subject", fields=["subject", "id"]),
            models.Index(name="event_team", fields=["team_id", "id"], condition=~Q(team_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class EventDetail(models.Model):
    """Names and sentences of an event. The event holds their salted hash, so erasing this row keeps every proof."""

    event = models.OneToOneField(Event, primary_key=True, on_delete=models.PROTECT, related_name="detail")
    salt = models.BinaryField()
    body = models.BinaryField()
    actor_name = models.CharField(max_length=200)
    summary = models.TextField()

    def __str__(self) -> str:
        return self.summary


class Sequenced(models.Model):
    """An event's place in the chain. Written by the notary alone.

    `chain_hash` is SHA-256 of the previous chain hash and this event's hash, both as 32 bytes; before the first: zeros.
    """

    number = models.PositiveBigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="sequenced")
    event_hash = models.BinaryField()
    chain_hash = models.BinaryField()
    sequenced_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.number)


class Task(Record):
    """Work on the log that an auditor waits for: QUEUED → RUNNING → DONE or FAILED."""

    QUEUED, RUNNING, DONE, FAILED = "QUEUED", "RUNNING", "DONE", "FAILED"

    asked_by = models.CharField(max_length=60, help_text="The id of whoever asked.")
    state = models.CharField(max_length=10, default=QUEUED)
    done = models.PositiveBigIntegerField(default=0, help_text="Events looked at so far.")
    total = models.PositiveBigIntegerField(default=0, help_text="Events to look at, as far as that is known.")
    failure = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Export(Task):
    """A file of the events that fit a search. EXPIRED when its file has been removed."""

    EXPIRED = "EXPIRED"

    format = models.CharField(max_length=5, help_text="csv or jsonl.")
    filters = models.JSONField()
    filter_text = models.TextField(help_text="The search for people, as it stands in the file.")
    until = models.UUIDField(help_text="No event with a greater id is in it.")
    rows = models.PositiveBigIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="an_export_has_a_known_format", condition=Q(format__in=["csv", "jsonl"]))
        ]

    def __str__(self) -> str:
        return f"audit-{self.id}.{self.format}"


class Walk(Task):
    """A verification of the whole log as a job. `first_bad` is empty when the log is whole."""

    ok = models.BooleanField(null=True)
    sequenced = models.PositiveBigIntegerField(default=0)
    pending = models.PositiveBigIntegerField(default=0)
    first_bad = models.CharField(max_length=60, blank=True)
    sentence = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.sentence
