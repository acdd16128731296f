"""Notices that people see in the bell; channels, routes, and the messages that leave through them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.accounts.models import Team
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


class Channel(Record):
    """A way out, such as a mail server or a webhook. What it says is in its active version; governed."""

    SMTP, WEBHOOK = "smtp", "webhook"

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    active_version = models.PositiveIntegerField()
    disabled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_mail_server", fields=["kind"], condition=Q(kind="smtp", disabled_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return self.name


class ChannelVersion(Record):
    """One approved definition: where it leads, with its secret sealed to the general worker."""

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    hash = models.CharField(max_length=64)
    change = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="channel_version", fields=["channel", "number"])]

    def __str__(self) -> str:
        return f"{self.channel_id} v{self.number}"


class ChannelTest(Record):
    """A stepwise test of a proposed (or the active) definition by the worker that can open its secret."""

    RUNNING, PASSED, FAILED = "RUNNING", "PASSED", "FAILED"

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, null=True, related_name="tests")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposal = models.JSONField()
    steps = models.JSONField(default=list)
    state = models.CharField(max_length=10, default=RUNNING)
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.proposal.get('slug')} {self.state}"


class Route(Record):
    """Which alerts go where. Without a team it holds for every team and for Lockgate itself; governed."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="routes")
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    active_version = models.PositiveIntegerField()
    disabled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class RouteVersion(Record):
    """One approved definition of a route."""

    route = models.ForeignKey(Route, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField(help_text="{format, levels, subject, channels, owners, people, recoveries}")
    hash = models.CharField(max_length=64)
    change = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="route_version", fields=["route", "number"])]

    def __str__(self) -> str:
        return f"{self.route_id} v{self.number}"


class Delivery(Record):
    """One message to one person by mail, or through one channel; the row is written before anything is sent."""

    # DROPPED: it was for somebody who is not active any more.
    WAITING, SENT, DEAD, DROPPED = "WAITING", "SENT", "DEAD", "DROPPED"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="deliveries")
    target = models.ForeignKey(Channel, on_delete=models.PROTECT, null=True, related_name="deliveries")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=20, default="mail", help_text="mail or webhook")
    event = models.CharField(max_length=40, blank=True, help_text="What it tells: incident.opened, …")
    subject_ref = models.CharField(max_length=80)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    state = models.CharField(max_length=10, default=WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    replays = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    transport = models.CharField(max_length=20, blank=True, help_text="How it left: outbox, smtp or webhook.")
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="a_delivery_goes_somewhere", condition=Q(user__isnull=False) | Q(target__isnull=False)
            )
        ]
        indexes: ClassVar = [
            models.Index(name="delivery_about", fields=["subject_ref", "id"]),
            models.Index(name="delivery_state", fields=["state", "id"]),
            models.Index(name="delivery_transport", fields=["transport", "id"]),
        ]

    def __str__(self) -> str:
        return self.subject
