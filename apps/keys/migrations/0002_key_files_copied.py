"""Which key file a process was started with, and who said that a copy of it is kept."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyFile",
            fields=[
                ("holder", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("begins", models.CharField(max_length=8)),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("copied_begins", models.CharField(blank=True, max_length=8)),
                ("copied_at", models.DateTimeField(null=True)),
                ("copied_by", models.CharField(blank=True, max_length=60)),
            ],
        ),
    ]
