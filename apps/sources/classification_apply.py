"""Carries out approved changes to classifications. Imported by the changes app alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from apps.dataplane.errors import Conflict

from . import classification_proposals, drifting, profiling
from .classification_proposals import Name
from .models import Classification, Column
from .selectors import Tags, tags_of


@transaction.atomic
def apply(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
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
    profiling.forget_values(
        (column.dataset_id, column.name) for name, column in changed.items() if wanted.get(name) != ()
    )
    drifting.classified(column for name, column in changed.items() if wanted.get(name) is not None)
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
