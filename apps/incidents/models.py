"""Incidents and their timeline."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.accounts.models import Team
from apps.core.models import NextNumber, Record


class Incident(Record):
    """One problem with one subject. While it is open, the same problem adds to it and opens no other."""

    OPEN, ACKNOWLEDGED, RESOLVED = "OPEN", "ACKNOWLEDGED", "RESOLVED"

    number = models.BigIntegerField(unique=True, db_default=NextNumber("incident_number"), editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="incidents")
    subject = models.CharField(max_length=80, help_text="Soft reference: pipeline/<id>.")
    problem = models.CharField(
        max_length=120, help_text="What is wrong, as a stable key: check/<stream>/<check id>, run/failed."
    )
    title = models.CharField(max_length=200)
    sentence = models.TextField()
    level = models.CharField(max_length=10)
    state = models.CharField(max_length=12, default=OPEN)
    times = models.PositiveIntegerField(default=1)
    last_ref = models.CharField(max_length=80, help_text="Soft reference to the last run that showed it.")
    last_at = models.DateTimeField()
    acknowledged_by = models.CharField(max_length=120, blank=True)
    resolved_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_open_incident_per_problem", fields=["subject", "problem"], condition=~Q(state="RESOLVED")
            )
        ]
        indexes: ClassVar = [models.Index(name="incident_list", fields=["team", "number"])]

    def __str__(self) -> str:
        return self.title


class IncidentEntry(Record):
    """A line of an incident's timeline."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="entries")
    what = models.CharField(max_length=30)
    who = models.CharField(max_length=120)
    sentence = models.CharField(max_length=300)

    def __str__(self) -> str:
        return self.sentence
