"""Which people and channels an alert goes to: the routes that match, else the owners of the team by mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from django.db.models import F, Q

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.ids import Id

from . import definition
from .definition import RouteDefinition
from .models import Channel, Route, RouteVersion

OWNERS = (access.ENGINEER, access.STEWARD)


@dataclass(frozen=True)
class Destinations:
    """Ids of people who get mail, and webhook channels."""

    people: tuple[str, ...]
    channels: tuple[Channel, ...]


def owners(team_id: Id | None) -> tuple[str, ...]:
    """Engineers and stewards of the team; administrators for what is about Lockgate itself."""
    roles = OWNERS if team_id else (access.ADMINISTRATOR,)
    found = {str(person.id) for role in roles for person in accounts.people_with(team_id, role)}
    return tuple(sorted(found))


def destinations(
    *, team_id: Id | None, level: str, texts: Sequence[str], recovery: bool, owners: Sequence[str]
) -> Destinations:
    """Where an alert goes. `texts` is what a subject pattern is tried on. A recovery goes only where it is wanted."""
    says = [one for one in _routes(team_id) if matches(one, level, texts, recovery)]
    if not says:
        return Destinations(() if recovery else tuple(owners), ())
    people = {person for one in says for person in one.people}
    if any(one.owners for one in says):
        people.update(owners)
    slugs = {slug for one in says for slug in one.channels}
    channels = Channel.objects.filter(slug__in=slugs, kind=Channel.WEBHOOK, disabled_at=None) if slugs else ()
    found = tuple(sorted(channels, key=lambda channel: channel.slug))
    if not people and not found:
        # Every channel of the routes was switched off: somebody must hear it all the same.
        return Destinations(() if recovery else tuple(owners), ())
    return Destinations(tuple(sorted(people)), found)


def matches(says: RouteDefinition, level: str, texts: Sequence[str], recovery: bool) -> bool:
    """Whether a route takes an alert."""
    if level not in says.levels or (recovery and not says.recoveries):
        return False
    pattern = says.subject.lower()
    return any(fnmatchcase(text.lower(), pattern) for text in texts if text)


def _routes(team_id: Id | None) -> list[RouteDefinition]:
    place = Q(team=None) | Q(team_id=team_id) if team_id else Q(team=None)
    active = RouteVersion.objects.filter(
        number=F("route__active_version"), route__in=Route.objects.filter(place, disabled_at=None)
    )
    return [definition.parse_route(document) for document in active.values_list("definition", flat=True)]
