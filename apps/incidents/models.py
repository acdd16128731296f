"""Incidents and their timeline."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.accounts.models import Team
from apps.core.models import NextNumber, Record


class Incident(Record):
    """One problem with one subject. While it is live, the same problem adds to it and opens no other.

    Without a team it is the organisation's: Lockgate itself is not well.
    """

    OPEN, ACKNOWLEDGED, SNOOZED, RESOLVED = "OPEN", "ACKNOWLEDGED", "SNOOZED", "RESOLVED"

    number = models.BigIntegerField(unique=True, db_default=NextNumber("incident_number"), editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="incidents")
    subject = models.CharField(max_length=80, help_text="Soft reference: pipeline/<id>, or system/<name>.")
    problem = models.CharField(
        max_length=120, help_text="What is wrong, as a stable key: check/<stream>/<check id>, run/failed."
    )
    title = models.CharField(max_length=200)
    sentence = models.TextField()
    effect = models.CharField(max_length=200, blank=True, help_text="What became of the data: is the old still served?")
    level = models.CharField(max_length=10)
    state = models.CharField(max_length=12, default=OPEN)
    times = models.PositiveIntegerField(default=1)
    last_ref = models.CharField(max_length=80, help_text="Soft reference to the last run that showed it.")
    last_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, help_text="Since when it is live: its last opening.")
    reopened = models.PositiveIntegerField(default=0)
    acknowledged_by = models.CharField(max_length=120, blank=True)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    snoozed_until = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=300, blank=True)
    resolution_kind = models.CharField(max_length=20, blank=True, help_text="fixed, false_alarm, accepted, other, gone")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_open_incident_per_problem", fields=["subject", "problem"], condition=~Q(state="RESOLVED")
            ),
            models.CheckConstraint(
                name="a_snoozed_incident_comes_back", condition=~Q(state="SNOOZED") | Q(snoozed_until__isnull=False)
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="incident_list", fields=["team", "number"]),
            models.Index(name="incident_live", fields=["state", "number"], condition=~Q(state="RESOLVED")),
            models.Index(name="incident_last_seen", fields=["last_at", "id"]),
            models.Index(name="incident_problem", fields=["subject", "problem", "number"]),
        ]

    def __str__(self) -> str:
        return self.title


class IncidentEntry(Record):
    """A line of an incident's timeline."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="entries")
    what = models.CharField(max_length=30)
    who = models.CharField(max_length=120)
    sentence = models.CharField(max_length=2000)

    def __str__(self) -> str:
        return self.sentence
