"""Raises, looks after, closes and reopens incidents; each step is recorded, each change of state told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.alerts.services import Level
from apps.audit import services as audit
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane.errors import Conflict, Invalid, LockgateError

from . import selectors, telling
from .models import Incident, IncidentEntry

Reason = Literal["fixed", "false_alarm", "accepted", "other"]
REASONS: tuple[Reason, ...] = get_args(Reason)
GONE = "gone"
LIVE = (Incident.OPEN, Incident.ACKNOWLEDGED, Incident.SNOOZED)
REOPENS_WITHIN = timedelta(days=30)
LONGEST_SNOOZE = timedelta(days=30)
LONGEST_RESOLUTION, LONGEST_COMMENT, MOST_AT_ONCE = 300, 2000, 100


def raise_incident(
    *,
    actor: Actor,
    team_id: Id | None,
    subject: str,
    problem: str,
    title: str,
    sentence: str,
    level: Level,
    ref: str,
    effect: str = "",
    remedy: str = "",
) -> Incident:
    """Open an incident, add to the one that is live for this problem, or reopen the one that was resolved lately.

    Stands in the caller's transaction. `effect` says what became of the data ("publish blocked, yesterday's data still
    served"); with `title` it is the subject of the mail. No personal data in any text. Without a team it is about
    Lockgate itself: `system/<name>`.
    """
    said = {"title": title[:200], "sentence": sentence, "level": level, "last_ref": ref, "effect": effect[:200]}
    known = Incident.objects.select_for_update().filter(subject=subject, problem=problem).order_by("-number").first()
    if known and known.state in LIVE:
        return _again(actor, known, said, remedy)
    if known and known.resolved_at and known.resolved_at > now() - REOPENS_WITHIN:
        return _returned(actor, known, said, remedy)
    try:
        with transaction.atomic():
            incident = _open(team_id, subject, problem, said)
    except IntegrityError:
        # Another worker opened it in this very moment.
        return _again(actor, Incident.objects.get(subject=subject, problem=problem, state__in=LIVE), said, remedy)
    _entry(incident, "opened", actor, sentence)
    _record(actor, incident, "incident.opened", _("opened incident %(number)s: %(title)s"))
    telling.changed(incident, "opened", remedy)
    return incident


def _open(team_id: Id | None, subject: str, problem: str, said: dict[str, str]) -> Incident:
    at = now()
    incident = Incident(team_id=team_id, subject=subject, problem=problem, last_at=at, opened_at=at, **said)
    incident.save(force_insert=True)
    incident.refresh_from_db()
    return incident


def _again(actor: Actor, incident: Incident, said: dict[str, str], remedy: str) -> Incident:
    worse = incident.level != "ERROR" and said["level"] == "ERROR"
    values: dict[str, Any] = {**said, "times": F("times") + 1, "last_at": Now()}
    if worse and incident.state == Incident.SNOOZED:
        values |= {"state": Incident.OPEN, "snoozed_until": None}
    Incident.objects.filter(id=incident.id, state__in=LIVE).update(**values)
    incident.refresh_from_db()
    _entry(incident, "worse" if worse else "again", actor, said["sentence"])
    if worse:
        _record(actor, incident, "incident.escalated", _("incident %(number)s became an error: %(title)s"))
        telling.changed(incident, "escalated", remedy)
    return incident


def _returned(actor: Actor, incident: Incident, said: dict[str, str], remedy: str) -> Incident:
    """The row is locked: whoever else sees the same problem adds to what is opened here."""
    values = {**said, "times": F("times") + 1, "last_at": Now(), "opened_at": now()}
    Incident.objects.filter(id=incident.id, state=Incident.RESOLVED).update(**values, **_FRESH)
    incident.refresh_from_db()
    _entry(incident, "returned", actor, said["sentence"])
    _record(actor, incident, "incident.reopened", _("reopened incident %(number)s, the problem came back: %(title)s"))
    telling.changed(incident, "reopened", remedy)
    return incident


_FRESH: dict[str, Any] = {
    "state": Incident.OPEN,
    "reopened": F("reopened") + 1,
    "acknowledged_by": "",
    "snoozed_until": None,
    "resolved_at": None,
    "resolution": "",
    "resolution_kind": "",
}


def problem_gone(*, actor: Actor, subject: str, problem: str, ref: str, sentence: str = "") -> bool:
    """Close the incident of a problem that no longer shows. Returns whether there was one."""
    incident = Incident.objects.filter(subject=subject, problem=problem, state__in=LIVE).first()
    if incident is None:
        return False
    said = sentence or _("It no longer shows: %(ref)s passed.") % {"ref": ref}
    _close(actor, incident, said, GONE, "gone")
    telling.recovered(incident)
    return True


def open_problems(subject: str, *, prefix: str = "") -> list[str]:
    """The problems of a subject that are live."""
    rows = Incident.objects.filter(subject=subject, problem__startswith=prefix, state__in=LIVE)
    return list(rows.values_list("problem", flat=True))


def acknowledge(*, actor: Actor, incident_id: Id) -> Incident:
    """Somebody looks after it, and is its assignee if nobody is. Raises Conflict when it is not open any more."""
    incident = _for(actor, incident_id, "incident.acknowledge")
    waits = Incident.objects.filter(id=incident.id, state__in=(Incident.OPEN, Incident.SNOOZED))
    with transaction.atomic():
        mine = {} if incident.assignee_id or actor.kind != "person" else {"assignee_id": actor.id}
        taken = waits.update(
            state=Incident.ACKNOWLEDGED, acknowledged_by=actor.id, snoozed_until=None, **mine
        )  # fmt: skip
        if not taken:
            raise Conflict(_("Incident %(number)s is not open any more.") % {"number": incident.number})
        _entry(incident, "acknowledged", actor, _("acknowledged"))
        _record(actor, incident, "incident.acknowledged", _("acknowledged incident %(number)s: %(title)s"))
    return _fresh(incident)


def assign(*, actor: Actor, incident_id: Id, person_id: Id | None) -> Incident:
    """Give it to a person of the team, or to nobody. Raises Invalid for anybody else, Conflict once it is resolved."""
    incident = _for(actor, incident_id, "incident.acknowledge")
    person = _assignable(incident, person_id) if person_id else None
    with transaction.atomic():
        if not _live(incident).update(assignee=person):
            raise _resolved_already(incident)
        named = {"name": person.name} if person else {}
        _entry(incident, "assigned", actor, (_("assigned to %(name)s") % named) if person else _("assigned to nobody"))
        _record(actor, incident, "incident.assigned", _("assigned incident %(number)s: %(title)s"))
        incident.refresh_from_db()
        if person and str(person.id) != actor.id:
            telling.yours(incident)
    return incident


def _assignable(incident: Incident, person_id: Id) -> Any:
    found = next((one for one in selectors.assignable(incident) if str(one.id) == str(person_id)), None)
    if found is None:
        raise Invalid(
            _("This person does not look after the incidents of this team."),
            remedy=_("Choose somebody who is an engineer, steward or reviewer in it."),
            field="person",
        )
    return found


def snooze(*, actor: Actor, incident_id: Id, until: datetime) -> Incident:
    """Let it rest; the scheduler brings it back. An incident that becomes worse comes back by itself."""
    incident = _for(actor, incident_id, "incident.acknowledge")
    if not now() < until <= now() + LONGEST_SNOOZE:
        raise Invalid(_("Choose a time within the next 30 days."), field="until")
    with transaction.atomic():
        if not _live(incident).update(state=Incident.SNOOZED, snoozed_until=until):
            raise _resolved_already(incident)
        _entry(incident, "snoozed", actor, _("snoozed until %(at)s UTC") % {"at": f"{until:%Y-%m-%d %H:%M}"})
        _record(actor, incident, "incident.snoozed", _("snoozed incident %(number)s: %(title)s"))
    return _fresh(incident)


def wake_due() -> int:
    """Bring back what was snoozed until now; the scheduler's. Returns how many."""
    woken = 0
    scheduler = system("scheduler")
    for incident in Incident.objects.filter(state=Incident.SNOOZED, snoozed_until__lte=Now()).order_by("number")[:100]:
        state = Incident.ACKNOWLEDGED if incident.acknowledged_by else Incident.OPEN
        with transaction.atomic():
            due = Incident.objects.filter(id=incident.id, state=Incident.SNOOZED, snoozed_until__lte=Now())
            if not due.update(state=state, snoozed_until=None):
                continue  # Somebody acted in this very moment.
            incident.refresh_from_db()
            _entry(incident, "woke", scheduler, _("its rest is over"))
            _record(scheduler, incident, "incident.woke", _("incident %(number)s came back: %(title)s"))
            telling.woke(incident)
            woken += 1
    return woken


def resolve(*, actor: Actor, incident_id: Id, resolution: str, kind: str) -> Incident:
    """Close it with a reason of one of REASONS. Raises Invalid without one, Conflict when it is resolved already."""
    incident = _for(actor, incident_id, "incident.resolve")
    if kind not in REASONS:
        raise Invalid(_("Say what kind of end it is: %(kinds)s.") % {"kinds": ", ".join(REASONS)}, field="kind")
    text = _text(resolution, "resolution", LONGEST_RESOLUTION, _("Say how it was resolved."))
    with transaction.atomic():
        _close(actor, incident, text, kind, "resolved")
    return _fresh(incident)


def reopen(*, actor: Actor, incident_id: Id, comment: str = "") -> Incident:
    """It is not over after all. Raises Conflict when it is live, or when the problem has a newer incident."""
    incident = _for(actor, incident_id, "incident.resolve")
    said = _text(comment, "comment", LONGEST_COMMENT, "") if comment.strip() else _("reopened")
    resolved = Incident.objects.filter(id=incident.id, state=Incident.RESOLVED)
    with transaction.atomic():
        try:
            with transaction.atomic():
                done = resolved.update(**_FRESH, opened_at=Now())
        except IntegrityError:
            raise Conflict(
                _("The same problem has a newer incident that is open."), remedy=_("Look after that one.")
            ) from None
        if not done:
            raise Conflict(_("Incident %(number)s is open already.") % {"number": incident.number})
        _entry(incident, "reopened", actor, said)
        _record(actor, incident, "incident.reopened", _("reopened incident %(number)s: %(title)s"))
    return _fresh(incident)


def comment(*, actor: Actor, incident_id: Id, text: str) -> IncidentEntry:
    """Say something in the timeline, at any time."""
    incident = _for(actor, incident_id, "incident.acknowledge")
    said = _text(text, "text", LONGEST_COMMENT, _("Write something first."))
    with transaction.atomic():
        entry = _entry(incident, "commented", actor, said)
        _record(actor, incident, "incident.commented", _("commented on incident %(number)s: %(title)s"))
    return entry


def act_on_many(*, actor: Actor, numbers: Sequence[int], act: str, person_id: Id | None = None) -> tuple[int, int]:
    """Acknowledge or assign several. Returns how many were, and how many could not be any more.

    Raises Invalid for none, too many or an unknown act, Denied or NotFound for any that is not the actor's.
    """
    chosen = sorted(set(numbers))
    if act not in ("acknowledge", "assign") or not 0 < len(chosen) <= MOST_AT_ONCE:
        raise Invalid(_("Choose 1 to 100 incidents, and what to do with them."), field="numbers")
    found = [selectors.incident(actor, number) for number in chosen]
    for incident in found:
        selectors.require(actor, "incident.acknowledge", incident)
    done = 0
    for incident in found:
        try:
            if act == "acknowledge":
                acknowledge(actor=actor, incident_id=incident.id)
            else:
                assign(actor=actor, incident_id=incident.id, person_id=person_id)
            done += 1
        except Conflict:
            continue  # Somebody was faster; the others are still wanted.
    return done, len(found) - done


def many_said(done: int, left: int) -> str:
    """The outcome of acting on many, for people."""
    said = ngettext("%(n)d incident done.", "%(n)d incidents done.", done) % {"n": done}
    if not left:
        return said
    return said + " " + ngettext("%(n)d had moved on.", "%(n)d had moved on.", left) % {"n": left}


def _for(actor: Actor, incident_id: Id, action: str) -> Incident:
    incident = Incident.objects.get(id=incident_id)
    selectors.require(actor, action, incident)
    return incident


def _fresh(incident: Incident) -> Incident:
    incident.refresh_from_db()
    return incident


def _live(incident: Incident) -> QuerySet[Incident]:
    return Incident.objects.filter(Q(state__in=LIVE), id=incident.id)


def _text(value: str, field: str, longest: int, missing: str) -> str:
    text = value.replace("\x00", "").strip()
    if not text:
        raise Invalid(missing, field=field)
    if len(text) > longest:
        raise Invalid(_("This is longer than %(n)s characters.") % {"n": longest}, field=field)
    return text


def _close(actor: Actor, incident: Incident, resolution: str, kind: str, what: str) -> None:
    closed = _live(incident).update(
        state=Incident.RESOLVED,
        resolved_at=Now(),
        resolution=resolution[:LONGEST_RESOLUTION],
        resolution_kind=kind,
        snoozed_until=None,
    )
    if not closed:
        raise _resolved_already(incident)
    _entry(incident, what, actor, resolution)
    _record(actor, incident, "incident.resolved", _("resolved incident %(number)s: %(title)s"), kind=kind)


def _resolved_already(incident: Incident) -> LockgateError:
    return Conflict(_("Incident %(number)s is resolved already.") % {"number": incident.number})


def _entry(incident: Incident, what: str, actor: Actor, sentence: str) -> IncidentEntry:
    return IncidentEntry.objects.create(
        incident=incident, what=what, who=actor.name[:120], sentence=sentence[:LONGEST_COMMENT]
    )


def _record(actor: Actor, incident: Incident, action: str, summary: str, **detail: str) -> None:
    audit.append(
        actor=actor,
        action=action,
        subject=f"incident/{incident.id}",
        team_id=incident.team_id,
        summary=summary % {"number": incident.number, "title": incident.title},
        detail={"problem": incident.problem, "subject": incident.subject, "level": incident.level, **detail},
    )
