"""Raises, acknowledges and resolves incidents; people are told once per change of state."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.alerts import services as alerts
from apps.alerts.services import Level
from apps.audit import services as audit
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane.errors import Conflict, Invalid

from .models import Incident, IncidentEntry

LIVE = (Incident.OPEN, Incident.ACKNOWLEDGED)


def raise_incident(
    *,
    actor: Actor,
    team_id: Id,
    subject: str,
    problem: str,
    title: str,
    sentence: str,
    level: Level,
    ref: str,
) -> Incident:
    """Open an incident, or add to the one that is open for this problem. Stands in the caller's transaction."""
    live = Incident.objects.filter(subject=subject, problem=problem, state__in=LIVE)
    if live.update(times=F("times") + 1, last_ref=ref, last_at=Now(), sentence=sentence, level=level):
        incident = live.get()
        _entry(incident, "again", actor, sentence)
        return incident
    try:
        with transaction.atomic():
            incident = _open(team_id, subject, problem, title, sentence, level, ref)
    except IntegrityError:
        # Another worker opened it in this very moment.
        return raise_incident(
            actor=actor,
            team_id=team_id,
            subject=subject,
            problem=problem,
            title=title,
            sentence=sentence,
            level=level,
            ref=ref,
        )
    _entry(incident, "opened", actor, sentence)
    _record(actor, incident, "incident.opened", _("opened incident %(number)s: %(title)s"))
    _tell(incident)
    return incident


def problem_gone(*, actor: Actor, subject: str, problem: str, ref: str) -> bool:
    """Close the incident of a problem that no longer shows. Returns whether there was one."""
    incident = Incident.objects.filter(subject=subject, problem=problem, state__in=LIVE).first()
    if incident is None:
        return False
    _close(actor, incident, _("It no longer shows: %(ref)s passed.") % {"ref": ref})
    return True


def open_problems(subject: str, *, prefix: str = "") -> list[str]:
    """The problems of a subject that are open."""
    rows = Incident.objects.filter(subject=subject, problem__startswith=prefix, state__in=LIVE)
    return list(rows.values_list("problem", flat=True))


def acknowledge(*, actor: Actor, incident_id: Id) -> Incident:
    """Somebody looks after it. Raises Conflict when it is not open any more."""
    incident = _for(actor, incident_id, "incident.acknowledge")
    with transaction.atomic():
        taken = Incident.objects.filter(id=incident.id, state=Incident.OPEN).update(
            state=Incident.ACKNOWLEDGED, acknowledged_by=actor.id
        )
        if not taken:
            raise Conflict(_("Incident %(number)s is not open any more.") % {"number": incident.number})
        _entry(incident, "acknowledged", actor, _("acknowledged"))
        _record(actor, incident, "incident.acknowledged", _("acknowledged incident %(number)s: %(title)s"))
    incident.refresh_from_db()
    return incident


def resolve(*, actor: Actor, incident_id: Id, resolution: str) -> Incident:
    """Close it with a reason. Raises Invalid without one, Conflict when it is resolved already."""
    incident = _for(actor, incident_id, "incident.resolve")
    if not resolution.strip():
        raise Invalid(_("Say how it was resolved."), field="resolution")
    if len(resolution) > 300:
        raise Invalid(_("The reason is longer than 300 characters."), field="resolution")
    with transaction.atomic():
        _close(actor, incident, resolution.strip())
    incident.refresh_from_db()
    return incident


def _for(actor: Actor, incident_id: Id, action: str) -> Incident:
    incident = Incident.objects.get(id=incident_id)
    access.require(actor, action, incident.team_id)
    return incident


def _open(team_id: Id, subject: str, problem: str, title: str, sentence: str, level: str, ref: str) -> Incident:
    incident = Incident(
        team_id=team_id,
        subject=subject,
        problem=problem,
        title=title[:200],
        sentence=sentence,
        level=level,
        last_ref=ref,
        last_at=now(),
    )
    incident.save(force_insert=True)
    incident.refresh_from_db()
    return incident


def _close(actor: Actor, incident: Incident, resolution: str) -> None:
    closed = Incident.objects.filter(id=incident.id, state__in=LIVE).update(
        state=Incident.RESOLVED, resolved_at=Now(), resolution=resolution
    )
    if not closed:
        raise Conflict(_("Incident %(number)s is resolved already.") % {"number": incident.number})
    _entry(incident, "resolved", actor, resolution)
    _record(actor, incident, "incident.resolved", _("resolved incident %(number)s: %(title)s"))


def _entry(incident: Incident, what: str, actor: Actor, sentence: str) -> None:
    IncidentEntry.objects.create(incident=incident, what=what, who=actor.name[:120], sentence=sentence[:300])


def _record(actor: Actor, incident: Incident, action: str, summary: str) -> None:
    audit.append(
        actor=actor,
        action=action,
        subject=f"incident/{incident.id}",
        team_id=incident.team_id,
        summary=summary % {"number": incident.number, "title": incident.title},
        detail={"problem": incident.problem, "subject": incident.subject, "level": incident.level},
    )


def _level(incident: Incident) -> Level:
    return "ERROR" if incident.level == "ERROR" else "WARN"


def _tell(incident: Incident) -> None:
    """The bell and one mail to each engineer and steward of the team; sentences hold no personal data."""
    people = {
        user.id: user for role in ("engineer", "steward") for user in accounts.people_with(incident.team_id, role)
    }
    url = f"/incidents/{incident.number}/"
    sentence = f"[{incident.level}] {incident.title}"
    alerts.notify(user_ids=list(people), sentence=sentence[:300], url=url, level=_level(incident))
    for user in people:
        alerts.send_mail(
            user_id=user,
            subject_ref=f"incident/{incident.id}",
            subject=sentence[:300],
            body=f"{incident.sentence}\n\n{url}",
        )
