"""Why a pipeline is paused, and by whom."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pipelines", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="pipeline",
            name="paused_reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AddField(
            model_name="pipeline",
            name="paused_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
    ]
