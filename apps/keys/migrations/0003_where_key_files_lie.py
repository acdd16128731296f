"""Says where each key file lies, so that people know what to copy."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keys", "0002_key_files_copied")]
    operations = [
        migrations.AddField(
            model_name="keyfile",
            name="place",
            field=models.CharField(default="", help_text="Where the process read it from.", max_length=400),
        )
    ]
