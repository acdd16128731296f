"""Reads legal holds: which are in force on a dataset, and the list that a person may see."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.core.paging import Page, page
from apps.dataplane.errors import NotFound
from apps.dataplane.plan import TableRef

from .models import LegalHold


def holds_on(connection_id: Id, ref: TableRef) -> tuple[LegalHold, ...]:
    """Every hold in force on a dataset, oldest first."""
    return tuple(_in_force(connection_id).filter(schema=ref.schema, table=ref.table).order_by("id"))


def held(connection_id: Id, refs: Iterable[TableRef]) -> dict[TableRef, tuple[str, ...]]:
    """By dataset that is held, the titles of its holds; one query for all."""
    wanted, found = set(refs), dict[TableRef, tuple[str, ...]]()
    for hold in _in_force(connection_id).order_by("id"):
        ref = TableRef(hold.schema, hold.table)
        if ref in wanted:
            found[ref] = (*found.get(ref, ()), hold.title)
    return found


def holds(actor: Actor) -> QuerySet[LegalHold]:
    """Every hold that the actor may see."""
    rows = LegalHold.objects.select_related("team")
    if access.everywhere(actor, "hold.view"):
        return rows
    return rows.filter(team_id__in=access.teams(actor, "hold.view"))


def paged(actor: Actor, *, released: bool, cursor: str = "", size: int = 50) -> Page[LegalHold]:
    """Newest first; those in force, or those that were released."""
    return page(holds(actor).filter(released_at__isnull=not released), by="id", cursor=cursor, size=size)


def hold(actor: Actor, id: Id) -> LegalHold:
    """Raises NotFound."""
    found = holds(actor).filter(id=UUID(str(id))).first()
    if found is None:
        raise NotFound(_("There is no such legal hold, or none that you may see."))
    return found


def _in_force(connection_id: Id) -> QuerySet[LegalHold]:
    return LegalHold.objects.filter(connection_id=UUID(str(connection_id)), released_at=None)
