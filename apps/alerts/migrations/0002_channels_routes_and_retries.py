"""Channels and routes, and deliveries that go to either, are tried again and are replayed."""

import apps.core.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_narrow_for_good"),
        ("alerts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ChannelTest",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("proposal", models.JSONField()),
                ("steps", models.JSONField(default=list)),
                ("state", models.CharField(default="RUNNING", max_length=10)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ChannelVersion",
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
            ],
        ),
        migrations.CreateModel(
            name="Route",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("active_version", models.PositiveIntegerField()),
                ("disabled_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RouteVersion",
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
                (
                    "definition",
                    models.JSONField(help_text="{format, levels, subject, channels, owners, people, recoveries}"),
                ),
                ("hash", models.CharField(max_length=64)),
                ("change", models.CharField(max_length=80)),
            ],
        ),
        migrations.AddField(
            model_name="delivery",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="delivery",
            name="event",
            field=models.CharField(blank=True, help_text="What it tells: incident.opened, …", max_length=40),
        ),
        migrations.AddField(
            model_name="delivery",
            name="next_try_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="replays",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="delivery",
            name="team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.team"
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="transport",
            field=models.CharField(blank=True, help_text="How it left: outbox, smtp or webhook.", max_length=20),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="channel",
            field=models.CharField(default="mail", help_text="mail or webhook", max_length=20),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="Channel",
            fields=[
                (
                    "id",
                    models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("kind", models.CharField(max_length=20)),
                ("active_version", models.PositiveIntegerField()),
                ("disabled_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("disabled_at__isnull", True), ("kind", "smtp")),
                        fields=("kind",),
                        name="one_mail_server",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="target",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="deliveries", to="alerts.channel"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["subject_ref", "id"], name="delivery_about"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["state", "id"], name="delivery_state"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["transport", "id"], name="delivery_transport"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("user__isnull", False), ("target__isnull", False), _connector="OR"),
                name="a_delivery_goes_somewhere",
            ),
        ),
        migrations.AddField(
            model_name="channeltest",
            name="channel",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="tests", to="alerts.channel"
            ),
        ),
        migrations.AddField(
            model_name="channeltest",
            name="requested_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="channelversion",
            name="channel",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="alerts.channel"
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="routes", to="accounts.team"
            ),
        ),
        migrations.AddField(
            model_name="routeversion",
            name="route",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="alerts.route"
            ),
        ),
        migrations.AddConstraint(
            model_name="channelversion",
            constraint=models.UniqueConstraint(fields=("channel", "number"), name="channel_version"),
        ),
        migrations.AddConstraint(
            model_name="routeversion",
            constraint=models.UniqueConstraint(fields=("route", "number"), name="route_version"),
        ),
    ]
