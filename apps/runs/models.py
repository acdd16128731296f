"""Runs, their steps, parts, log, quarantine and manifest; recalls, and the runs that read what was recalled."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.core.models import NextNumber, Record
from apps.pipelines.models import Pipeline


class Run(Record):
    """One execution of a plan.

    QUEUED → RUNNING → PUBLISHED, or → REFUSED (a rule said no), BLOCKED (the gate is closed), FAILED, CANCELLED.
    PUBLISHED → RECALLING → RECALLED, or back to PUBLISHED when the recall was refused.
    The row equation holds for PUBLISHED: read = published + quarantined + rejected + excluded.
    """

    QUEUED, RUNNING, PUBLISHED = "QUEUED", "RUNNING", "PUBLISHED"
    REFUSED, BLOCKED, FAILED, CANCELLED = "REFUSED", "BLOCKED", "FAILED", "CANCELLED"
    RECALLING, RECALLED = "RECALLING", "RECALLED"
    ENDED = (PUBLISHED, REFUSED, BLOCKED, FAILED, CANCELLED, RECALLING, RECALLED)
    # Of these a pipeline has one at most: nothing else may touch its destination meanwhile.
    UNDER_WAY = (QUEUED, RUNNING, RECALLING)

    number = models.BigIntegerField(unique=True, db_default=NextNumber("run_number"), editable=False)
    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="runs")
    pipeline_version = models.PositiveIntegerField()
    team_id = models.UUIDField()
    trigger = models.CharField(max_length=20, help_text="manual, schedule, retry or same_plan.")
    repeats = models.BigIntegerField(null=True, help_text="The number of the run that this one retries or repeats.")
    reload = models.BooleanField(
        default=False, help_text="Incremental streams read everything once more and replace what is there."
    )
    started_by = models.CharField(max_length=120)
    state = models.CharField(max_length=12, default=QUEUED)
    fence = models.PositiveBigIntegerField(default=0, help_text="Raised by each attempt to extract; parts carry it.")
    plan = models.JSONField(null=True)
    plan_hash = models.CharField(max_length=64, blank=True)
    counts = models.JSONField(default=dict, help_text="By stream: read, staged, quarantined, rejected, excluded.")
    founding = models.BooleanField(default=False)
    rows_read = models.BigIntegerField(default=0)
    rows_published = models.BigIntegerField(default=0)
    rows_quarantined = models.BigIntegerField(default=0)
    rows_rejected = models.BigIntegerField(default=0)
    rows_excluded = models.BigIntegerField(default=0)
    sentence = models.TextField(blank=True, help_text="Why it ended as it did.")
    remedy = models.TextField(blank=True)
    code = models.CharField(max_length=40, blank=True, db_default="", help_text="The kind of failure it ended with.")
    refusals = models.JSONField(default=list)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    duration = models.GeneratedField(
        expression=models.F("ended_at") - models.F("started_at"),
        output_field=models.DurationField(null=True),
        db_persist=True,
        help_text="Stored, so that a list can be sorted by it.",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_run_at_a_time_per_pipeline",
                fields=["pipeline"],
                condition=Q(state__in=["QUEUED", "RUNNING", "RECALLING"]),
            ),
            models.CheckConstraint(
                name="no_row_is_lost",
                condition=~Q(state="PUBLISHED")
                | Q(
                    rows_read=models.F("rows_published")
                    + models.F("rows_quarantined")
                    + models.F("rows_rejected")
                    + models.F("rows_excluded")
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="run_list", fields=["team_id", "number"]),
            models.Index(name="run_of_pipeline", fields=["pipeline", "number"]),
            models.Index(name="run_of_state", fields=["state", "number"]),
            models.Index(name="run_of_trigger", fields=["trigger", "number"]),
            models.Index(name="run_created", fields=["created_at"]),
            models.Index(models.F("duration").desc(nulls_last=True), "id", name="run_longest"),
            models.Index(models.F("duration").asc(nulls_last=True), "id", name="run_shortest"),
            models.Index(models.F("rows_read").desc(nulls_last=True), "id", name="run_largest"),
            models.Index(models.F("rows_read").asc(nulls_last=True), "id", name="run_smallest"),
        ]

    @property
    def ended(self) -> bool:
        return self.state in self.ENDED

    @property
    def took(self) -> timedelta | None:
        return self.ended_at - self.started_at if self.ended_at and self.started_at else None

    def __str__(self) -> str:
        return f"run {self.number}"


class Step(Record):
    """One of the steps of a run, with what it counted."""

    WAITING, RUNNING, DONE, FAILED = "WAITING", "RUNNING", "DONE", "FAILED"

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=20)
    state = models.CharField(max_length=10, default=WAITING)
    attempt = models.PositiveSmallIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    rows_expected = models.BigIntegerField(default=0)
    detail = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="one_step_per_name", fields=["run", "name"])]

    def __str__(self) -> str:
        return self.name


class LogLine(models.Model):
    """One line of a run's log, without any value of a row."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="log")
    at = models.DateTimeField()
    level = models.CharField(max_length=10, default="INFO")
    step = models.CharField(max_length=20)
    sentence = models.CharField(max_length=400)

    class Meta:
        indexes: ClassVar = [models.Index(name="log_of_run", fields=["run", "id"])]

    def __str__(self) -> str:
        return self.sentence


class Part(Record):
    """A staged, signed file: where it is, and the header that was signed."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="parts")
    fence = models.PositiveBigIntegerField()
    stream = models.CharField(max_length=63)
    kind = models.CharField(max_length=12)
    ordinal = models.PositiveIntegerField()
    path = models.CharField(max_length=300)
    header = models.JSONField()
    signature = models.CharField(max_length=128)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_part_per_place", fields=["run", "fence", "stream", "kind", "ordinal"])
        ]

    def __str__(self) -> str:
        return self.path


class Quarantine(Record):
    """How many rows of a stream a rule turned away in a run, and the shapes of the first of them."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="quarantine")
    stream = models.CharField(max_length=63)
    rule = models.CharField(max_length=80)
    rows = models.BigIntegerField()
    shapes = models.JSONField(default=list, help_text="At most 50 rows: {row, columns: {name: shape}}.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="one_count_per_rule", fields=["run", "stream", "rule"])]

    def __str__(self) -> str:
        return f"{self.rule} {self.rows}"


class Fingerprint(Record):
    """What a destination table looked like when the publish worker inspected it for a run."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="fingerprints")
    stream = models.CharField(max_length=63)
    live_schema = models.JSONField(null=True, help_text="The TableSchema as JSON; null when the table is absent.")
    hash = models.CharField(max_length=64)
    position = models.JSONField(null=True, help_text="The KeptPosition of an incremental stream as JSON.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="one_fingerprint_per_stream", fields=["run", "stream"])]

    def __str__(self) -> str:
        return self.hash


class Manifest(Record):
    """The record of a finished run: its canonical bytes, and the notary's signature once it has signed."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="manifest")
    body = models.BinaryField()
    hash = models.CharField(max_length=64)


class ManifestSignature(models.Model):
    """Written by the notary alone."""

    manifest = models.OneToOneField(Manifest, primary_key=True, on_delete=models.PROTECT, related_name="signature")
    key_version = models.PositiveIntegerField()
    signature = models.BinaryField()
    signed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"v{self.key_version}"


class Recall(Record):
    """Taking a published run back: its destination holds again what the last good run before it had published.

    QUEUED → RUNNING → DONE, or → REFUSED or FAILED, and then nothing was changed. `good` is null when no run before
    was good: the tables are emptied.
    """

    QUEUED, RUNNING, DONE, REFUSED, FAILED = "QUEUED", "RUNNING", "DONE", "REFUSED", "FAILED"
    ENDED = (DONE, REFUSED, FAILED)

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="recalls")
    good = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="restored_by", null=True)
    state = models.CharField(max_length=12, default=QUEUED)
    reason = models.TextField()
    asked_by = models.CharField(max_length=120)
    asker = models.CharField(max_length=200, help_text="Their name at that time.")
    fence = models.PositiveBigIntegerField(default=0)
    rows = models.JSONField(default=dict, help_text="By stream, how many rows the destination holds again.")
    sentence = models.TextField(blank=True, help_text="What came of it.")
    remedy = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_recall_at_a_time_per_run",
                fields=["run"],
                condition=Q(state__in=["QUEUED", "RUNNING", "DONE"]),
            ),
            models.CheckConstraint(name="a_recall_has_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"recall of {self.run_id}"


class Taint(Record):
    """A run that read, directly or through others, what a recalled run had published."""

    recall = models.ForeignKey(Recall, on_delete=models.PROTECT, related_name="tainted")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="taints")
    through = models.CharField(max_length=300, help_text="The table it was read from.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="one_taint_per_run", fields=["recall", "run"])]

    def __str__(self) -> str:
        return self.through


class RecallManifest(Record):
    """The record of a recall: its canonical bytes, and the notary's signature once it has signed."""

    recall = models.OneToOneField(Recall, on_delete=models.PROTECT, related_name="manifest")
    body = models.BinaryField()
    hash = models.CharField(max_length=64)


class RecallSignature(models.Model):
    """Written by the notary alone."""

    manifest = models.OneToOneField(
        RecallManifest, primary_key=True, on_delete=models.PROTECT, related_name="signature"
    )
    key_version = models.PositiveIntegerField()
    signature = models.BinaryField()
    signed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"v{self.key_version}"
