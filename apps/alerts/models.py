"""Notices that people see in the bell, and messages that leave by mail."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core.models import Record


class Notice(Record):
    """A line in somebody's bell. It holds no personal data: a sentence and where to look."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    sentence = models.CharField(max_length=300)
    url = models.CharField(max_length=200)
    level = models.CharField(max_length=10, default="INFO")
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(name="notice_of", fields=["user", "id"]),
            models.Index(name="notice_unread", fields=["user"], condition=Q(read_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.sentence


class Delivery(Record):
    """One message to one person through one channel; the row is written before anything is sent."""

    WAITING, SENT, DEAD = "WAITING", "SENT", "DEAD"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=20, default="mail")
    subject_ref = models.CharField(max_length=80)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    state = models.CharField(max_length=10, default=WAITING)
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.subject
