"""Legal holds; what they hold is named by soft reference, so that every app above may ask."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.accounts.models import Team
from apps.core.models import Record


class LegalHold(Record):
    """A case that keeps the rows of one dataset: nothing deletes or replaces them until it is released.

    Placing one is immediate; releasing it takes an approved change.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="legal_holds")
    connection_id = models.UUIDField()
    schema = models.CharField(max_length=63)
    table = models.CharField(max_length=63)
    title = models.CharField(max_length=120)
    reason = models.CharField(max_length=2000)
    placed_by = models.CharField(max_length=120)
    placed_by_name = models.CharField(max_length=120)
    released_at = models.DateTimeField(null=True)
    release_change = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="a_hold_is_released_by_a_change",
                condition=models.Q(released_at__isnull=True, release_change="")
                | models.Q(released_at__isnull=False) & ~models.Q(release_change=""),
            )
        ]
        indexes: ClassVar = [
            models.Index(
                name="holds_in_force",
                fields=["connection_id", "schema", "table"],
                condition=models.Q(released_at__isnull=True),
            ),
            models.Index(name="holds_of_team", fields=["team", "id"]),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def dataset(self) -> str:
        return f"{self.schema}.{self.table}"
