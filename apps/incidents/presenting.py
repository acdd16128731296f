"""Shapes incidents for pages: tabs, choices, and one timeline of acts and alerts; no queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.alerts.selectors import TOGETHER, Sent

from .forms import REASONS
from .selectors import ALL, MINE, OPEN, RESOLVED, SNOOZED, Filters, Tabs

WHAT = {
    "opened": (gettext_lazy("opened"), "flame", "bad"),
    "again": (gettext_lazy("shown again"), "refresh", "bad"),
    "worse": (gettext_lazy("became an error"), "trending-up", "bad"),
    "returned": (gettext_lazy("came back after it was resolved"), "flame", "bad"),
    "reopened": (gettext_lazy("reopened"), "arrow-back-up", "bad"),
    "acknowledged": (gettext_lazy("acknowledged"), "eye", "run"),
    "assigned": (gettext_lazy("assigned"), "user", "run"),
    "snoozed": (gettext_lazy("snoozed"), "clock", "run"),
    "woke": (gettext_lazy("came back"), "bell-ringing", "warn"),
    "commented": (gettext_lazy("commented"), "message", "run"),
    "resolved": (gettext_lazy("resolved"), "check", "run"),
    "gone": (gettext_lazy("closed by itself"), "checks", "run"),
}
TOLD = {
    "incident.opened": gettext_lazy("Told that it opened"),
    "incident.reopened": gettext_lazy("Told that it came back"),
    "incident.escalated": gettext_lazy("Told that it became an error"),
    "incident.resolved": gettext_lazy("Told that it is over"),
    "incident.assigned": gettext_lazy("Told that it is theirs"),
}


@dataclass(frozen=True)
class Line:
    """One line of the timeline. An alert has a `state`, and notes about those who did not get it."""

    at: datetime
    sentence: str
    what: str
    who: str
    icon: str
    tone: str
    state: str = ""
    note: str = ""


def timeline(entries: Sequence[Any], sent: Sequence[Sent]) -> list[Line]:
    """Acts and alerts in the order of time; one alert to several people is one line."""
    lines = [_entry(entry) for entry in entries] + list(_alerts(sent))
    return sorted(lines, key=lambda line: line.at)


def _entry(entry: Any) -> Line:
    word, icon, tone = WHAT.get(entry.what, (entry.what, "point", "run"))
    return Line(entry.created_at, entry.sentence, str(word), entry.who, icon, tone)


def _alerts(sent: Sequence[Sent]) -> list[Line]:
    groups: list[tuple[Sent, list[str]]] = []
    for one in sent:
        same = next((names for first, names in groups if _one_alert(first, one)), None)
        if same is None:
            groups.append((one, [one.to]))
        else:
            same.append(one.to)
    return [replace(_told(first), who=", ".join(names)) for first, names in groups]


def _one_alert(first: Sent, other: Sent) -> bool:
    """Whether both tell the same, and came to the same end."""
    alike = ("event", "channel", "state", "transport", "last_error", "attempts")
    return abs(first.at - other.at) < TOGETHER and all(getattr(first, name) == getattr(other, name) for name in alike)


def _told(one: Sent) -> Line:
    way = _("by webhook") if one.channel == "webhook" else _("by mail")
    if one.state == "SENT" and one.transport == "outbox":
        way = _("by mail, into the built-in outbox")
    tries = ngettext("%(n)s try", "%(n)s tries", one.attempts) % {"n": one.attempts} if one.attempts > 1 else ""
    note = " · ".join(part for part in (tries, one.last_error if one.state != "SENT" else "") if part)
    icon = "send" if one.channel == "webhook" else "mail"
    tone = "bad" if one.state == "DEAD" else "run"
    return Line(one.at, str(TOLD.get(one.event, _("Told"))), way, "", icon, tone, one.state, note)


def end(kind: str) -> str:
    """How it ended, in words."""
    words = {**dict(REASONS), "gone": _("Closed by itself")}
    return str(words.get(kind, ""))


def tabs(counts: Tabs, filters: Filters, here: str) -> list[dict[str, Any]]:
    """The tabs with what waits behind them."""
    chosen = ALL if filters.state == "ALL" else filters.show or OPEN
    known = (
        (OPEN, _("Open"), counts.open),
        (MINE, _("Mine"), counts.mine),
        (SNOOZED, _("Snoozed"), counts.snoozed),
        (RESOLVED, _("Resolved"), 0),
        (ALL, _("All"), 0),
    )
    return [
        {"url": f"{here}?show={value}", "label": label, "active": value == chosen, "badge": count}
        for value, label, count in known
    ]


def choices() -> dict[str, list[tuple[str, str]]]:
    """What the filters offer."""
    return {
        "levels": [("ERROR", _("Error")), ("WARN", _("Warning"))],
        "subjects": [("pipeline", _("Pipelines")), ("system", _("Lockgate itself"))],
        "times": [("24h", _("Last 24 hours")), ("7d", _("Last 7 days")), ("30d", _("Last 30 days"))],
    }
