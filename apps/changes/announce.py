"""Tells people about a change: reviewers that it waits for them, makers what became of it. No link decides anything."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from apps.alerts import services as alerts

from . import people
from .kinds import kind
from .models import Change
from .people import LOCKGATE

LEVELS: dict[str, alerts.Level] = {"LOW": "INFO", "MEDIUM": "INFO", "HIGH": "WARN"}


def opened(change: Change, *, again: bool = False) -> None:
    """Somebody must review it; also after an edit, which made former verdicts worthless."""
    asked = sorted(people.reviewers(change.team_id) - people.makers(change))
    words = (
        _("Change %(number)s was edited and waits for your review again: %(title)s")
        if again
        else _("Change %(number)s waits for your review: %(title)s")
    )
    sentence = _said(change, words)
    _notify(change, asked, sentence, LEVELS[change.risk])
    body = render_to_string(
        "changes/mail/review.txt", {"change": change, "plain": _is_plain(change), "url": _url(change)}
    )
    for person in asked:
        alerts.send_mail(user_id=person, subject_ref=f"change/{change.id}", subject=sentence, body=body)


def questioned(change: Change) -> None:
    """A reviewer wants something else."""
    sentence = _said(change, _("A reviewer asks for something else in change %(number)s: %(title)s"))
    _tell(change, sentence, "WARN", _("Open it to read what is asked for, then edit it:"))


def decided(change: Change) -> None:
    """It was approved, rejected, refused or has expired."""
    words = {
        Change.APPROVED: _("Change %(number)s is approved and will be applied: %(title)s"),
        Change.REJECTED: _("Change %(number)s was rejected: %(title)s"),
        Change.REFUSED: _("Change %(number)s was approved but could not be applied: %(title)s"),
        Change.EXPIRED: _("Change %(number)s expired before anybody decided: %(title)s"),
    }
    level: alerts.Level = "INFO" if change.state == Change.APPROVED else "WARN"
    _tell(change, _said(change, words[change.state]), level, _("Open it to read who decided and why:"))


def applied(change: Change) -> None:
    """What was proposed holds now."""
    sentence = _said(change, _("Change %(number)s is applied: %(title)s"))
    _tell(change, sentence, "INFO", _("It holds from now on:"))


def _tell(change: Change, sentence: str, level: alerts.Level, invitation: str) -> None:
    """Its author and editors, in the bell and by mail; what reviewers wrote stays on the page."""
    told = sorted(people.makers(change) - {LOCKGATE.id})
    _notify(change, told, sentence, level)
    shown = {"change": change, "plain": _is_plain(change), "invitation": invitation, "url": _url(change)}
    body = render_to_string("changes/mail/decision.txt", shown)
    for person in told:
        alerts.send_mail(
            user_id=person, subject_ref=f"change/{change.id}", subject=sentence, body=body, team_id=change.team_id
        )


def _said(change: Change, words: str) -> str:
    title = change.title if _is_plain(change) else kind(change.kind).label
    return words % {"number": change.number, "title": title}


def _is_plain(change: Change) -> bool:
    """Whether its title and sentence name no person: mail and bell hold no personal data."""
    return change.kind != "membership"


def _notify(change: Change, user_ids: Iterable[str], sentence: str, level: alerts.Level) -> None:
    alerts.notify(user_ids=sorted(user_ids), sentence=sentence, url=f"/changes/{change.number}/", level=level)


def _url(change: Change) -> str:
    return f"{settings.LOCKGATE.url}/changes/{change.number}/"
