"""Places legal holds, and keeps a deletion and a hold on one dataset apart."""

from __future__ import annotations

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import access
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.dataplane.errors import Invalid, Refused
from apps.dataplane.plan import TableRef

from . import selectors
from .models import LegalHold

LONGEST_TITLE, LONGEST_REASON = 120, 2000


def place(*, actor: Actor, team_id: Id, connection_id: Id, ref: TableRef, title: str, reason: str) -> LegalHold:
    """Hold a dataset from now on: narrowing needs no review. The caller answers for the connection being the team's.

    Raises Invalid naming the field.
    """
    access.require(actor, "hold.place", team_id)
    title, reason = _line(title, "title", LONGEST_TITLE), _line(reason, "reason", LONGEST_REASON)
    with transaction.atomic():
        # A deletion that is about to commit holds the same lock: it comes wholly before the hold, or not at all.
        _lock(connection_id, ref)
        hold = LegalHold(
            team_id=team_id,
            connection_id=connection_id,
            schema=ref.schema,
            table=ref.table,
            title=title,
            reason=reason,
            placed_by=actor.id,
            placed_by_name=actor.name,
        )
        hold.save(force_insert=True)
        audit.append(
            actor=actor,
            action="hold.placed",
            subject=f"hold/{hold.id}",
            team_id=hold.team_id,
            summary=_("placed legal hold %(title)s on %(dataset)s") % {"title": title, "dataset": str(ref)},
            detail={"connection": str(connection_id), "dataset": str(ref), "reason": reason},
        )
    return hold


def require_free(connection_id: Id, ref: TableRef) -> None:
    """Raise Refused when the dataset is held. Until the caller's transaction ends no hold can be placed on it."""
    if not database.in_atomic_block:
        raise RuntimeError("require_free needs the caller's transaction")
    _lock(connection_id, ref)
    found = selectors.holds_on(connection_id, ref)
    if found:
        raise Refused(
            _("%(dataset)s is under legal hold %(title)s, so none of its rows may go. Nothing was deleted.")
            % {"dataset": str(ref), "title": found[0].title},
            remedy=_("Wait until the hold is released, or propose its release."),
        )


def _lock(connection_id: Id, ref: TableRef) -> None:
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"hold/{connection_id}/{ref}"])


def _line(value: str, field: str, longest: int) -> str:
    text = value.strip()
    if not text or len(text) > longest or not text.replace("\n", " ").replace("\r", " ").isprintable():
        raise Invalid(
            _("This must be 1 to %(longest)s printable characters.") % {"longest": longest},
            field=field,
        )
    return text
