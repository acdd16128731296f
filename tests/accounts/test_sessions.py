"""People recognise and end their sessions; administrators end those of others, and tokens and invitations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from apps.accounts import devices, reviewing, services
from apps.accounts.models import ApiToken, Device, Membership, User
from apps.audit.models import Event
from apps.core.actor import system
from apps.core.clock import now
from apps.dataplane.errors import Conflict, Denied, Invalid, NotFound, Refused
from tests.support import PASSWORD, World, as_role

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Version/17 Mobile Safari/604"


def signed_in(name: str, agent: str = FIREFOX) -> Client:
    client = Client(headers={"user-agent": agent})
    with as_role("web"):
        answer = client.post("/login/", {"email": f"{name}@acme.example", "password": PASSWORD})
    assert answer.status_code == 302
    return client


def inside(client: Client) -> bool:
    with as_role("web"):
        return client.get("/profile/").status_code == 200


def acts(action: str) -> int:
    return Event.objects.filter(action=action).count()


def test_a_session_is_named_after_its_browser_and_ends_from_another(world: World) -> None:
    here, phone = signed_in("alice"), signed_in("alice", SAFARI)
    with as_role("web"):
        page = here.get("/profile/").content.decode()
        found = devices.sessions(world.users["alice"].id)
    assert [session.browser for session in found] == ["Safari on iPhone", "Firefox on Linux"]
    assert "Safari on iPhone" in page
    with as_role("web"):
        assert here.post(f"/sessions/{found[0].id}/end/").status_code == 302
    assert (inside(here), inside(phone)) == (True, False)
    assert acts("session.ended") == 1


def test_all_others_end_at_once_and_this_one_stays(world: World) -> None:
    here, phone, third = signed_in("alice"), signed_in("alice", SAFARI), signed_in("alice")
    with as_role("web"):
        assert here.post("/profile/sessions/end/").status_code == 302
        assert here.post("/profile/sessions/end/").status_code == 409
    assert (inside(here), inside(phone), inside(third)) == (True, False, False)


def test_a_new_password_ends_the_others_and_keeps_this_one(world: World) -> None:
    here, phone = signed_in("alice"), signed_in("alice", SAFARI)
    with as_role("web"):
        given = {"current": PASSWORD, "new": "an entirely different passphrase"}
        assert here.post("/profile/password/", given).status_code == 302
        found = devices.sessions(world.users["alice"].id)
    assert (inside(here), inside(phone)) == (True, False)
    assert [session.browser for session in found] == ["Firefox on Linux"]


def test_signing_out_ends_the_session_on_the_list(world: World) -> None:
    here = signed_in("alice")
    with as_role("web"):
        here.post("/logout/")
        assert devices.sessions(world.users["alice"].id) == []


def test_an_administrator_ends_what_others_opened_and_nobody_else_may(world: World) -> None:
    phone = signed_in("alice", SAFARI)
    (session,) = devices.sessions(world.users["alice"].id)
    for name in ("bob", "dora", "charlie"):
        with as_role("web"):
            with pytest.raises(NotFound):
                devices.end(actor=world.actor(name), device_id=session.id)
            with pytest.raises(Denied):
                devices.end_others(actor=world.actor(name), person_id=world.users["alice"].id)
    assert inside(phone)
    with as_role("web"):
        assert devices.end_others(actor=world.actor("admin"), person_id=world.users["alice"].id) == 1
        with pytest.raises(Refused):
            devices.end_others(actor=world.actor("admin"), person_id=world.users["alice"].id)
    assert not inside(phone)
    assert Device.objects.get(id=session.id).ended_by == f"person/{world.users['admin'].id}"


def test_a_token_ends_no_session_of_its_owner(world: World) -> None:
    signed_in("alice")
    (session,) = devices.sessions(world.users["alice"].id)
    token = services.create_token(actor=world.actor("alice"), name="t", scopes=["read", "write"], days=1)
    with as_role("web"):
        here = {"authorization": f"Bearer {token.secret}"}
        assert Client().post(f"/api/v1/accounts/sessions/{session.id}/end", headers=here).status_code == 404


def test_last_seen_is_written_every_few_minutes(world: World) -> None:
    here = signed_in("alice")
    long_ago = now() - timedelta(hours=1)
    Device.objects.update(seen_at=long_ago)
    assert inside(here)
    assert Device.objects.get().seen_at == long_ago
    stored = here.session
    stored[devices.SEEN] = int(long_ago.timestamp())
    stored.save()
    assert inside(here)
    assert Device.objects.get().seen_at > long_ago


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("", "An unknown browser"),
        ("curl/8", "curl/8"),
        ("<script>alert(1)</script>\u202e\x07", "<script>alert(1)</script>"),
        ("x" * 500, "x" * 60),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/1 Safari/1 Edg/1", "Edge on Windows"),
    ],
)
def test_any_browser_gets_a_name(agent: str, name: str) -> None:
    assert devices.name_of(agent) == name


def test_an_expired_session_is_on_no_list(world: World) -> None:
    signed_in("alice")
    Session.objects.update(expire_date=now() - timedelta(seconds=1))
    assert devices.sessions(world.users["alice"].id) == []


def invite(world: World, name: str = "newcomer") -> User:
    user = User(email=f"{name}@acme.example", name=name.title(), is_active=False)
    user.set_unusable_password()
    user.save()
    Membership.objects.create(user=user, team=world.team, role="viewer", granted_by="change/of-the-test")
    return user


def test_pending_invitations_say_when_their_link_dies_and_can_be_revoked(world: World) -> None:
    user = invite(world)
    admin = signed_in("admin")
    with as_role("general"):
        services.send_link(kind="invitation", person_id=str(user.id))
    link = next(word for word in mail.outbox[0].body.split() if "/invite/" in word)
    with as_role("web"):
        (row,) = reviewing.invited(world.actor("dora")).rows
        assert (row.person.name, row.expires_at - row.mailed_at) == ("Newcomer", timedelta(days=3))
        assert "Newcomer" in admin.get("/people/invitations/").content.decode()
        assert admin.post(f"/people/{user.id}/invitation/revoke/").status_code == 302
        assert "Nobody waits" in admin.get("/people/invitations/").content.decode()
        assert Client().get("/" + link.split("/", 3)[3], follow=True).status_code == 404
        with pytest.raises(Conflict):
            services.revoke_invitation(actor=world.actor("admin"), person_id=user.id)
    assert not Membership.objects.filter(user=user, revoked_at=None).exists()


def test_who_has_joined_has_no_invitation_to_revoke(world: World) -> None:
    with as_role("web"), pytest.raises(Conflict):
        services.revoke_invitation(actor=world.actor("admin"), person_id=world.users["alice"].id)
    assert User.objects.get(id=world.users["alice"].id).is_active


def test_an_administrator_ends_a_token_and_its_program_is_out(world: World) -> None:
    token = services.create_token(actor=world.actor("alice"), name="nightly", scopes=["read"], days=1)
    here = {"authorization": f"Bearer {token.secret}"}
    (row,) = reviewing.live_tokens(world.actor("dora")).rows
    with as_role("web"):
        assert Client().get("/api/v1/accounts/me", headers=here).status_code == 200
        with pytest.raises(Denied):
            services.revoke_token_of(actor=world.actor("bob"), token_id=row.id)
        services.revoke_token_of(actor=world.actor("admin"), token_id=row.id)
        assert Client().get("/api/v1/accounts/me", headers=here).status_code == 401
        with pytest.raises(NotFound):
            services.revoke_token_of(actor=world.actor("admin"), token_id=row.id)
    assert ApiToken.objects.get().revoked_at is not None
    assert reviewing.live_tokens(world.actor("dora")).rows == []


def test_the_way_back_in_is_for_administrators_at_the_machine_and_on_record(world: World) -> None:
    here, old = system("recover"), signed_in("admin")
    for email in ("alice@acme.example", "nobody@acme.example", "", "' OR 1=1 --"):
        with pytest.raises(Refused, match="no active administrator"):
            services.recover(actor=here, email=email, password="an entirely new passphrase")
    with pytest.raises(Invalid):
        services.recover(actor=here, email="admin@acme.example", password="short")
    with pytest.raises(Refused, match="at the machine alone"):
        services.recover(actor=world.actor("admin"), email="admin@acme.example", password="an entirely new passphrase")
    assert inside(old)
    services.recover(actor=here, email="ADMIN@acme.example", password="an entirely new passphrase")
    assert not inside(old)
    assert User.objects.get(email="admin@acme.example").check_password("an entirely new passphrase")
    assert acts("person.recovered") == 1
