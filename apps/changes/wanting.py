"""Turns what lower parts want changed into changes: in the product's own name, or in that of the person who asked."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.audit import services as audit
from apps.core import wanted
from apps.core.actor import Actor
from apps.dataplane.errors import LockgateError, NotFound

from .models import Change
from .people import LOCKGATE

Propose = Callable[..., Change]


def take_up(propose: Propose) -> int:
    """Propose what is wanted. Returns how many were taken up.

    One that cannot be proposed ends with the reason, and does not hold up those behind it.
    """
    if not wanted.any_waiting():
        return 0
    with transaction.atomic():
        return sum(1 for row in wanted.waiting() if _take_up(row, propose))


def _take_up(row: wanted.ProposalWanted, propose: Propose) -> bool:
    team_id = row.team_id or _team(row.team_slug)
    if team_id is None and row.team_slug and not wanted.impatient(row):
        return False  # Its team is about to be made.
    try:
        with transaction.atomic():
            if team_id is None and row.team_slug:
                raise NotFound(_("The team %(team)s was never made.") % {"team": row.team_slug})
            change = propose(
                actor=_author(row), kind=row.kind, team_id=team_id, proposal=row.proposal, reason=row.title
            )
    except LockgateError as error:
        wanted.conclude(row, f"{error.sentence} {error.remedy}".strip())
        audit.append(
            actor=LOCKGATE,
            action="change.not_proposed",
            subject=row.subject,
            summary=_("could not propose what was wanted (%(title)s): %(why)s")
            % {"title": row.title, "why": error.sentence},
            team_id=team_id,
            detail={"kind": row.kind, "requested_by": row.requested_by},
        )
    else:
        wanted.conclude(row, f"change/{change.id}")
    return True


def _team(slug: str) -> UUID | None:
    return accounts.team_ids([slug]).get(slug) if slug else None


def _author(row: wanted.ProposalWanted) -> Actor:
    """The product itself, or the person who asked, with the roles that they hold now."""
    kind, _slash, identity = row.requested_by.partition("/")
    return accounts.actor_with_id(identity) if kind == "person" else LOCKGATE
