"""Narrowing is immediate: roles, people and tokens end at once, and only by whoever may."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from django.test import Client

from apps.accounts import selectors, services
from apps.accounts.models import ApiToken, Membership, User
from apps.audit.models import Event
from apps.core.clock import now
from apps.dataplane.errors import Conflict, Denied, NotFound, Refused
from tests.support import World, as_role

Browser = Callable[[str], Client]


def held(world: World, name: str) -> list[str]:
    rows = Membership.objects.filter(user=world.users[name], revoked_at=None)
    return sorted(rows.values_list("role", flat=True))


def role_of(world: World, name: str, role: str) -> Membership:
    return Membership.objects.get(user=world.users[name], role=role, revoked_at=None)


def test_an_administrator_revokes_a_role_at_once(web: World) -> None:
    membership = role_of(web, "bob", "reviewer")
    services.revoke_role(actor=web.actor("admin"), membership_id=membership.id)
    assert held(web, "bob") == ["steward"]
    membership.refresh_from_db()
    assert membership.revoked_by == f"person/{web.users['admin'].id}"
    event = Event.objects.get(action="role.revoked")
    assert (event.subject, event.team_id) == (f"person/{web.users['bob'].id}", str(web.team.id))


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "dora"])
def test_nobody_else_revokes_a_role(web: World, name: str) -> None:
    with pytest.raises(Denied):
        services.revoke_role(actor=web.actor(name), membership_id=role_of(web, "erin", "reviewer").id)
    assert held(web, "erin") == ["reviewer", "steward"]
    assert not Event.objects.exists()


def test_a_role_is_revoked_once(web: World) -> None:
    membership = role_of(web, "bob", "reviewer")
    services.revoke_role(actor=web.actor("admin"), membership_id=membership.id)
    with pytest.raises(Conflict, match="not held any more"):
        services.revoke_role(actor=web.actor("admin"), membership_id=membership.id)


def test_the_last_administrator_stays(web: World) -> None:
    with pytest.raises(Refused, match="last administrator"):
        services.revoke_role(actor=web.actor("admin"), membership_id=role_of(web, "admin", "administrator").id)
    with pytest.raises(Refused, match="last administrator"):
        services.deactivate(actor=web.actor("admin"), person_id=web.users["admin"].id)
    assert held(web, "admin") == ["administrator"]
    assert not Event.objects.exists()


def test_the_web_process_cannot_give_a_role_nor_take_a_revocation_back(web: World) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Membership.objects.create(user=web.users["alice"], role="administrator", granted_by="me")
    membership = role_of(web, "bob", "reviewer")
    services.revoke_role(actor=web.actor("admin"), membership_id=membership.id)
    with pytest.raises(IntegrityError, match="a revoked role stays revoked"), transaction.atomic():
        Membership.objects.filter(id=membership.id).update(revoked_at=None)


def test_deactivating_ends_roles_tokens_sessions_and_the_password(browser: Browser, web: World) -> None:
    alice = browser("alice")
    token = services.create_token(actor=web.actor("alice"), name="nightly", scopes=["read"], days=30)
    services.deactivate(actor=web.actor("admin"), person_id=web.users["alice"].id)
    assert alice.get("/profile/")["Location"].startswith("/login/")
    assert held(web, "alice") == []
    assert Client().get("/api/v1/accounts/me", headers={"Authorization": f"Bearer {token.secret}"}).status_code == 401
    user = User.objects.get(id=web.users["alice"].id)
    assert (user.is_active, user.has_usable_password(), user.activated_at) == (False, False, user.created_at)
    assert Event.objects.filter(action="person.deactivated", subject=f"person/{user.id}").count() == 1


def test_an_old_session_stays_dead_when_a_deactivated_person_comes_back(browser: Browser, web: World) -> None:
    alice = browser("alice")
    services.deactivate(actor=web.actor("admin"), person_id=web.users["alice"].id)
    User.objects.filter(id=web.users["alice"].id).update(is_active=True)
    assert alice.get("/profile/")["Location"].startswith("/login/")


def test_nobody_is_deactivated_twice_and_strangers_do_not_exist(web: World) -> None:
    services.deactivate(actor=web.actor("admin"), person_id=web.users["alice"].id)
    with pytest.raises(Conflict):
        services.deactivate(actor=web.actor("admin"), person_id=web.users["alice"].id)
    with pytest.raises(NotFound):
        services.deactivate(actor=web.actor("admin"), person_id=web.team.id)


def test_an_engineer_deactivates_nobody(web: World) -> None:
    with pytest.raises(Denied):
        services.deactivate(actor=web.actor("alice"), person_id=web.users["bob"].id)
    assert User.objects.get(id=web.users["bob"].id).is_active


def test_the_page_says_who_holds_which_role_since_when_by_which_change(browser: Browser, web: World) -> None:
    page = browser("dora").get(f"/people/{web.users['bob'].id}/").content.decode()
    assert "Reviewer" in page
    assert "CRM" in page
    assert "Revoke" not in page
    assert "Revoke" in browser("admin").get(f"/people/{web.users['bob'].id}/").content.decode()


def test_the_list_finds_a_part_of_a_name_or_address(web: World) -> None:
    admin = web.actor("admin")
    assert [row.name for row in selectors.people(admin, q="ERI").rows] == ["Erin"]
    assert [row.name for row in selectors.people(admin, q="charlie@").rows] == ["Charlie"]
    everybody = sorted(row.name for row in selectors.people(admin).rows)
    assert everybody == ["Admin", "Alice", "Bob", "Charlie", "Dora", "Erin"]


def test_people_with_a_role_are_the_active_ones_of_that_team(web: World) -> None:
    assert [user.name for user in selectors.people_with(web.team.id, "reviewer")] == ["Bob", "Erin"]
    User.objects.filter(id=web.users["bob"].id).update(is_active=False)
    assert [user.name for user in selectors.people_with(web.team.id, "reviewer")] == ["Erin"]
    assert [user.name for user in selectors.people_with(None, "administrator")] == ["Admin"]
    assert selectors.people_with(web.team.id, "viewer") == []


@pytest.mark.parametrize("role", ["worker", "publisher", "gate", "scheduler", "applier", "web"])
def test_every_process_that_asks_for_people_may(world: World, role: str) -> None:
    with as_role(role):
        assert [user.email for user in selectors.people_with(world.team.id, "engineer")] == ["alice@acme.example"]
        assert selectors.names([world.users["bob"].id, "scheduler"]) == {str(world.users["bob"].id): "Bob"}
        assert selectors.founding_open() is False


def test_a_token_is_kept_as_a_hash_alone(web: World) -> None:
    made = services.create_token(actor=web.actor("alice"), name="nightly", scopes=["write", "read"], days=7)
    row = ApiToken.objects.get()
    assert made.secret not in " ".join(map(str, vars(row).values()))
    assert made.secret not in repr(made)
    assert (row.scopes, row.user_id, (row.expiry - now()).days) == (["read", "write"], web.users["alice"].id, 6)
