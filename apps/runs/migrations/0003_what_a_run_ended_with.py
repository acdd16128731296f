"""A run keeps the kind of failure that it ended with, for the remedy's link."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0002_modes_recalls_and_sorted_lists"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="code",
            field=models.CharField(
                blank=True, db_default="", help_text="The kind of failure it ended with.", max_length=40
            ),
        ),
    ]
