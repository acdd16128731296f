"""Remembers that an installation was put back from a backup."""

import apps.core.ids
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_a_beat_for_each_process"),
    ]

    operations = [
        migrations.CreateModel(
            name="Restoration",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("backup_made_at", models.DateTimeField()),
                (
                    "backup_events",
                    models.BigIntegerField(help_text="How many events of the audit log were numbered in the backup."),
                ),
                ("fence_base", models.BigIntegerField()),
            ],
            options={
                "abstract": False,
            },
        ),
    ]
