"""The first tables of the app."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models

import apps.core.ids
import apps.core.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0001_initial"),
        ("pipelines", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE run_number", "DROP SEQUENCE run_number"),
        migrations.CreateModel(
            name="Manifest",
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
            name="ManifestSignature",
            fields=[
                (
                    "manifest",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="signature",
                        serialize=False,
                        to="runs.manifest",
                    ),
                ),
                ("key_version", models.PositiveIntegerField()),
                ("signature", models.BinaryField()),
                ("signed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "number",
                    models.BigIntegerField(
                        db_default=apps.core.models.NextNumber("run_number"), editable=False, unique=True
                    ),
                ),
                ("pipeline_version", models.PositiveIntegerField()),
                ("team_id", models.UUIDField()),
                ("trigger", models.CharField(help_text="manual, schedule or retry.", max_length=20)),
                ("started_by", models.CharField(max_length=120)),
                ("state", models.CharField(default="QUEUED", max_length=12)),
                (
                    "fence",
                    models.PositiveBigIntegerField(
                        default=0, help_text="Raised by each attempt to extract; parts carry it."
                    ),
                ),
                ("plan", models.JSONField(null=True)),
                ("plan_hash", models.CharField(blank=True, max_length=64)),
                (
                    "counts",
                    models.JSONField(
                        default=dict, help_text="By stream: read, staged, quarantined, rejected, excluded."
                    ),
                ),
                ("founding", models.BooleanField(default=False)),
                ("rows_read", models.BigIntegerField(default=0)),
                ("rows_published", models.BigIntegerField(default=0)),
                ("rows_quarantined", models.BigIntegerField(default=0)),
                ("rows_rejected", models.BigIntegerField(default=0)),
                ("rows_excluded", models.BigIntegerField(default=0)),
                ("sentence", models.TextField(blank=True, help_text="Why it ended as it did.")),
                ("remedy", models.TextField(blank=True)),
                ("refusals", models.JSONField(default=list)),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "pipeline",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="pipelines.pipeline"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Quarantine",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("stream", models.CharField(max_length=63)),
                ("rule", models.CharField(max_length=80)),
                ("rows", models.BigIntegerField()),
                ("shapes", models.JSONField(default=list, help_text="At most 50 rows: {row, columns: {name: shape}}.")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="quarantine", to="runs.run"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Part",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("fence", models.PositiveBigIntegerField()),
                ("stream", models.CharField(max_length=63)),
                ("kind", models.CharField(max_length=12)),
                ("ordinal", models.PositiveIntegerField()),
                ("path", models.CharField(max_length=300)),
                ("header", models.JSONField()),
                ("signature", models.CharField(max_length=128)),
                (
                    "run",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="parts", to="runs.run"),
                ),
            ],
        ),
        migrations.AddField(
            model_name="manifest",
            name="run",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="manifest", to="runs.run"
            ),
        ),
        migrations.CreateModel(
            name="LogLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("level", models.CharField(default="INFO", max_length=10)),
                ("step", models.CharField(max_length=20)),
                ("sentence", models.CharField(max_length=400)),
                (
                    "run",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="log", to="runs.run"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Fingerprint",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("stream", models.CharField(max_length=63)),
                (
                    "live_schema",
                    models.JSONField(help_text="The TableSchema as JSON; null when the table is absent.", null=True),
                ),
                ("hash", models.CharField(max_length=64)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="fingerprints", to="runs.run"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Step",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("position", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=20)),
                ("state", models.CharField(default="WAITING", max_length=10)),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("rows", models.BigIntegerField(default=0)),
                ("rows_expected", models.BigIntegerField(default=0)),
                ("detail", models.CharField(blank=True, max_length=300)),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "run",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="runs.run"),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["team_id", "number"], name="run_list"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["pipeline", "number"], name="run_of_pipeline"),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["QUEUED", "RUNNING"])),
                fields=("pipeline",),
                name="one_run_at_a_time_per_pipeline",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "PUBLISHED"), _negated=True),
                    (
                        "rows_read",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("rows_published"), "+", models.F("rows_quarantined")
                                ),
                                "+",
                                models.F("rows_rejected"),
                            ),
                            "+",
                            models.F("rows_excluded"),
                        ),
                    ),
                    _connector="OR",
                ),
                name="no_row_is_lost",
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.UniqueConstraint(fields=("run", "stream", "rule"), name="one_count_per_rule"),
        ),
        migrations.AddConstraint(
            model_name="part",
            constraint=models.UniqueConstraint(
                fields=("run", "fence", "stream", "kind", "ordinal"), name="one_part_per_place"
            ),
        ),
        migrations.AddIndex(
            model_name="logline",
            index=models.Index(fields=["run", "id"], name="log_of_run"),
        ),
        migrations.AddConstraint(
            model_name="fingerprint",
            constraint=models.UniqueConstraint(fields=("run", "stream"), name="one_fingerprint_per_stream"),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.UniqueConstraint(fields=("run", "name"), name="one_step_per_name"),
        ),
        migrations.RunSQL("ALTER SEQUENCE run_number OWNED BY runs_run.number", migrations.RunSQL.noop),
    ]
