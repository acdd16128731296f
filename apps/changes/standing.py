"""Who may still approve a change, and what to do when nobody can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts import selectors as accounts
from apps.core import access

from . import people
from .models import Change, Participant


@dataclass(frozen=True)
class Standing:
    """Where an open change stands: whose approval counts, how many are missing, and who may still give one.

    `stuck` says that it cannot be approved as things are; `remedy` what to do then.
    """

    given: tuple[str, ...]
    missing: int
    may: tuple[str, ...]
    barred: tuple[str, ...]
    stuck: bool
    sentence: str
    remedy: str = ""


def standing(change: Change, parts: Sequence[Participant]) -> Standing | None:
    """None for a change that nobody decides any more."""
    if change.state != Change.OPEN:
        return None
    reviewers = people.reviewers(change.team_id)
    makers = {str(part.person_id) for part in parts if part.part != Participant.REVIEWER}
    given = people.counting(change, parts)
    may = reviewers - makers - given
    names = accounts.names(reviewers | makers | given)
    told = {who: tuple(sorted(names.get(one, "") for one in ids)) for who, ids in (
        ("given", given), ("may", may), ("barred", reviewers & makers))}  # fmt: skip
    missing = max(change.approvals_needed - len(given), 0)
    stuck = missing > len(may)
    remedy = _remedy(change) if stuck else ""
    return Standing(
        told["given"], missing, told["may"], told["barred"], stuck, _sentence(missing, told["may"], stuck), remedy
    )


def _sentence(missing: int, may: Sequence[str], stuck: bool) -> str:
    needs = ngettext(
        "%(n)s more approval is needed", "%(n)s more approvals are needed", missing
    ) % {"n": missing}  # fmt: skip
    if not missing:
        return _("It has the approvals that it needs.")
    if not may:
        return needs + _(", and nobody may give it: whoever wrote or edited a change cannot approve it.")
    who = _listed(may)
    if stuck:
        return needs + _(", and only %(who)s may still approve: whoever wrote or edited it cannot.") % {"who": who}
    return needs + ngettext("; %(who)s may give it.", "; %(who)s may give one each.", len(may)) % {"who": who}


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = [*names[:most], *([_("%(n)s others") % {"n": len(names) - most}] if len(names) > most else [])]
    if len(shown) == 1:
        return shown[0]
    return _("%(names)s or %(last)s") % {"names": ", ".join(shown[:-1]), "last": shown[-1]}


def _remedy(change: Change) -> str:
    admins = [person.name for person in accounts.people_with(None, access.ADMINISTRATOR)]
    place = change.team.name if change.team else _("the organisation")
    ask = _listed(admins) if admins else _("an administrator")
    invite = _("%(who)s can invite another reviewer into %(place)s.") % {"who": ask, "place": place}
    weaker = _("Or its author edits it so that it weakens nothing: then one approval is enough.")
    return f"{invite} {weaker}" if change.approvals_needed > 1 else invite
