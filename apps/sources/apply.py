"""Carries out approved changes to connections and classifications. Imported by the changes app alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from apps.dataplane.canonical import canonical_hash
from apps.dataplane.errors import Conflict

from . import classification_proposals, services
from .classification_proposals import Name
from .models import Classification, Column, Connection, ConnectionVersion
from .selectors import Tags, tags_of


def apply(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
    """Either kind, as the target says."""
    kind = classification if target.startswith("classification/") else connection
    return kind(proposal=proposal, target=target, base_version=base_version, change=change)


@transaction.atomic
def connection(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
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
    if base_version == 0 and proposal["definition"]["credentials"].get("read"):
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


@transaction.atomic
def classification(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
    """A new row for each column whose tags change. Raises Conflict when the scope was classified meanwhile."""
    scope = target.removeprefix("classification/")
    _one_at_a_time(f"classification/{proposal['connection']}")
    if proposal["scope"] != scope or classification_proposals.version(scope) != base_version:
        raise _moved(_("the classification"))
    wanted = classification_proposals.tags_in(proposal)
    live = classification_proposals.live_columns(proposal)
    held = tags_of(column.id for column in live.values())
    changed = {name: column for name, column in live.items() if held.get(column.id) != wanted.get(name)}
    _classify(changed, wanted, change)
    return scope


def _classify(columns: Mapping[Name, Column], wanted: Mapping[Name, Tags], change: str) -> None:
    ids = [column.id for column in columns.values()]
    newest = Classification.objects.filter(column_id__in=ids).order_by("column_id", "-number").distinct("column_id")
    numbers = dict(newest.values_list("column_id", "number"))
    Classification.objects.bulk_create(
        [
            Classification(
                column=column,
                number=numbers.get(column.id, 0) + 1,
                tags=list(wanted.get(name) or ()),
                unclassified=wanted.get(name) is None,
                change=change,
            )
            for name, column in columns.items()
        ],
        batch_size=1000,
    )


def _one_at_a_time(what: str) -> None:
    """There may be no row to lock yet."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [what])


def _moved(what: str) -> Conflict:
    return Conflict(
        _("%(what)s changed after this was proposed; nothing was written.") % {"what": what},
        remedy=_("Propose again on what is active now."),
    )
