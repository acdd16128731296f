"""What a check measured, as a number beside its limits, for its course over time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("quality", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="checkresult",
            name=name,
            field=models.DecimalField(decimal_places=9, max_digits=28, null=True),
        )
        for name in ("measured", "lowest", "highest")
    ]
