"""Edges from source column to destination column, as a run executed them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from apps.core.models import Record


class Edge(Record):
    """One column's way; renewed by each run that takes it. Ends are `connection id/schema.table.column`."""

    source = models.CharField(max_length=260)
    destination = models.CharField(max_length=260)
    treatment = models.CharField(max_length=200)
    pipeline = models.CharField(max_length=80)
    run = models.CharField(max_length=80)
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="one_edge", fields=["pipeline", "source", "destination"])]
        indexes: ClassVar = [models.Index(name="edge_to", fields=["destination"])]

    def __str__(self) -> str:
        return f"{self.source} > {self.destination}"
