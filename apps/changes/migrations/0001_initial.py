"""The first tables of the app."""

import apps.core.ids
import apps.core.models
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0001_initial"),
        ("accounts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE change_number", "DROP SEQUENCE change_number"),
        migrations.CreateModel(
            name="Change",
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
                        db_default=apps.core.models.NextNumber("change_number"), editable=False, unique=True
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                (
                    "target",
                    models.CharField(
                        help_text="Soft reference: policy/<id>, or policy/new/<team>/<slug>.", max_length=120
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("reason", models.TextField(blank=True)),
                ("sentence", models.TextField(help_text="The consequence, in one sentence.")),
                ("risk", models.CharField(max_length=10)),
                ("risk_reasons", models.JSONField(default=list)),
                ("approvals_needed", models.PositiveSmallIntegerField()),
                ("proposal", models.JSONField()),
                (
                    "binding",
                    models.JSONField(
                        help_text="{proposal, base_version, plans_before, plans_after, risk, approvals_needed}"
                    ),
                ),
                ("binding_hash", models.CharField(max_length=64)),
                ("exhibits", models.JSONField(default=dict)),
                ("founding", models.BooleanField(default=False)),
                ("state", models.CharField(default="OPEN", max_length=10)),
                ("outcome", models.TextField(blank=True)),
                ("expires_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("applied_at", models.DateTimeField(null=True)),
                (
                    "rolls_back",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rolled_back_by",
                        to="changes.change",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="accounts.team",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Comment",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("text", models.TextField()),
                (
                    "change",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="comments", to="changes.change"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Participant",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "change_id", "person_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("part", models.CharField(max_length=10)),
                ("verdict", models.CharField(blank=True, max_length=10)),
                ("binding_hash", models.CharField(blank=True, max_length=64)),
                ("comment", models.TextField(blank=True)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "change",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="participants", to="changes.change"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["team", "number"], name="change_list"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(condition=models.Q(("state", "APPROVED")), fields=["number"], name="change_waiting"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["target", "number"], name="change_target"),
        ),
        migrations.AddConstraint(
            model_name="change",
            constraint=models.CheckConstraint(
                condition=models.Q(("approvals_needed__gte", 1), ("founding", True), _connector="OR"),
                name="an_empty_rule_never_approves",
            ),
        ),
        migrations.AddConstraint(
            model_name="participant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("part", "REVIEWER"),
                        ("verdict__in", ["APPROVED", "REJECTED", "ASKED"]),
                        models.Q(("binding_hash", ""), _negated=True),
                    ),
                    models.Q(("binding_hash", ""), ("part__in", ["AUTHOR", "EDITOR"]), ("verdict", "")),
                    _connector="OR",
                ),
                name="nobody_approves_their_own_change",
            ),
        ),
        migrations.RunSQL("ALTER SEQUENCE change_number OWNED BY changes_change.number", migrations.RunSQL.noop),
    ]
