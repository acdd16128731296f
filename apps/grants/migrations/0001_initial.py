"""The first table of the app."""

import apps.core.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0003_devices"),
    ]

    operations = [
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("connection_id", models.UUIDField()),
                ("schema", models.CharField(max_length=63)),
                ("table", models.CharField(max_length=63)),
                ("title", models.CharField(max_length=120)),
                ("reason", models.CharField(max_length=2000)),
                ("placed_by", models.CharField(max_length=120)),
                ("placed_by_name", models.CharField(max_length=120)),
                ("released_at", models.DateTimeField(null=True)),
                ("release_change", models.CharField(blank=True, max_length=80)),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="legal_holds", to="accounts.team"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("released_at__isnull", True)),
                        fields=["connection_id", "schema", "table"],
                        name="holds_in_force",
                    ),
                    models.Index(fields=["team", "id"], name="holds_of_team"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("release_change", ""), ("released_at__isnull", True)),
                            models.Q(("released_at__isnull", False), models.Q(("release_change", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_hold_is_released_by_a_change",
                    )
                ],
            },
        ),
    ]
