"""What happened to a change, in order: who proposed, edited, said and decided what, as the audit log has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.audit import selectors as audit
from apps.core.actor import system

from .models import Change, Comment, Participant

MOST = 200
_ACTS: dict[str, tuple[str | Promise, str, str]] = {
    "change.proposed": (gettext_lazy("proposed it"), "git-pull-request", ""),
    "change.edited": (gettext_lazy("edited it"), "pencil", ""),
    "change.approved": (gettext_lazy("approved it"), "check", "ok"),
    "change.questioned": (gettext_lazy("requested changes"), "message", "warn"),
    "change.rejected": (gettext_lazy("rejected it"), "x", "fail"),
    "change.commented": (gettext_lazy("commented"), "message-circle", ""),
    "change.withdrawn": (gettext_lazy("withdrew it"), "arrow-back-up", ""),
    "change.expired": (gettext_lazy("ended it, because nobody decided in time"), "clock", "warn"),
    "change.applied": (gettext_lazy("applied it"), "circle-check", "ok"),
    "change.refused": (gettext_lazy("refused to apply it"), "ban", "fail"),
}
_VERDICTS = {
    "change.approved": Participant.APPROVED,
    "change.questioned": Participant.ASKED,
    "change.rejected": Participant.REJECTED,
}


@dataclass(frozen=True)
class Moment:
    """One thing that happened. `note` adds what it changed; `text` is what was said."""

    at: datetime
    who: str
    what: str
    icon: str
    tone: str
    note: str = ""
    text: str = ""


def timeline(
    change: Change, parts: Sequence[Participant], comments: Sequence[Comment], names: dict[str, str]
) -> tuple[Moment, ...]:
    """Oldest first; of a very long story, the newest part."""
    events = audit.of_subject(system("changes"), f"change/{change.id}", limit=MOST)
    return tuple(_moments(list(reversed(events)), change, parts, comments, names))


def _moments(
    events: Sequence[audit.Shown],
    change: Change,
    parts: Sequence[Participant],
    comments: Sequence[Comment],
    names: dict[str, str],
) -> Iterator[Moment]:
    said = {comment.id: comment for comment in comments}
    waiting = iter(sorted(said.values(), key=lambda comment: comment.id))
    last = {(event.actor_id, event.action): event.id for event in events}
    risk = ""
    for event in events:
        if event.action not in _ACTS:
            continue
        what, icon, tone = _ACTS[event.action]
        now = dict(event.detail).get("risk", "")
        note = _moved(risk, now) if event.action == "change.edited" else ""
        risk = now or risk
        text = ""
        if event.action == "change.commented":
            text = getattr(next(waiting, None), "text", "")
        elif event.action in _VERDICTS and last[event.actor_id, event.action] == event.id:
            text = _verdict(parts, event)
        elif event.action == "change.refused":
            text = change.outcome
        who = names.get(event.actor_id) or event.actor_name
        yield Moment(event.at, who, str(what), icon, tone, note, text)


def _verdict(parts: Sequence[Participant], event: audit.Shown) -> str:
    """What a reviewer said with their newest verdict; what was said with a former one is not kept."""
    mine = (part for part in parts if str(part.person_id) == event.actor_id)
    return next((part.comment for part in mine if part.verdict == _VERDICTS[event.action]), "")


def _moved(before: str, after: str) -> str:
    if not (before and after) or before == after:
        return ""
    return _("Risk %(before)s → %(after)s; earlier decisions no longer count.") % {
        "before": before.lower(),
        "after": after.lower(),
    }
