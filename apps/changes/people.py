"""Who may review a change, and whose verdicts count."""

from __future__ import annotations

from collections.abc import Iterable

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor, system
from apps.core.ids import Id

from .models import Change, Participant

# The account in whose name the product itself proposes: it cannot sign in, and it never approves.
LOCKGATE = Actor(id="00000000-0000-7000-8000-00000000c0de", name="lockgate", kind="system")


def reviewers(team_id: Id | None) -> frozenset[str]:
    """Ids of the active people who may review in the team; without a team, those who may review in any.

    A service account never is one.
    """
    teams = [team_id] if team_id else [team.id for team in accounts.teams(system("changes"))]
    found = (person for team in teams for person in accounts.people_with(team, access.REVIEWER))
    return frozenset(str(person.id) for person in found if not person.is_service)


def counting(change: Change, participants: Iterable[Participant] | None = None) -> frozenset[str]:
    """Ids of the people whose approval counts: given to exactly this binding, by who may review at this moment."""
    given = Participant.objects.filter(change=change) if participants is None else participants
    approved = {
        str(part.person_id)
        for part in given
        if (part.part, part.verdict, part.binding_hash)
        == (Participant.REVIEWER, Participant.APPROVED, change.binding_hash)
    }
    return frozenset(approved & reviewers(change.team_id)) if approved else frozenset()


def makers(change: Change) -> frozenset[str]:
    """Ids of its author and editors."""
    parts = Participant.objects.filter(change=change).exclude(part=Participant.REVIEWER)
    return frozenset(map(str, parts.values_list("person_id", flat=True)))
