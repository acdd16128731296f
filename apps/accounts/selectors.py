"""Reads people: who acts and with which roles, who holds what since when, whether founding is still open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Least

from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.paging import Page, page
from apps.dataplane.errors import NotFound

from .models import ApiToken, Membership, Organisation, Team, User

ANONYMOUS = Actor(id="anonymous", name="Somebody who is not signed in")
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
NAMED = ("id", "created_at", "email", "name", "time_zone", "is_active", "is_service")


def actor_of(user: AbstractBaseUser | AnonymousUser, *, request_id: str = "", token: ApiToken | None = None) -> Actor:
    """Who acts, with the roles that the database holds at this moment; a token narrows them to its scopes."""
    if not isinstance(user, User) or not user.is_active:
        return ANONYMOUS
    teams, organisation = _roles(user.id)
    return Actor(
        id=str(user.id),
        name=user.name,
        kind="token" if token else "person",
        teams=teams,
        organisation=organisation,
        scopes=frozenset(token.scopes) if token else None,
        request_id=request_id,
    )


def _roles(user_id: UUID) -> tuple[Mapping[str, frozenset[str]], frozenset[str]]:
    held = Membership.objects.filter(user_id=user_id, revoked_at=None, team__archived_at=None)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for team_id, role in held.values_list("team_id", "role"):
        found[str(team_id or "")].add(role)
    organisation = frozenset(found.pop("", ()))
    return {team: frozenset(roles) for team, roles in found.items()}, organisation


def actor_with_id(person_id: object) -> Actor:
    """The person as they may act at this moment; nobody for an id that is nobody's."""
    key = str(person_id)
    user = User.objects.filter(id=key).only(*NAMED).first() if is_uuid(key) else None
    return actor_of(user or AnonymousUser())


def team_ids(slugs: Iterable[str]) -> dict[str, UUID]:
    """Ids of teams by their short names, of those that exist."""
    return dict(Team.objects.filter(slug__in=list(slugs), archived_at=None).values_list("slug", "id"))


def organisation_name() -> str:
    """The organisation's name; empty before anybody has set Lockgate up."""
    return Organisation.objects.values_list("name", flat=True).first() or ""


def organisation() -> QuerySet[Organisation]:
    """The one row about the installation, if it has been set up, with `founding`: whether that is still open."""
    return Organisation.objects.annotate(founding=Exists(founding()))


def founding_open() -> bool:
    """Whether one signature still suffices: until two reviewers have been active at the same time, once."""
    return founding().exists()


def founding() -> QuerySet[Organisation]:
    """The organisation while founding is open. `founding_closed_at` keeps the answer; the people themselves give it."""
    return Organisation.objects.filter(~Exists(_second_reviewer()), founding_closed_at=None)


def _second_reviewer() -> QuerySet[Membership]:
    other = ~Q(user_id=OuterRef("user_id")) & Q(begin__lt=OuterRef("until"), until__gt=OuterRef("begin"))
    return _reviewing().filter(Exists(_reviewing().filter(other)))


def _reviewing() -> QuerySet[Membership]:
    """From when until when each person could review. Who never accepted the invitation never could."""
    return Membership.objects.filter(
        Q(user__is_active=True) | Q(user__activated_at__isnull=False), role=access.REVIEWER
    ).alias(
        begin=Greatest("created_at", "user__activated_at"),
        until=Coalesce(Least("revoked_at", "user__deactivated_at"), Value(FOREVER)),
    ).filter(begin__lt=F("until"))  # fmt: skip


def people_with(team_id: object, role: str) -> list[User]:
    """Active people who hold the role in that team (or in the organisation, for one of its roles), by name."""
    place = {"memberships__team": None} if role in access.ORGANISATION_ROLES else {"memberships__team_id": team_id}
    held = User.objects.filter(memberships__role=role, memberships__revoked_at=None, is_active=True, **place)
    return list(held.only(*NAMED).order_by("name", "id").distinct())


def holders(team_ids: Iterable[object], roles: Iterable[str], organisation: Iterable[str] = ()) -> list[User]:
    """Active people who hold one of the roles in one of the teams, or one of the organisation's; one query, by name."""
    held = Membership.objects.filter(
        Q(team_id__in=list(team_ids), role__in=list(roles)) | Q(team=None, role__in=list(organisation)), revoked_at=None
    )
    people = User.objects.filter(id__in=held.values("user_id"), is_active=True, is_service=False)
    return list(people.only(*NAMED).order_by("name", "id"))


def members(team_id: object | None) -> list[User]:
    """Active people who hold any role in that team; without a team, any role at all. By name."""
    place = {"memberships__team_id": team_id} if team_id else {}
    held = User.objects.filter(memberships__revoked_at=None, is_active=True, is_service=False, **place)
    return list(held.only(*NAMED).order_by("name", "id").distinct())


def names(ids: Iterable[object]) -> dict[str, str]:
    """Names by id, of those who exist."""
    wanted = {key for key in map(str, ids) if is_uuid(key)}
    return {str(key): name for key, name in User.objects.filter(id__in=wanted).values_list("id", "name")}


def ids_called(text: str, *, limit: int = 8) -> tuple[str, ...]:
    """The ids of those whose name or address holds this text; none when it is itself an id, or fits too many."""
    if not text or is_uuid(text):
        return ()
    fits = User.objects.filter(Q(name__icontains=text) | Q(email__icontains=text)).order_by("id")
    found = [str(key) for key in fits.values_list("id", flat=True)[: limit + 1]]
    return tuple(found) if len(found) <= limit else ()


def is_uuid(text: str) -> bool:
    """Whether this can be somebody's id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Held:
    """A role that somebody holds or held: where, since when, by which change."""

    id: UUID
    team: str
    team_slug: str
    role: str
    since: datetime
    change: str
    until: datetime | None = None
    ended_by: str = ""


@dataclass(frozen=True)
class Person:
    """A person as the people page shows them. `state` is ACTIVE, INVITED or DEACTIVATED."""

    id: UUID
    name: str
    email: str
    state: str
    last_seen: datetime | None
    roles: tuple[Held, ...]
    past: tuple[Held, ...] = ()


def people(actor: Actor, *, q: str = "", cursor: str = "", size: int = 50) -> Page[Any]:
    """Everybody with the roles they hold now, newest first."""
    access.require(actor, "people.view")
    rows = User.objects.filter(is_service=False).prefetch_related(memberships(Q(revoked_at=None)))
    if q:
        rows = rows.filter(Q(name__icontains=q) | Q(email__icontains=q))
    found = page(rows, cursor=cursor, size=size)
    return Page([person_of(user) for user in found.rows], older=found.older, newer=found.newer)  # type: ignore[misc]


def people_counts() -> dict[str, int]:
    """How many people are active, and how many have not yet accepted their invitation."""
    people = User.objects.filter(is_service=False)
    active, invited = Q(is_active=True), Q(is_active=False, deactivated_at=None)
    return people.aggregate(active=Count("id", filter=active), invited=Count("id", filter=invited))


def person(actor: Actor, person_id: UUID) -> Person:
    """One person with every role ever held."""
    access.require(actor, "people.view")
    user = User.objects.filter(id=person_id).prefetch_related(memberships(Q())).first()
    if user is None:
        raise NotFound("There is no such person.")
    return person_of(user)


def find(actor: Actor, email: str) -> str:
    """The name of whoever has this address; empty for nobody."""
    access.require(actor, "people.view")
    return User.objects.filter(email__iexact=email).values_list("name", flat=True).first() or ""


def own_roles(actor: Actor) -> list[Held]:
    """The roles that the actor holds now."""
    rows = Membership.objects.filter(user_id=actor.id, revoked_at=None).select_related("team")
    return [_held(row) for row in rows.order_by("team__name", "role")]


def memberships(which: Q) -> Prefetch[Any]:
    """The roles to fetch with people, for `person_of`."""
    rows = Membership.objects.filter(which).select_related("team").order_by("team__name", "role", "id")
    return Prefetch("memberships", queryset=rows)


def person_of(user: User) -> Person:
    """A person as shown, from a row fetched with `memberships`."""
    held = [_held(row) for row in user.memberships.all()]
    state = "ACTIVE" if user.is_active else "DEACTIVATED" if user.deactivated_at else "INVITED"
    now_held, past = [h for h in held if h.until is None], [h for h in held if h.until]
    return Person(user.id, user.name, user.email, state, user.last_login, tuple(now_held), tuple(past))


def _held(row: Membership) -> Held:
    team, slug = (row.team.name, row.team.slug) if row.team else ("", "")
    return Held(
        row.id, team, slug, row.role, row.created_at, row.granted_by, until=row.revoked_at, ended_by=row.revoked_by
    )


def teams(actor: Actor) -> list[Team]:
    """The teams that the actor may see: those of a member, all for auditors and administrators."""
    rows = Team.objects.filter(archived_at=None).order_by("name", "id")
    if actor.organisation or actor.kind == "system":
        return list(rows)
    return list(rows.filter(id__in=actor.team_ids))


@dataclass(frozen=True)
class Token:
    """A token as its owner sees it again: never the secret itself. `state` is ACTIVE, EXPIRED or REVOKED."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    state: str


def tokens(actor: Actor) -> list[Token]:
    """The actor's own tokens, newest first."""
    rows = ApiToken.objects.filter(user_id=actor.id).order_by("-created")
    return [_token(row) for row in rows]


def _token(row: ApiToken) -> Token:
    expired = row.expiry is not None and row.expiry <= now()
    state = "REVOKED" if row.revoked_at else "EXPIRED" if expired else "ACTIVE"
    return Token(row.public_id, row.name, tuple(row.scopes), row.created, row.expiry, row.last_used_at, state)


def live_token(digest: str) -> ApiToken | None:
    """The token with this hash, with its owner, unless it has ended."""
    alive = ApiToken.objects.filter(digest=digest, revoked_at=None, expiry__gt=now())
    return alive.select_related("user").first()


def profile(actor: Actor) -> User:
    """The actor's own account."""
    user = User.objects.filter(id=actor.id).first() if actor.kind != "system" else None
    if user is None:
        raise NotFound("This account does not exist.")
    return user
