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
            name="Edge",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("source", models.CharField(max_length=260)),
                ("destination", models.CharField(max_length=260)),
                ("treatment", models.CharField(max_length=200)),
                ("pipeline", models.CharField(max_length=80)),
                ("run", models.CharField(max_length=80)),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["destination"], name="edge_to")],
                "constraints": [models.UniqueConstraint(fields=("pipeline", "source", "destination"), name="one_edge")],
            },
        ),
    ]
