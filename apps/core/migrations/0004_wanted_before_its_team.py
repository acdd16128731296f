"""A proposal may be wanted before its team exists, and what became of one is kept."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0003_restorations")]

    operations = [
        migrations.AlterField("proposalwanted", "team_id", models.UUIDField(null=True)),
        migrations.AddField(
            "proposalwanted", "team_slug", models.CharField(blank=True, db_default="", default="", max_length=40)
        ),
        migrations.AddField("proposalwanted", "outcome", models.TextField(blank=True, db_default="", default="")),
    ]
