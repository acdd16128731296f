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
            name="Key",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("holder", models.CharField(max_length=20)),
                ("purpose", models.CharField(max_length=20)),
                ("domain", models.CharField(max_length=60)),
                ("version", models.PositiveIntegerField()),
                ("state", models.CharField(default="ACTIVE", max_length=10)),
                ("public", models.BinaryField(default=b"")),
                ("wrapped", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("holder", "purpose", "domain", "version"), name="one_key_per_version"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "ACTIVE")),
                        fields=("holder", "purpose", "domain"),
                        name="one_active_version",
                    ),
                ],
            },
        ),
    ]
