"""A column is found by the beginning of any word of its name."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sources", "0002_profiles_and_differences"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="column",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.search.SearchVector(
                    models.Func(
                        models.F("name"),
                        models.Value("_-./"),
                        models.Value("    "),
                        function="translate",
                        output_field=models.TextField(),
                    ),
                    config="simple",
                ),
                name="column_words",
            ),
        ),
    ]
