"""Carries out approved changes to channels. Imported by the changes app alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from apps.dataplane.canonical import canonical_hash
from apps.dataplane.errors import Conflict

from .models import Channel, ChannelVersion


@transaction.atomic
def apply(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
    """The next version of the channel, or its first; it is switched on. Raises Conflict when another was faster."""
    with database.cursor() as cursor:  # There may be no row to lock yet.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('channels'))")
    row = _row(proposal, target, base_version)
    row.name, row.active_version, row.disabled_at = proposal["name"], base_version + 1, None
    row.save()
    version = ChannelVersion(
        channel=row,
        number=row.active_version,
        definition=proposal["definition"],
        hash=canonical_hash(proposal["definition"]),
        change=change,
    )
    version.save(force_insert=True)
    return f"channel/{row.id}"


def _row(proposal: Mapping[str, Any], target: str, base_version: int) -> Channel:
    if target.startswith("channel/new/"):
        if base_version != 0 or Channel.objects.filter(slug=proposal["slug"]).exists():
            raise _moved(proposal["slug"])
        return Channel(slug=proposal["slug"], kind=proposal["kind"])
    row = Channel.objects.select_for_update().filter(id=UUID(target.partition("/")[2])).first()
    if row is None or row.active_version != base_version:
        raise _moved(proposal["slug"])
    return row


def _moved(what: str) -> Conflict:
    return Conflict(
        _("%(what)s changed after this was proposed; nothing was written.") % {"what": what},
        remedy=_("Propose again on what is active now."),
    )
