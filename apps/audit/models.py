"""Events as appended, their personal detail beside them, and the sequence that the notary gives them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
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
