"""The first tables of the app."""

import apps.core.ids
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckResult",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("run", models.CharField(help_text="Soft reference: run/<id>.", max_length=80)),
                ("pipeline", models.CharField(help_text="Soft reference: pipeline/<id>.", max_length=80)),
                ("stream", models.CharField(max_length=63)),
                ("check_id", models.CharField(max_length=80)),
                ("phase", models.CharField(max_length=10)),
                ("kind", models.CharField(max_length=80)),
                ("severity", models.CharField(max_length=10)),
                ("status", models.CharField(max_length=10)),
                ("observed", models.CharField(max_length=300)),
                ("unexpected", models.BigIntegerField(null=True)),
                ("total", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["pipeline", "stream", "check_id", "id"], name="check_history")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "stream", "check_id", "phase"), name="one_verdict_per_check_and_run"
                    )
                ],
            },
        ),
    ]
