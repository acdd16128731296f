"""Reads incidents, each only for who may see it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.paging import Page, page
from apps.dataplane.errors import NotFound

from .models import Incident, IncidentEntry

LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Filters:
    """What the list shows; every field stands in the address. `state` empty: what is not resolved."""

    state: str = ""
    level: str = ""
    q: str = ""


def incidents(actor: Actor) -> QuerySet[Incident]:
    """Every incident that the actor may see."""
    rows = Incident.objects.select_related("team")
    if not access.everywhere(actor, "incident.view"):
        rows = rows.filter(team_id__in=access.teams(actor, "incident.view"))
    return rows


def listed(actor: Actor, filters: Filters, *, cursor: str = "", size: int = 50) -> Page[Incident]:
    """A page of incidents, newest first. Raises Denied for whoever may see none anywhere."""
    access.require(actor, "incident.view")
    rows = incidents(actor)
    if filters.state == "":
        rows = rows.exclude(state=Incident.RESOLVED)
    elif filters.state != "ALL":
        rows = rows.filter(state=filters.state)
    if filters.level:
        rows = rows.filter(level=filters.level)
    if filters.q:
        number = filters.q.removeprefix("#")
        by_number = number.isascii() and number.isdecimal() and len(number) < 19
        rows = rows.filter(Q(number=int(number)) if by_number else Q(title__icontains=filters.q))
    return page(rows, by="number", cursor=cursor, size=size)


def incident(actor: Actor, number: int) -> Incident:
    """Raises NotFound."""
    found = incidents(actor).filter(number=number).first() if number <= LARGEST else None
    if found is None:
        raise NotFound(_("There is no incident %(number)s, or none that you may see.") % {"number": number})
    return found


def timeline(incident: Incident) -> list[IncidentEntry]:
    """Oldest first; at most the last 200 entries."""
    return list(IncidentEntry.objects.filter(incident=incident).order_by("-id")[:200])[::-1]


def open_count(actor: Actor) -> int:
    """How many are not resolved."""
    return incidents(actor).exclude(state=Incident.RESOLVED).count()
