"""The first tables of the app."""

import apps.core.ids
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0001_initial"),
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Connection",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("slug", models.SlugField(max_length=60)),
                ("name", models.CharField(max_length=120)),
                ("kind", models.CharField(max_length=20)),
                ("active_version", models.PositiveIntegerField()),
                ("archived_at", models.DateTimeField(null=True)),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="connections", to="accounts.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ConnectionTest",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("batch", models.UUIDField()),
                ("purpose", models.CharField(max_length=10)),
                (
                    "proposal",
                    models.JSONField(
                        help_text="The proposal tested: {slug, name, kind, definition}, credentials sealed."
                    ),
                ),
                ("state", models.CharField(default="RUNNING", max_length=10)),
                (
                    "steps",
                    models.JSONField(default=list, help_text="[{step, ok, sentence, field, remedy, milliseconds}]"),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tests",
                        to="sources.connection",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="connection_tests", to="accounts.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ConnectionVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "definition",
                    models.JSONField(help_text="{format, settings, zone, region, credentials: {read, write}}"),
                ),
                ("hash", models.CharField(max_length=64)),
                ("change", models.CharField(max_length=80)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="sources.connection"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Dataset",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("schema", models.CharField(max_length=63)),
                ("table", models.CharField(max_length=63)),
                ("schema_hash", models.CharField(max_length=64)),
                ("live_schema", models.JSONField(help_text="The TableSchema as JSON.")),
                ("estimated_rows", models.BigIntegerField(default=0)),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("gone_at", models.DateTimeField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="datasets", to="sources.connection"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Column",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("name", models.CharField(max_length=63)),
                ("type", models.CharField(max_length=200)),
                ("position", models.PositiveIntegerField()),
                ("gone_at", models.DateTimeField(null=True)),
                ("suggested_tag", models.CharField(blank=True, max_length=60)),
                ("suggested_confidence", models.PositiveSmallIntegerField(default=0)),
                ("suggested_reason", models.CharField(blank=True, max_length=300)),
                ("suggested_by", models.CharField(blank=True, max_length=60)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="columns", to="sources.dataset"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Discovery",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("state", models.CharField(default="RUNNING", max_length=10)),
                (
                    "drift",
                    models.JSONField(
                        default=list, help_text="[{dataset, column, what: added|dropped|retyped, before, after}]"
                    ),
                ),
                ("failure", models.TextField(blank=True)),
                ("datasets", models.PositiveIntegerField(default=0)),
                ("columns", models.PositiveIntegerField(default=0)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="discoveries", to="sources.connection"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Classification",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None),
                ),
                ("unclassified", models.BooleanField(default=False, help_text="Rolled back to nobody having looked.")),
                ("change", models.CharField(max_length=80)),
                (
                    "column",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="classifications", to="sources.column"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("column", "number"), name="classification_number")],
            },
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.UniqueConstraint(fields=("team", "slug"), name="connection_slug"),
        ),
        migrations.AddIndex(
            model_name="connectiontest",
            index=models.Index(fields=["connection", "id"], name="test_of_connection"),
        ),
        migrations.AddConstraint(
            model_name="connectiontest",
            constraint=models.UniqueConstraint(fields=("batch", "purpose"), name="one_test_per_purpose"),
        ),
        migrations.AddConstraint(
            model_name="connectionversion",
            constraint=models.UniqueConstraint(fields=("connection", "number"), name="connection_version"),
        ),
        migrations.AddConstraint(
            model_name="dataset",
            constraint=models.UniqueConstraint(fields=("connection", "schema", "table"), name="dataset_name"),
        ),
        migrations.AddConstraint(
            model_name="column",
            constraint=models.UniqueConstraint(
                condition=models.Q(("gone_at__isnull", True)), fields=("dataset", "name"), name="column_name"
            ),
        ),
        migrations.AddIndex(
            model_name="discovery",
            index=models.Index(fields=["connection", "id"], name="discovery_of_connection"),
        ),
    ]
