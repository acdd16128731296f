"""Founds the demo's organisation and lets its people join, by the same services that the pages call."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.accounts import links
from apps.accounts import selectors as accounts
from apps.accounts import services as joining
from apps.accounts.models import Team, User
from apps.changes import services as changes
from apps.changes.models import Change
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.dataplane.errors import Conflict, LockgateError

from .governed import DOMAIN, PEOPLE

PATIENCE = 60.0


class Organisation:
    """The people of the demo. Passwords are made here, printed once, and kept in a file that only its owner reads."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}

    @property
    def file(self) -> Path:
        return Path(settings.LOCKGATE.data) / "keys" / "demo-users.json"

    def exists(self) -> bool:
        return bool(accounts.organisation_name())

    def found(self) -> None:
        """admin founds; bob, erin, alice and dora join; charlie joins without any role."""
        admin = self._founder()
        self._apply(admin, None, self._membership("admin", (), ("administrator",)))
        for name, roles, organisation_roles in PEOPLE:
            self._invite(name, roles, organisation_roles)
        self._stranger()
        self._keep()

    def actor(self, name: str) -> Actor:
        """A person as they are now, roles read fresh."""
        return accounts.actor_of(User.objects.get(email=f"{name}@{DOMAIN}"))

    def team(self) -> Team:
        return Team.objects.get(slug="crm")

    def approved(self, author: str, kind: str, proposal: dict[str, Any], *reviewers: str) -> str:
        """Propose, let others approve, wait for the applier; returns the outcome."""
        change = changes.propose(actor=self.actor(author), kind=kind, team_id=self.team().id, proposal=proposal)
        for reviewer in reviewers[: change.approvals_needed]:
            changes.approve(actor=self.actor(reviewer), change_id=change.id)
        return applied(change)

    def _founder(self) -> Actor:
        self.passwords["admin"] = secrets.token_urlsafe(12)
        return joining.found(
            organisation="Acme (demo)",
            name="Admin",
            email=f"admin@{DOMAIN}",
            password=self.passwords["admin"],
            time_zone="Europe/Berlin",
        )

    def _membership(self, name: str, roles: tuple[str, ...], organisation_roles: tuple[str, ...]) -> dict[str, Any]:
        team = {"team": "crm", "team_name": "" if Team.objects.filter(slug="crm").exists() else "CRM"} if roles else {}
        return {
            "email": f"{name}@{DOMAIN}",
            "name": name.capitalize(),
            "roles": list(roles),
            "organisation_roles": list(organisation_roles),
            **team,
        }

    def _invite(self, name: str, roles: tuple[str, ...], organisation_roles: tuple[str, ...]) -> None:
        team = Team.objects.filter(slug="crm").first() if roles else None
        self._apply(self.actor("admin"), team.id if team else None, self._membership(name, roles, organisation_roles))
        self._join(name)

    def _apply(self, actor: Actor, team_id: Id | None, proposal: dict[str, Any]) -> None:
        change = changes.propose(actor=actor, kind="membership", team_id=team_id, proposal=proposal)
        if not change.founding:
            reviewer = "bob" if User.objects.filter(email=f"bob@{DOMAIN}", is_active=True).exists() else "erin"
            for name in (reviewer, "erin")[: change.approvals_needed]:
                changes.approve(actor=self.actor(name), change_id=change.id)
        applied(change)

    def _join(self, name: str) -> None:
        """Accept the invitation, whose link is made here instead of being taken out of a mail."""
        user = User.objects.get(email=f"{name}@{DOMAIN}")
        self.passwords[name] = secrets.token_urlsafe(12)
        joining.accept_invitation(
            person_id=user.id,
            token=links.INVITATION.make_token(user),
            name=user.name,
            password=self.passwords[name],
            time_zone="Europe/Berlin",
        )

    def _stranger(self) -> None:
        """charlie signs in and may see nothing: invited as a viewer, and then taken out again."""
        self._invite("charlie", ("viewer",), ())
        person = User.objects.get(email=f"charlie@{DOMAIN}")
        membership = person.memberships.get(revoked_at=None)
        joining.revoke_role(actor=self.actor("admin"), membership_id=membership.id)

    def _keep(self) -> None:
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps({f"{n}@{DOMAIN}": p for n, p in self.passwords.items()}, indent=1) + "\n")


def applied(change: Change) -> str:
    """Wait until the applier has carried an approved change out. Raises what it says otherwise."""
    until(lambda: Change.objects.filter(id=change.id, state__in=Change.ENDED).exists(), f"change {change.number}")
    change.refresh_from_db()
    if change.state != Change.APPLIED:
        raise Conflict(f"Change {change.number} was not applied: {change.outcome or change.state}.")
    return change.outcome


def until(holds: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Wait for another process."""
    limit = time.monotonic() + patience
    while not holds():
        if time.monotonic() > limit:
            raise LockgateError(f"The demo waited {patience:.0f} s for {what} in vain; see the logs.")
        time.sleep(0.1)
