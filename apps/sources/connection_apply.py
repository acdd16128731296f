"""Carries out approved changes to connections. Imported by the changes app alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from apps.dataplane.canonical import canonical_hash
from apps.dataplane.errors import Conflict

from . import services
from .models import Connection, ConnectionVersion


@transaction.atomic
def apply(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
    """The next version of the connection, or its first. Raises Conflict when another change was faster."""
    row = _new(proposal, target, base_version) if target.startswith("connection/new/") else _next(target, base_version)
    row.name, row.active_version = proposal["name"], base_version + 1
    row.save()
    version = ConnectionVersion(
        connection=row,
        number=row.active_version,
        definition=proposal["definition"],
        hash=canonical_hash(proposal["definition"]),
        change=change,
    )
    version.save(force_insert=True)
    if base_version == 0 and proposal["definition"]["credentials"].get("read") is not None:
        services.request_discovery(row)
    return f"connection/{row.id}"


def _new(proposal: Mapping[str, Any], target: str, base_version: int) -> Connection:
    team_id, _slash, slug = target.removeprefix("connection/new/").partition("/")
    _one_at_a_time(target)
    if base_version != 0 or Connection.objects.filter(team_id=UUID(team_id), slug=slug).exists():
        raise _moved(slug)
    return Connection(team_id=UUID(team_id), slug=slug, kind=proposal["kind"])


def _next(target: str, base_version: int) -> Connection:
    row = Connection.objects.select_for_update().filter(id=UUID(target.partition("/")[2])).first()
    if row is None or row.active_version != base_version:
        raise _moved(row.name if row else target)
    return row


def _one_at_a_time(what: str) -> None:
    """There may be no row to lock yet."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [what])


def _moved(what: str) -> Conflict:
    return Conflict(
        _("%(what)s changed after this was proposed; nothing was written.") % {"what": what},
        remedy=_("Propose again on what is active now."),
    )
