"""Asks for changes that only a person could open otherwise; a task of `changes` proposes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from .clock import now
from .models import ProposalWanted

__all__ = ["PATIENCE", "ProposalWanted", "any_waiting", "conclude", "impatient", "waiting", "want"]

PATIENCE = timedelta(days=1)


def want(
    *,
    kind: str,
    subject: str,
    title: str,
    proposal: Mapping[str, Any],
    requested_by: str,
    team_id: UUID | None = None,
    team_slug: str = "",
) -> ProposalWanted:
    """Ask for a change, in the caller's transaction. One that waits for the same subject is not asked for twice.

    `requested_by` is `person/<id>` where a person asked for it before they held the role, else the name of the app:
    then the product itself is the author. `team_slug` may name a team that is about to be made.
    """
    again = ProposalWanted.objects.filter(
        kind=kind, subject=subject, taken_at=None, team_id=team_id, team_slug=team_slug
    ).first()
    if again is not None:
        return again
    row = ProposalWanted(
        kind=kind,
        subject=subject,
        title=title[:200],
        proposal=dict(proposal),
        requested_by=requested_by,
        team_id=team_id,
        team_slug=team_slug,
    )
    row.save(force_insert=True)
    return row


def waiting(limit: int = 20) -> list[ProposalWanted]:
    """What nobody has taken up, oldest first, locked: two schedulers never propose one thing twice."""
    rows = ProposalWanted.objects.select_for_update(skip_locked=True).filter(taken_at=None)
    return list(rows.order_by("id")[:limit])


def any_waiting() -> bool:
    return ProposalWanted.objects.filter(taken_at=None).exists()


def conclude(row: ProposalWanted, outcome: str) -> None:
    """Say what became of it; it is not taken up again."""
    ProposalWanted.objects.filter(id=row.id, taken_at=None).update(taken_at=Now(), outcome=outcome[:2000])


def impatient(row: ProposalWanted) -> bool:
    """Whether it has waited too long for its team."""
    return now() - row.created_at > PATIENCE
