"""Pipelines; the definition of a version never changes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.accounts.models import Team
from apps.core.models import Record
from apps.sources.models import Connection


class Pipeline(Record):
    """Source datasets to destination datasets. Governed, but for the pause: narrowing is immediate."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="pipelines")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    source = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="pipelines_from")
    destination = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="pipelines_to")
    active_version = models.PositiveIntegerField()
    paused_at = models.DateTimeField(null=True)
    paused_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    paused_by = models.CharField(max_length=120, blank=True, default="", db_default="")
    next_due_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="pipeline_slug", fields=["team", "slug"])]
        indexes: ClassVar = [models.Index(name="pipeline_due", fields=["next_due_at"])]

    def __str__(self) -> str:
        return self.name


class PipelineVersion(Record):
    """One approved definition."""

    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    hash = models.CharField(max_length=64)
    change = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="pipeline_version", fields=["pipeline", "number"])]

    def __str__(self) -> str:
        return f"{self.pipeline_id} v{self.number}"
