"""What people are told about an incident: the subject line, the body of the mail, the line in the bell."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from apps.alerts import services as alerts
from apps.alerts.services import Level

from . import selectors
from .models import Incident

ERROR: Level = "ERROR"
WARN: Level = "WARN"


def changed(incident: Incident, event: str, remedy: str = "") -> None:
    """One alert: it opened, came back or became worse."""
    alerts.raise_alert(
        team_id=incident.team_id,
        subject_ref=f"incident/{incident.id}",
        level=level(incident),
        subject_line=subject_line(incident),
        body=_body(incident, event, remedy),
        url=url(incident),
        event=f"incident.{event}",
        about=incident.subject,
    )


def recovered(incident: Incident) -> None:
    """It closed by itself: only those hear of it who want to, see the routes."""
    alerts.raise_alert(
        team_id=incident.team_id,
        subject_ref=f"incident/{incident.id}",
        level="INFO",
        subject_line=_("%(title)s, resolved: it no longer shows") % {"title": incident.title},
        body=_("The problem no longer shows, so the incident closed by itself."),
        url=url(incident),
        event="incident.resolved",
        about=incident.subject,
        recovery=True,
    )


def woke(incident: Incident) -> None:
    """Its rest is over: a line in the bell of whoever looks after it, else of those it belongs to."""
    sentence = _("Incident %(number)s is back: %(title)s") % {"number": incident.number, "title": incident.title}
    alerts.notify(user_ids=_looking_after(incident), sentence=sentence, url=url(incident), level=level(incident))


def yours(incident: Incident) -> None:
    """Somebody gave it to this person."""
    sentence = _("Incident %(number)s is yours now: %(title)s") % {"number": incident.number, "title": incident.title}
    person = str(incident.assignee_id)
    alerts.notify(user_ids=[person], sentence=sentence, url=url(incident), level=level(incident))
    alerts.send_mail(
        user_id=person,
        subject_ref=f"incident/{incident.id}",
        subject=sentence,
        body=_body(incident, "assigned", ""),
        team_id=incident.team_id,
        event="incident.assigned",
    )


def _looking_after(incident: Incident) -> Iterable[object]:
    if incident.assignee_id:
        return [incident.assignee_id]
    return [person.id for person in selectors.assignable(incident)]


def subject_line(incident: Incident) -> str:
    """What is wrong and whether the old data is still served, without the level."""
    return f"{incident.title}, {incident.effect}" if incident.effect else incident.title


def level(incident: Incident) -> Level:
    return ERROR if incident.level == "ERROR" else WARN


def url(incident: Incident) -> str:
    return f"/incidents/{incident.number}/"


def _body(incident: Incident, event: str, remedy: str) -> str:
    since = incident.opened_at or incident.created_at
    first = {
        "opened": _("A problem began to show."),
        "reopened": _("A problem that was resolved shows again."),
        "escalated": _("A warning became an error."),
        "assigned": _("Somebody gave you this incident to look after."),
    }[event]
    lines = [
        first,
        "",
        incident.sentence,
        "",
        _("What to do: %(remedy)s")
        % {"remedy": remedy or _("open the incident; it names the run, the check and who reads this data.")},
        _("Since: %(at)s UTC") % {"at": f"{since:%Y-%m-%d %H:%M}"},
    ]
    return "\n".join(lines)
