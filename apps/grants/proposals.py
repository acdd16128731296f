"""What a proposed release of a legal hold means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.core.governed import Consequence, Current
from apps.core.ids import Id
from apps.dataplane.errors import Invalid, NotFound

from .models import LegalHold

ACTION = "hold.release"


def normalise(proposal: Mapping[str, Any], *, team_id: Id) -> dict[str, Any]:
    """`{hold}`: a hold of this team that is in force. Raises Invalid naming the field."""
    if not isinstance(proposal, Mapping) or set(proposal) != {"hold"}:
        raise Invalid(_("The release of a hold is an object of hold, its id."), field="hold")
    return {"hold": str(_hold(proposal["hold"], team_id).id)}


def target(proposal: Mapping[str, Any], *, team_id: Id) -> str:
    return f"hold/{proposal['hold']}"


def current(target: str) -> Current:
    """Version 1 while the hold is in force, 2 once it is released: a second release finds its base moved."""
    hold = LegalHold.objects.filter(id=target.partition("/")[2]).first()
    if hold is None:
        raise NotFound(_("There is no such legal hold."))
    return Current(1 if hold.released_at is None else 2, None)


def text(proposal: Mapping[str, Any]) -> str:
    hold = LegalHold.objects.select_related("team").get(id=proposal["hold"])
    return (
        f"release: {hold.title}\ndataset: {hold.dataset}\nplaced by: {hold.placed_by_name}\n"
        f"placed: {hold.created_at:%Y-%m-%d}\n"
    )


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id) -> Consequence:
    """Releasing is always high risk: what goes afterwards cannot come back."""
    hold = LegalHold.objects.get(id=after["hold"])
    others = LegalHold.objects.filter(
        connection_id=hold.connection_id, schema=hold.schema, table=hold.table, released_at=None
    ).exclude(id=hold.id)
    named = {"title": hold.title, "dataset": hold.dataset}
    if left := others.count():
        sentence = _("Legal hold %(title)s ends; %(left)s other holds still keep the rows of %(dataset)s.")
        named["left"] = str(left)
    else:
        sentence = _(
            "Legal hold %(title)s ends, and the rows of %(dataset)s may be deleted and replaced again "
            "by retention rules and runs."
        )
    return Consequence(
        _("Release legal hold %(title)s") % named, sentence % named, "HIGH", (_("Rows that go do not come back."),)
    )


def _hold(value: object, team_id: Id) -> LegalHold:
    try:
        found = LegalHold.objects.filter(id=UUID(str(value)), team_id=team_id, released_at=None).first()
    except ValueError:
        found = None
    if found is None:
        raise Invalid(_("There is no such legal hold in force in this team."), field="hold")
    return found
