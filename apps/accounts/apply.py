"""Carries out an approved membership: the only code that grants a role, and that closes founding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import append
from apps.core import jobs
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.dataplane.errors import Conflict

from . import proposals, selectors
from .models import Membership, Organisation, Team, User


def apply(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
    """Give the person exactly the proposed roles; who is new is invited. Returns `person/<id>`.

    Raises Conflict when the roles have moved since the proposal was written.
    """
    applier = system("applier")
    with transaction.atomic():
        close_founding()  # Before anything that was is forgotten: who comes back begins anew.
        user = _person(proposal, target)
        if proposals.current(f"membership/{proposal['team'] or proposals.NO_TEAM}/{user.id}").version != base_version:
            raise _moved()
        team = _team(proposal, applier)
        wanted = {(team, role) for role in proposal["roles"]} | {
            (None, role) for role in proposal["organisation_roles"]
        }
        _settle(user, team, wanted, change, applier)
        close_founding()
    return f"person/{user.id}"


def close_founding() -> bool:
    """Close founding for ever if two reviewers were ever active at one time; whether it closed just now."""
    if not Organisation.objects.filter(founding_closed_at=None).exists() or selectors.founding_open():
        return False
    with transaction.atomic():
        closed = Organisation.objects.filter(founding_closed_at=None).update(founding_closed_at=now())
        if closed:
            append(
                actor=system("applier"),
                action="founding.closed",
                subject="organisation",
                summary=_("closed founding for ever: a second reviewer is active"),
            )
    return bool(closed)


def _moved() -> Conflict:
    return Conflict(
        _("The roles of this person have changed since this was proposed; nothing was written."),
        remedy=_("Propose it again on what is held now."),
    )


def _person(proposal: Mapping[str, Any], target: str) -> User:
    user = User.objects.select_for_update().filter(email__iexact=proposal["email"]).first()
    if user is None:
        user = User(email=proposal["email"], name=proposal["name"], is_active=False, password=make_password(None))
        user.save(force_insert=True)
    elif target.startswith("membership/new/") or not target.endswith(f"/{user.id}"):
        raise _moved()  # Another change made this person first.
    elif user.is_active or not user.deactivated_at:
        return user
    User.objects.filter(id=user.id).update(deactivated_at=None, activated_at=None)
    jobs.enqueue("account.mail", subject=f"invitation/{user.id}")
    return user


def _team(proposal: Mapping[str, Any], applier: Actor) -> Team | None:
    if not proposal["team"]:
        return None
    team = Team.objects.filter(slug=proposal["team"]).first()
    if team is None:
        team = Team(slug=proposal["team"], name=proposal["team_name"])
        team.save(force_insert=True)
        append(
            actor=applier,
            action="team.created",
            subject=f"team/{team.id}",
            summary=_("made the team %(team)s") % {"team": team.name},
            team_id=team.id,
        )
    return team


def _settle(user: User, team: Team | None, wanted: set[tuple[Team | None, str]], change: str, applier: Actor) -> None:
    rows = list(
        Membership.objects.select_for_update(of=("self",)).filter(user=user, revoked_at=None).select_related("team")
    )
    held = {(row.team, row.role): row for row in rows if row.team is None or row.team == team}
    for place, role in sorted(held.keys() - wanted, key=str):
        Membership.objects.filter(id=held[place, role].id).update(revoked_at=now(), revoked_by=change)
        _record(applier, "role.revoked", _("took the role %(role)s from %(name)s"), user, place, role, change)
    for place, role in sorted(wanted - held.keys(), key=str):
        Membership(user=user, team=place, role=role, granted_by=change).save(force_insert=True)
        _record(applier, "role.granted", _("gave %(name)s the role %(role)s"), user, place, role, change)


def _record(applier: Actor, action: str, summary: str, user: User, team: Team | None, role: str, change: str) -> None:
    append(
        actor=applier,
        action=action,
        subject=f"person/{user.id}",
        summary=summary % {"name": user.name, "role": role},
        team_id=team.id if team else None,
        detail={"role": role, "team": team.slug if team else "", "change": change},
    )
