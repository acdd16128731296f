"""What the scheduler does for connections without being asked: it looks again at each once a day."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core.actor import system
from apps.core.clock import now

from . import services
from .models import Connection, ConnectionVersion, Discovery

LOOK_EVERY = timedelta(hours=24)
MOST_AT_ONCE = 5


def look_again() -> int:
    """Ask for a discovery of connections that can be read and were not looked at for a day; a few at a time."""
    recent = Discovery.objects.filter(connection=OuterRef("pk"), created_at__gt=now() - LOOK_EVERY)
    due = Connection.objects.filter(~Exists(recent), archived_at=None).filter(Exists(_readable()))
    asked = 0
    for row in due.order_by("id")[:MOST_AT_ONCE]:
        with transaction.atomic():
            # Whoever asked at the same moment: one look is enough.
            if Discovery.objects.filter(connection=row, created_at__gt=now() - LOOK_EVERY).exists():
                continue
            services.request_discovery(row)
            audit.append(
                actor=system("scheduler"),
                action="connection.discovery_requested",
                subject=f"connection/{row.id}",
                summary=_("asked once a day what the connection %(slug)s holds") % {"slug": row.slug},
                team_id=row.team_id,
            )
            asked += 1
    return asked


def _readable() -> QuerySet[ConnectionVersion]:
    """The active version of a connection that is read from."""
    version = ConnectionVersion.objects.filter(connection=OuterRef("pk"), number=F("connection__active_version"))
    return version.exclude(definition__credentials__read=None)
