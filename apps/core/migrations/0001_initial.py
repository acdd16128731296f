"""The first tables of the app."""

import apps.core.ids
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ProcessBeat",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("role", models.CharField(max_length=20)),
                ("pid", models.IntegerField()),
                ("locked", models.BooleanField(default=False)),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("memory_bytes", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="ProposalWanted",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("kind", models.CharField(max_length=40)),
                ("team_id", models.UUIDField()),
                ("subject", models.CharField(max_length=120)),
                ("title", models.CharField(max_length=200)),
                ("proposal", models.JSONField()),
                ("requested_by", models.CharField(max_length=120)),
                ("taken_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Answered",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("actor_id", models.CharField(max_length=60)),
                ("key", models.CharField(max_length=128)),
                (
                    "request_hash",
                    models.CharField(
                        help_text="Of verb, path and body: a key is for one request alone.", max_length=64
                    ),
                ),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("body", models.JSONField(null=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("actor_id", "key"), name="one_answer_per_key")],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("kind", models.CharField(max_length=60)),
                ("queue", models.CharField(max_length=20)),
                (
                    "subject",
                    models.CharField(help_text="Soft reference to what it is about, such as run/<id>.", max_length=80),
                ),
                ("state", models.CharField(default="QUEUED", max_length=10)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("max_attempts", models.PositiveSmallIntegerField(default=3)),
                ("lease_seconds", models.PositiveIntegerField(default=60)),
                ("fence", models.PositiveBigIntegerField(default=0)),
                ("owner", models.CharField(blank=True, max_length=120)),
                ("lease_until", models.DateTimeField(null=True)),
                ("run_after", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("nudged_at", models.DateTimeField(null=True)),
                (
                    "backends",
                    models.JSONField(
                        default=list, help_text="Leased database backends: [connection id, pid, started at]."
                    ),
                ),
                ("outcome", models.TextField(blank=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "QUEUED")), fields=["run_after"], name="job_waiting"),
                    models.Index(condition=models.Q(("state", "CLAIMED")), fields=["lease_until"], name="job_leased"),
                    models.Index(fields=["subject", "id"], name="job_subject"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "CLAIMED"), _negated=True),
                            models.Q(("lease_until__isnull", False), models.Q(("owner", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_claimed_job_has_an_owner_and_a_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("attempts__lte", models.F("max_attempts"))), name="attempts_are_bounded"
                    ),
                ],
            },
        ),
    ]
