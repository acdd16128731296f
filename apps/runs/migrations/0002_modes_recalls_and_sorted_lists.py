"""Runs keep positions and what they repeat, may be recalled, and are listed in any order."""

import apps.core.ids
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pipelines", "0002_pause_reason"),
        ("runs", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Recall",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("state", models.CharField(default="QUEUED", max_length=12)),
                ("reason", models.TextField()),
                ("asked_by", models.CharField(max_length=120)),
                ("asker", models.CharField(help_text="Their name at that time.", max_length=200)),
                ("fence", models.PositiveBigIntegerField(default=0)),
                (
                    "rows",
                    models.JSONField(default=dict, help_text="By stream, how many rows the destination holds again."),
                ),
                ("sentence", models.TextField(blank=True, help_text="What came of it.")),
                ("remedy", models.TextField(blank=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="RecallManifest",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("body", models.BinaryField()),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Taint",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("through", models.CharField(help_text="The table it was read from.", max_length=300)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="run",
            name="one_run_at_a_time_per_pipeline",
        ),
        migrations.AddField(
            model_name="fingerprint",
            name="position",
            field=models.JSONField(help_text="The KeptPosition of an incremental stream as JSON.", null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="duration",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.expressions.CombinedExpression(
                    models.F("ended_at"), "-", models.F("started_at")
                ),
                help_text="Stored, so that a list can be sorted by it.",
                output_field=models.DurationField(null=True),
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="reload",
            field=models.BooleanField(
                default=False, help_text="Incremental streams read everything once more and replace what is there."
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="repeats",
            field=models.BigIntegerField(
                help_text="The number of the run that this one retries or repeats.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="run",
            name="trigger",
            field=models.CharField(help_text="manual, schedule, retry or same_plan.", max_length=20),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["state", "number"], name="run_of_state"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["trigger", "number"], name="run_of_trigger"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["created_at"], name="run_created"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                models.OrderBy(models.F("duration"), descending=True, nulls_last=True),
                models.F("id"),
                name="run_longest",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                models.OrderBy(models.F("duration"), nulls_last=True), models.F("id"), name="run_shortest"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                models.OrderBy(models.F("rows_read"), descending=True, nulls_last=True),
                models.F("id"),
                name="run_largest",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                models.OrderBy(models.F("rows_read"), nulls_last=True), models.F("id"), name="run_smallest"
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["QUEUED", "RUNNING", "RECALLING"])),
                fields=("pipeline",),
                name="one_run_at_a_time_per_pipeline",
            ),
        ),
        migrations.AddField(
            model_name="recall",
            name="good",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="restored_by", to="runs.run"
            ),
        ),
        migrations.AddField(
            model_name="recall",
            name="run",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="recalls", to="runs.run"),
        ),
        migrations.CreateModel(
            name="RecallSignature",
            fields=[
                (
                    "manifest",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="signature",
                        serialize=False,
                        to="runs.recallmanifest",
                    ),
                ),
                ("key_version", models.PositiveIntegerField()),
                ("signature", models.BinaryField()),
                ("signed_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="recallmanifest",
            name="recall",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="manifest", to="runs.recall"
            ),
        ),
        migrations.AddField(
            model_name="taint",
            name="recall",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="tainted", to="runs.recall"
            ),
        ),
        migrations.AddField(
            model_name="taint",
            name="run",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="taints", to="runs.run"),
        ),
        migrations.AddConstraint(
            model_name="recall",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["QUEUED", "RUNNING", "DONE"])),
                fields=("run",),
                name="one_recall_at_a_time_per_run",
            ),
        ),
        migrations.AddConstraint(
            model_name="recall",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="a_recall_has_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="taint",
            constraint=models.UniqueConstraint(fields=("recall", "run"), name="one_taint_per_run"),
        ),
    ]
