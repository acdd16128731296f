"""What tests share: database roles, and a small organisation to play in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection, connections

from apps.accounts.models import Membership, Organisation, Team, User
from apps.core.actor import Actor
from apps.core.clock import now
from controlplane import config, roles

PASSWORD = "correct horse battery staple"


def point_at(url: str) -> None:
    """Let Django's default connection of this thread be the one at `url`."""
    connection.close()
    connections["default"].settings_dict.update(config.database(url))
    connections.databases["default"].update(config.database(url))


@contextmanager
def as_role(role: str) -> Iterator[None]:
    """Run the block under the grants of a process's database role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        before = cursor.fetchone()[0]
        cursor.execute(f'SET ROLE "{roles.ROLES[role]}"')
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            if not connection.needs_rollback:
                cursor.execute(f'SET ROLE "{before}"')


@dataclass
class World:
    """Acme with the team `crm`: alice edits, bob and erin review, charlie is a stranger, dora audits."""

    organisation: Organisation
    team: Team
    users: dict[str, User] = field(default_factory=dict)

    @classmethod
    def found(cls) -> World:
        organisation = Organisation.objects.create(name="Acme", founding_closed_at=now())
        world = cls(organisation, Team.objects.create(slug="crm", name="CRM"))
        for name, team_roles, organisation_roles in (
            ("alice", ["engineer"], []),
            ("bob", ["steward", "reviewer"], []),
            ("erin", ["steward", "reviewer"], []),
            ("charlie", [], []),
            ("dora", [], ["auditor"]),
            ("admin", [], ["administrator"]),
        ):
            world.add(name, team_roles, organisation_roles)
        return world

    def add(self, name: str, team_roles: list[str], organisation_roles: list[str] | None = None) -> User:
        user = User(email=f"{name}@acme.example", name=name.title())
        user.set_password(PASSWORD)
        user.save()
        held = [(self.team, role) for role in team_roles] + [(None, role) for role in organisation_roles or []]
        for team, role in held:
            Membership.objects.create(user=user, team=team, role=role, granted_by="change/of-the-test")
        self.users[name] = user
        return user

    def actor(self, name: str) -> Actor:
        user = self.users[name]
        held = user.memberships.filter(revoked_at=None)
        teams: dict[str, frozenset[str]] = {}
        for membership in held.filter(team__isnull=False):
            teams[str(membership.team_id)] = teams.get(str(membership.team_id), frozenset()) | {membership.role}
        organisation = frozenset(held.filter(team=None).values_list("role", flat=True))
        return Actor(id=str(user.id), name=user.name, teams=teams, organisation=organisation, request_id="test")
