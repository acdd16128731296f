"""What each check of each run found: counts and verdicts, never a value of a row."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.core.models import Record


class CheckResult(Record):
    """The verdict of one check in one run. `phase` is row, settle or output."""

    PASSED, FAILED, ERROR = "PASSED", "FAILED", "ERROR"

    run = models.CharField(max_length=80, help_text="Soft reference: run/<id>.")
    pipeline = models.CharField(max_length=80, help_text="Soft reference: pipeline/<id>.")
    stream = models.CharField(max_length=63)
    check_id = models.CharField(max_length=80)
    phase = models.CharField(max_length=10)
    kind = models.CharField(max_length=80)
    severity = models.CharField(max_length=10)
    status = models.CharField(max_length=10)
    observed = models.CharField(max_length=300)
    unexpected = models.BigIntegerField(null=True)
    total = models.BigIntegerField(null=True)
    # A share of rows (0 to 1) or a count, where telling it tells nothing of a row; with the limits that it was held to.
    measured = models.DecimalField(max_digits=28, decimal_places=9, null=True)
    lowest = models.DecimalField(max_digits=28, decimal_places=9, null=True)
    highest = models.DecimalField(max_digits=28, decimal_places=9, null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_verdict_per_check_and_run", fields=["run", "stream", "check_id", "phase"])
        ]
        indexes: ClassVar = [models.Index(name="check_history", fields=["pipeline", "stream", "check_id", "id"])]

    def __str__(self) -> str:
        return f"{self.check_id} {self.status}"
