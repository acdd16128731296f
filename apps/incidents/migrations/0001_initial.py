"""The first tables of the app."""

import apps.core.ids
import apps.core.models
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
        migrations.RunSQL("CREATE SEQUENCE incident_number", "DROP SEQUENCE incident_number"),
        migrations.CreateModel(
            name="Incident",
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
                        db_default=apps.core.models.NextNumber("incident_number"), editable=False, unique=True
                    ),
                ),
                ("subject", models.CharField(help_text="Soft reference: pipeline/<id>.", max_length=80)),
                (
                    "problem",
                    models.CharField(
                        help_text="What is wrong, as a stable key: check/<stream>/<check id>, run/failed.",
                        max_length=120,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("sentence", models.TextField()),
                ("level", models.CharField(max_length=10)),
                ("state", models.CharField(default="OPEN", max_length=12)),
                ("times", models.PositiveIntegerField(default=1)),
                (
                    "last_ref",
                    models.CharField(help_text="Soft reference to the last run that showed it.", max_length=80),
                ),
                ("last_at", models.DateTimeField()),
                ("acknowledged_by", models.CharField(blank=True, max_length=120)),
                ("resolved_at", models.DateTimeField(null=True)),
                ("resolution", models.CharField(blank=True, max_length=300)),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="incidents", to="accounts.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="IncidentEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("what", models.CharField(max_length=30)),
                ("who", models.CharField(max_length=120)),
                ("sentence", models.CharField(max_length=300)),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="incidents.incident"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(fields=["team", "number"], name="incident_list"),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "RESOLVED"), _negated=True),
                fields=("subject", "problem"),
                name="one_open_incident_per_problem",
            ),
        ),
        migrations.RunSQL("ALTER SEQUENCE incident_number OWNED BY incidents_incident.number", migrations.RunSQL.noop),
    ]
