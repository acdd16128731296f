"""Reads incidents, each only for who may see it: those of one's teams, and Lockgate's own for who operates it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.paging import Page, page, sorted_page
from apps.dataplane.errors import NotFound

from .models import Incident, IncidentEntry

LARGEST = 2**63 - 1
OPEN, MINE, SNOOZED, RESOLVED, ALL = "open", "mine", "snoozed", "resolved", "all"
SHOWN = (OPEN, MINE, SNOOZED, RESOLVED, ALL)
# What may be sorted by, with the column behind it; the number stands for the time of opening.
SORTS = {"number": "number", "seen": "last_at", "level": "level", "times": "times", "title": "title"}
SEEN = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
LET_BE = timedelta(days=30)
ME, NOBODY = "me", "nobody"
LOOKS_AFTER = (access.ENGINEER, access.STEWARD, access.REVIEWER)
_OPERATES = {"incident.view": "operation.view"}


@dataclass(frozen=True)
class Filters:
    """What the list shows; every field stands in the address. Nothing given: what is open and not snoozed.

    `team` is a short name, `assignee` a person's id, `me` or `nobody`; `subject` a soft reference or its kind; `seen`
    one of 24h, 7d, 30d; `sort` a key of SORTS, with a minus for falling order.
    """

    show: str = ""
    state: str = ""
    level: str = ""
    team: str = ""
    assignee: str = ""
    subject: str = ""
    seen: str = ""
    q: str = ""
    sort: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything but the tab and the order is chosen."""
        return any((self.state, self.level, self.team, self.assignee, self.subject, self.seen, self.q))


@dataclass(frozen=True)
class Tabs:
    """How many wait behind each tab; what is resolved is not counted."""

    open: int = 0
    mine: int = 0
    snoozed: int = 0


def allowed(actor: Actor, action: str, incident: Incident) -> bool:
    """Whether the actor may act on it. What is about Lockgate itself belongs to whoever operates it."""
    if incident.team_id is None:
        return access.allowed(actor, _OPERATES.get(action, "operation.act"))
    return access.allowed(actor, action, incident.team_id)


def require(actor: Actor, action: str, incident: Incident) -> None:
    """Raises Denied."""
    if incident.team_id is None:
        access.require(actor, _OPERATES.get(action, "operation.act"))
    else:
        access.require(actor, action, incident.team_id)


def may_see_any(actor: Actor) -> bool:
    """Whether any incident could be the actor's to read."""
    return access.allowed(actor, "incident.view") or access.allowed(actor, "operation.view")


def incidents(actor: Actor) -> QuerySet[Incident]:
    """Every incident that the actor may see."""
    rows = Incident.objects.select_related("team", "assignee")
    own = Q(team_id__in=access.teams(actor, "incident.view"))
    if access.everywhere(actor, "incident.view"):
        own = Q(team__isnull=False)
    return rows.filter(own | Q(team=None)) if access.allowed(actor, "operation.view") else rows.filter(own)


def listed(actor: Actor, filters: Filters, *, cursor: str = "", size: int = 50) -> Page[Incident]:
    """A page of incidents, newest first unless sorted. Raises Denied for whoever may see none anywhere."""
    if not may_see_any(actor):
        access.require(actor, "incident.view")
    rows = incidents(actor).filter(_shown(actor, filters) & _narrowed(actor, filters))
    column = SORTS.get(filters.sort.lstrip("-"), "")
    if not column:
        return page(rows, by="number", cursor=cursor, size=size)
    return sorted_page(rows, by=column, descending=filters.sort.startswith("-"), cursor=cursor, size=size)


def _shown(actor: Actor, filters: Filters) -> Q:
    show = ALL if filters.state == "ALL" else filters.show
    if filters.state and filters.state != "ALL":
        return Q(state=filters.state)
    if show == ALL:
        return Q()
    if show == RESOLVED:
        return Q(state=Incident.RESOLVED)
    if show == SNOOZED:
        return Q(state=Incident.SNOOZED)
    if show == MINE:
        return _mine(actor)
    return Q(state__in=(Incident.OPEN, Incident.ACKNOWLEDGED))


def _mine(actor: Actor) -> Q:
    return ~Q(state=Incident.RESOLVED) & (Q(assignee_id=actor.id) if accounts.is_uuid(actor.id) else Q(pk=None))


def _narrowed(actor: Actor, filters: Filters) -> Q:
    found = Q()
    if filters.level:
        found &= Q(level=filters.level)
    if filters.team:
        found &= Q(team__slug=filters.team)
    if filters.assignee:
        found &= _assigned(actor, filters.assignee)
    if filters.subject:
        exact = "/" in filters.subject
        found &= Q(subject=filters.subject) if exact else Q(subject__startswith=f"{filters.subject}/")
    if filters.seen in SEEN:
        found &= Q(last_at__gte=now() - SEEN[filters.seen])
    if filters.q:
        number = filters.q.removeprefix("#")
        by_number = number.isascii() and number.isdecimal() and len(number) < 19
        found &= Q(number=int(number)) if by_number else Q(title__icontains=filters.q)
    return found


def _assigned(actor: Actor, who: str) -> Q:
    if who == NOBODY:
        return Q(assignee=None)
    who = actor.id if who == ME else who
    return Q(assignee_id=who) if accounts.is_uuid(who) else Q(pk=None)


def incident(actor: Actor, number: int) -> Incident:
    """Raises NotFound."""
    found = incidents(actor).filter(number=number).first() if 0 <= number <= LARGEST else None
    if found is None:
        raise NotFound(_("There is no incident %(number)s, or none that you may see.") % {"number": number})
    return found


def timeline(incident: Incident) -> list[IncidentEntry]:
    """Oldest first; at most the last 200 entries."""
    return list(IncidentEntry.objects.filter(incident=incident).order_by("-id")[:200])[::-1]


def open_count(actor: Actor) -> int:
    """How many need somebody: neither resolved nor snoozed."""
    return incidents(actor).filter(state__in=(Incident.OPEN, Incident.ACKNOWLEDGED)).count()


def tabs(actor: Actor) -> Tabs:
    """What waits behind each tab, in one query over what is live."""
    awake = Q(state__in=(Incident.OPEN, Incident.ACKNOWLEDGED))
    counts = {
        "open": Count("id", filter=awake),
        "mine": Count("id", filter=_mine(actor)),
        "snoozed": Count("id", filter=Q(state=Incident.SNOOZED)),
    }
    return Tabs(**incidents(actor).exclude(state=Incident.RESOLVED).aggregate(**counts))


def assignable(incident: Incident) -> list[Any]:
    """People who may look after it: of its team, or administrators for Lockgate's own."""
    if incident.team_id is None:
        return accounts.holders((), (), (access.ADMINISTRATOR,))
    return accounts.holders([incident.team_id], LOOKS_AFTER)


def colleagues(actor: Actor) -> list[Any]:
    """Whoever looks after incidents where the actor does, for acting on many at once."""
    teams = access.teams(actor, "incident.acknowledge")
    organisation = (access.ADMINISTRATOR,) if access.allowed(actor, "operation.act") else ()
    return accounts.holders(teams, LOOKS_AFTER, organisation)


def assignees(actor: Actor) -> list[tuple[UUID, str]]:
    """Whoever looks after a live incident that the actor may see, for the filter."""
    rows = incidents(actor).exclude(state=Incident.RESOLVED).filter(assignee__isnull=False)
    return list(rows.order_by("assignee__name").values_list("assignee_id", "assignee__name").distinct()[:50])


def live_of(subjects: list[str]) -> list[Incident]:
    """The live incidents of these subjects, oldest first."""
    rows = Incident.objects.filter(subject__in=subjects).exclude(state=Incident.RESOLVED)
    return list(rows.order_by("number"))


def let_be(subject: str, problem: str) -> bool:
    """Whether somebody resolved the last incident of this problem as accepted, or as a false alarm, lately."""
    last = Incident.objects.filter(subject=subject, problem=problem).order_by("-number")
    found = last.values_list("state", "resolution_kind", "resolved_at").first()
    if found is None or found[0] != Incident.RESOLVED or found[1] not in ("accepted", "false_alarm"):
        return False
    return found[2] is not None and found[2] > now() - LET_BE


def require_any(actor: Actor) -> None:
    """Raises Denied for whoever looks after no incident anywhere."""
    if not mine_to_take(actor):
        access.require(actor, "incident.acknowledge")


def mine_to_take(actor: Actor) -> bool:
    """Whether the actor may look after any incident at all."""
    return access.allowed(actor, "incident.acknowledge") or access.allowed(actor, "operation.act")
