"""Reads who can get in: people with when they last came, live tokens, and invitations that nobody has accepted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Exists, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from apps.audit import selectors as audit
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.paging import Page, page

from .models import ApiToken, Membership, User
from .selectors import Person, memberships, person_of


@dataclass(frozen=True)
class Reviewed:
    """A person in the access review. `dormant`: neither signed in nor used a token for so many days."""

    person: Person
    is_service: bool
    token_used: datetime | None
    tokens: int
    dormant: bool


def reviewed(
    actor: Actor, *, days: int, dormant: bool = False, q: str = "", role: str = "", cursor: str = "", size: int = 50
) -> Page[Any]:
    """Everybody who can get in or could soon, with the roles they hold, when they last came, and whether long ago."""
    access.require(actor, "people.view")
    before = now() - timedelta(days=days)
    live = ApiToken.objects.filter(user=OuterRef("pk"), revoked_at=None).order_by().values("user")
    rows = User.objects.filter(deactivated_at=None).annotate(
        token_used=Subquery(live.annotate(at=Max("last_used_at")).values("at")),
        tokens=Coalesce(Subquery(live.filter(expiry__gt=now()).annotate(n=Count("pk")).values("n")), 0),
    )
    if q:
        rows = rows.filter(Q(name__icontains=q) | Q(email__icontains=q))
    if role:
        rows = rows.filter(Exists(Membership.objects.filter(user=OuterRef("pk"), role=role, revoked_at=None)))
    if dormant:
        rows = rows.filter(
            Q(last_login=None) | Q(last_login__lt=before),
            Q(token_used=None) | Q(token_used__lt=before),
            created_at__lt=before,
        )
    found = page(rows.prefetch_related(memberships(Q(revoked_at=None))), cursor=cursor, size=size)
    return Page([_reviewed(user, before) for user in found.rows], older=found.older, newer=found.newer)  # type: ignore[misc]


def _reviewed(user: Any, before: datetime) -> Reviewed:
    came = max((at for at in (user.last_login, user.token_used, user.created_at) if at), default=before)
    return Reviewed(person_of(user), user.is_service, user.token_used, user.tokens, came < before)


@dataclass(frozen=True)
class TokenOf:
    """A live token of anybody, for administrators and auditors."""

    id: UUID
    name: str
    owner_id: UUID
    owner: str
    is_service: bool
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None
    last_used: datetime | None


def live_tokens(actor: Actor, *, cursor: str = "", size: int = 50) -> Page[Any]:
    """Every token that opens something now, newest first."""
    access.require(actor, "people.view")
    rows = ApiToken.objects.filter(revoked_at=None, expiry__gt=now()).select_related("user")
    found = page(rows, by="public_id", cursor=cursor, size=size)
    shown = [
        TokenOf(
            row.public_id, row.name, row.user_id, row.user.name, row.user.is_service, tuple(row.scopes), row.created,
            row.expiry, row.last_used_at,
        )
        for row in found.rows
    ]  # fmt: skip
    return Page(shown, older=found.older, newer=found.newer)  # type: ignore[type-var]


@dataclass(frozen=True)
class Invited:
    """Somebody who has an invitation and has not joined."""

    person: Person
    invited_at: datetime
    mailed_at: datetime | None
    expires_at: datetime | None


def invited(actor: Actor, *, cursor: str = "", size: int = 50) -> Page[Any]:
    """Invitations that nobody has accepted yet, newest first, with the day on which the link that was mailed dies."""
    access.require(actor, "people.view")
    rows = User.objects.filter(is_active=False, deactivated_at=None, is_service=False)
    found = page(rows.prefetch_related(memberships(Q(revoked_at=None))), cursor=cursor, size=size)
    mailed = audit.last_of((f"person/{user.id}" for user in found.rows), "person.mailed")
    life = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    shown = []
    for user in found.rows:
        at = mailed.get(f"person/{user.id}")
        shown.append(Invited(person_of(user), user.created_at, at, at + life if at else None))
    return Page(shown, older=found.older, newer=found.newer)  # type: ignore[type-var]
