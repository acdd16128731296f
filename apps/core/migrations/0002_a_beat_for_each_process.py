"""A beat for each process: two of a kind have two."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="processbeat",
            name="does",
            field=models.JSONField(default=list, help_text="The parts that are at work: a worker's class, or loops."),
        ),
        migrations.AddField(
            model_name="processbeat",
            name="host",
            field=models.CharField(default="", max_length=120),
        ),
        migrations.AddField(
            model_name="processbeat",
            name="kind",
            field=models.CharField(default="", max_length=40),
        ),
        migrations.AlterField(
            model_name="processbeat",
            name="name",
            field=models.CharField(
                help_text="Of this very process: two of a kind have two.",
                max_length=40,
                primary_key=True,
                serialize=False,
            ),
        ),
    ]
