"""Changes, who took which part in them, and what was said."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import Team
from apps.core.models import NextNumber, Record


class Change(Record):
    """A proposal to alter something governed.

    OPEN → APPROVED → APPLIED, or REJECTED, WITHDRAWN, EXPIRED, or REFUSED when the applier found a difference.
    `binding` is what an approval binds; `binding_hash` its canonical hash, repeated in every verdict.
    """

    OPEN, APPROVED, APPLIED = "OPEN", "APPROVED", "APPLIED"
    REJECTED, WITHDRAWN, EXPIRED, REFUSED = "REJECTED", "WITHDRAWN", "EXPIRED", "REFUSED"
    ENDED = (APPLIED, REJECTED, WITHDRAWN, EXPIRED, REFUSED)

    number = models.BigIntegerField(unique=True, db_default=NextNumber("change_number"), editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="changes")
    kind = models.CharField(max_length=20)
    target = models.CharField(max_length=120, help_text="Soft reference: policy/<id>, or policy/new/<team>/<slug>.")
    title = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    sentence = models.TextField(help_text="The consequence, in one sentence.")
    risk = models.CharField(max_length=10)
    risk_reasons = models.JSONField(default=list)
    approvals_needed = models.PositiveSmallIntegerField()
    proposal = models.JSONField()
    binding = models.JSONField(help_text="{proposal, base_version, plans_before, plans_after, risk, approvals_needed}")
    binding_hash = models.CharField(max_length=64)
    exhibits = models.JSONField(default=dict)
    founding = models.BooleanField(default=False)
    state = models.CharField(max_length=10, default=OPEN)
    outcome = models.TextField(blank=True)
    rolls_back = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="rolled_back_by")
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="an_empty_rule_never_approves", condition=Q(approvals_needed__gte=1) | Q(founding=True)
            )
        ]
        indexes: ClassVar = [
            models.Index(name="change_list", fields=["team", "number"]),
            models.Index(name="change_waiting", fields=["number"], condition=Q(state="APPROVED")),
            models.Index(name="change_target", fields=["target", "number"]),
        ]

    def __str__(self) -> str:
        return self.title


class Participant(models.Model):
    """The one part that a person takes in a change. The primary key bars authors and editors from reviewing."""

    AUTHOR, EDITOR, REVIEWER = "AUTHOR", "EDITOR", "REVIEWER"
    APPROVED, REJECTED, ASKED = "APPROVED", "REJECTED", "ASKED"

    pk = models.CompositePrimaryKey("change_id", "person_id")
    change = models.ForeignKey(Change, on_delete=models.PROTECT, related_name="participants")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    part = models.CharField(max_length=10)
    verdict = models.CharField(max_length=10, blank=True)
    binding_hash = models.CharField(max_length=64, blank=True)
    comment = models.TextField(blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="nobody_approves_their_own_change",
                condition=Q(part="REVIEWER", verdict__in=["APPROVED", "REJECTED", "ASKED"]) & ~Q(binding_hash="")
                | Q(part__in=["AUTHOR", "EDITOR"], verdict="", binding_hash=""),
            )
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.verdict}"


class Comment(Record):
    """What somebody said about a change."""

    change = models.ForeignKey(Change, on_delete=models.PROTECT, related_name="comments")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()

    def __str__(self) -> str:
        return self.text[:60]
