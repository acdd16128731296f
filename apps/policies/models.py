"""Masking policies; the text of a version never changes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.accounts.models import Team
from apps.core.models import Record


class Policy(Record):
    """A named masking policy of a team. Governed."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="policies")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    active_version = models.PositiveIntegerField()
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="policy_slug", fields=["team", "slug"])]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(Record):
    """One approved text."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.JSONField()
    hash = models.CharField(max_length=64)
    change = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="policy_version", fields=["policy", "number"])]

    def __str__(self) -> str:
        return f"{self.policy_id} v{self.number}"
