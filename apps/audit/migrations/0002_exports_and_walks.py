"""Exports of the audit log, verifications as a job, and events of a team in order."""

import apps.core.ids
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("asked_by", models.CharField(help_text="The id of whoever asked.", max_length=60)),
                ("state", models.CharField(default="QUEUED", max_length=10)),
                ("done", models.PositiveBigIntegerField(default=0, help_text="Events looked at so far.")),
                (
                    "total",
                    models.PositiveBigIntegerField(default=0, help_text="Events to look at, as far as that is known."),
                ),
                ("failure", models.TextField(blank=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("format", models.CharField(help_text="csv or jsonl.", max_length=5)),
                ("filters", models.JSONField()),
                ("filter_text", models.TextField(help_text="The search for people, as it stands in the file.")),
                ("until", models.UUIDField(help_text="No event with a greater id is in it.")),
                ("rows", models.PositiveBigIntegerField(default=0)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("expires_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Walk",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("asked_by", models.CharField(help_text="The id of whoever asked.", max_length=60)),
                ("state", models.CharField(default="QUEUED", max_length=10)),
                ("done", models.PositiveBigIntegerField(default=0, help_text="Events looked at so far.")),
                (
                    "total",
                    models.PositiveBigIntegerField(default=0, help_text="Events to look at, as far as that is known."),
                ),
                ("failure", models.TextField(blank=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ok", models.BooleanField(null=True)),
                ("sequenced", models.PositiveBigIntegerField(default=0)),
                ("pending", models.PositiveBigIntegerField(default=0)),
                ("first_bad", models.CharField(blank=True, max_length=60)),
                ("sentence", models.TextField(blank=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("team_id", ""), _negated=True), fields=["team_id", "id"], name="event_team"
            ),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(("format__in", ["csv", "jsonl"])), name="an_export_has_a_known_format"
            ),
        ),
    ]
