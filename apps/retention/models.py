"""Retention rules and their immutable versions, and every count and deletion carried out under them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.accounts.models import Team
from apps.core.models import NextNumber, Record


class RetentionRule(Record):
    """A named rule of a team. Governed, but for pausing and the next due time."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="retention_rules")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    active_version = models.PositiveIntegerField()
    paused_at = models.DateTimeField(null=True)
    next_due_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="retention_rule_slug", fields=["team", "slug"])]
        indexes: ClassVar = [
            models.Index(name="retention_due", fields=["next_due_at"], condition=Q(paused_at__isnull=True))
        ]

    def __str__(self) -> str:
        return self.name


class RetentionRuleVersion(Record):
    """One approved definition."""

    rule = models.ForeignKey(RetentionRule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    hash = models.CharField(max_length=64)
    change = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="retention_rule_version", fields=["rule", "number"])]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"


class Enforcement(Record):
    """One execution of a rule: a dry run counts, a deletion deletes exactly what was counted.

    `outcomes`: [{dataset, column, state, rows, oldest, newest, undated, sentence}], one per dataset;
    state is COUNTED, DELETED, HELD, SKIPPED (it has no such column) or REFUSED.
    """

    DRY_RUN, DELETION = "DRY_RUN", "DELETION"
    QUEUED, RUNNING, DONE, REFUSED, FAILED = "QUEUED", "RUNNING", "DONE", "REFUSED", "FAILED"
    ENDED = (DONE, REFUSED, FAILED)
    COUNTED, DELETED, HELD, SKIPPED = "COUNTED", "DELETED", "HELD", "SKIPPED"

    number = models.BigIntegerField(unique=True, db_default=NextNumber("enforcement_number"), editable=False)
    rule = models.ForeignKey(RetentionRule, on_delete=models.PROTECT, related_name="enforcements")
    rule_version = models.PositiveIntegerField()
    mode = models.CharField(max_length=10)
    trigger = models.CharField(max_length=20, help_text="manual, schedule or approval.")
    started_by = models.CharField(max_length=120)
    state = models.CharField(max_length=10, default=QUEUED)
    before = models.DateTimeField(help_text="Rows dated before this moment are due.")
    dry_run = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="deletions")
    change = models.CharField(max_length=80, blank=True, help_text="The change that approved a first deletion.")
    outcomes = models.JSONField(default=list)
    rows = models.BigIntegerField(default=0)
    sentence = models.TextField(blank=True)
    remedy = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_enforcement_at_a_time", fields=["rule"], condition=Q(state__in=["QUEUED", "RUNNING"])
            ),
            models.UniqueConstraint(
                name="a_dry_run_is_carried_out_once",
                fields=["dry_run"],
                condition=Q(dry_run__isnull=False) & ~Q(state__in=["REFUSED", "FAILED"]),
            ),
        ]
        indexes: ClassVar = [models.Index(name="enforcements_of_rule", fields=["rule", "number"])]

    @property
    def ended(self) -> bool:
        return self.state in self.ENDED

    def __str__(self) -> str:
        return f"enforcement {self.number}"
