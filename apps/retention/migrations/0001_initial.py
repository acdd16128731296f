"""The first tables of the app."""

import apps.core.ids
import apps.core.models
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0003_devices"),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE enforcement_number", "DROP SEQUENCE enforcement_number"),
        migrations.CreateModel(
            name="RetentionRule",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("slug", models.SlugField(max_length=60)),
                ("name", models.CharField(max_length=120)),
                ("active_version", models.PositiveIntegerField()),
                ("paused_at", models.DateTimeField(null=True)),
                ("next_due_at", models.DateTimeField(null=True)),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="retention_rules", to="accounts.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Enforcement",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "number",
                    models.BigIntegerField(
                        db_default=apps.core.models.NextNumber("enforcement_number"), editable=False, unique=True
                    ),
                ),
                ("rule_version", models.PositiveIntegerField()),
                ("mode", models.CharField(max_length=10)),
                ("trigger", models.CharField(help_text="manual, schedule or approval.", max_length=20)),
                ("started_by", models.CharField(max_length=120)),
                ("state", models.CharField(default="QUEUED", max_length=10)),
                ("before", models.DateTimeField(help_text="Rows dated before this moment are due.")),
                (
                    "change",
                    models.CharField(blank=True, help_text="The change that approved a first deletion.", max_length=80),
                ),
                ("outcomes", models.JSONField(default=list)),
                ("rows", models.BigIntegerField(default=0)),
                ("sentence", models.TextField(blank=True)),
                ("remedy", models.TextField(blank=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "dry_run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deletions",
                        to="retention.enforcement",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="enforcements",
                        to="retention.retentionrule",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RetentionRuleVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("number", models.PositiveIntegerField()),
                ("definition", models.JSONField()),
                ("hash", models.CharField(max_length=64)),
                ("change", models.CharField(max_length=80)),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="retention.retentionrule",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="retentionrule",
            index=models.Index(
                condition=models.Q(("paused_at__isnull", True)), fields=["next_due_at"], name="retention_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="retentionrule",
            constraint=models.UniqueConstraint(fields=("team", "slug"), name="retention_rule_slug"),
        ),
        migrations.AddIndex(
            model_name="enforcement",
            index=models.Index(fields=["rule", "number"], name="enforcements_of_rule"),
        ),
        migrations.AddConstraint(
            model_name="enforcement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["QUEUED", "RUNNING"])),
                fields=("rule",),
                name="one_enforcement_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="enforcement",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("dry_run__isnull", False), models.Q(("state__in", ["REFUSED", "FAILED"]), _negated=True)
                ),
                fields=("dry_run",),
                name="a_dry_run_is_carried_out_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="retentionruleversion",
            constraint=models.UniqueConstraint(fields=("rule", "number"), name="retention_rule_version"),
        ),
        migrations.RunSQL(
            "ALTER SEQUENCE enforcement_number OWNED BY retention_enforcement.number", migrations.RunSQL.noop
        ),
    ]
