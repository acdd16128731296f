"""Incidents are assigned, snoozed and reopened, and the organisation has its own."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_narrow_for_good"),
        ("incidents", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="assignee",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="effect",
            field=models.CharField(
                blank=True, help_text="What became of the data: is the old still served?", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="opened_at",
            field=models.DateTimeField(help_text="Since when it is live: its last opening.", null=True),
        ),
        migrations.AddField(
            model_name="incident",
            name="reopened",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="incident",
            name="resolution_kind",
            field=models.CharField(blank=True, help_text="fixed, false_alarm, accepted, other, gone", max_length=20),
        ),
        migrations.AddField(
            model_name="incident",
            name="snoozed_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="incident",
            name="subject",
            field=models.CharField(help_text="Soft reference: pipeline/<id>, or system/<name>.", max_length=80),
        ),
        migrations.AlterField(
            model_name="incident",
            name="team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="incidents", to="accounts.team"
            ),
        ),
        migrations.AlterField(
            model_name="incidententry",
            name="sentence",
            field=models.CharField(max_length=2000),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("state", "RESOLVED"), _negated=True),
                fields=["state", "number"],
                name="incident_live",
            ),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(fields=["last_at", "id"], name="incident_last_seen"),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(fields=["subject", "problem", "number"], name="incident_problem"),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "SNOOZED"), _negated=True), ("snoozed_until__isnull", False), _connector="OR"
                ),
                name="a_snoozed_incident_comes_back",
            ),
        ),
    ]
