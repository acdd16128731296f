"""Getting in for the first time, or again: set-up, invitation, forgotten password."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client, override_settings

from apps.accounts import services, tasks
from apps.accounts.models import Membership, Organisation, Team, User
from apps.audit.models import Event
from apps.changes import applier
from apps.changes.models import Change
from apps.core.jobs import Lease
from apps.core.models import Job
from apps.dataplane.errors import Locked
from tests.support import PASSWORD, World, as_role

Browser = Callable[[str], Client]
FOUNDING = {
    "organisation": "Acme",
    "team_name": "Customer data",
    "name": "Mara",
    "email": "Mara@acme.example",
    "time_zone": "Europe/Berlin",
    "password": PASSWORD,
}


def do_mail() -> str:
    """Carry the waiting mail job out as the general worker; returns the path in the mail."""
    with as_role("owner"):
        job = Job.objects.filter(kind="account.mail").latest("id")
    with as_role("general"):
        tasks.mail(Lease(str(job.id), job.kind, job.subject, 1, 1, "test", 60))
    return re.search(r"http://[^/]+(/\S+)", mail.outbox[-1].body)[1]


class TestSetUp:
    """The first person, while there is nobody."""

    @pytest.fixture
    def empty(self, db: None):  # type: ignore[no-untyped-def]
        with as_role("web"):
            yield

    def test_an_empty_installation_leads_to_the_set_up(self, empty: None) -> None:
        client = Client()
        assert client.get("/profile/")["Location"] == "/login/?next=/profile/"
        assert client.get("/login/")["Location"] == "/setup/"
        assert client.get("/setup/").status_code == 200

    def test_founding_waits_for_the_applier_and_then_goes_on(self, empty: None) -> None:
        client = Client()
        assert client.post("/setup/", FOUNDING)["Location"] == "/setup/progress/"
        mara = User.objects.get(is_service=False)
        assert (mara.email, mara.time_zone, Team.objects.count()) == ("mara@acme.example", "Europe/Berlin", 0)
        change = Change.objects.get()
        assert (change.state, change.founding, change.kind) == ("APPROVED", True, "membership")
        waiting = client.get("/setup/progress/", headers={"HX-Request": "true"})
        assert (waiting.status_code, "Applied by the control process" in waiting.content.decode()) == (200, True)
        with as_role("applier"):
            applier.apply_next()
        assert client.get("/setup/progress/", headers={"HX-Request": "true"})["HX-Redirect"] == "/"
        held = Membership.objects.filter(user=mara).order_by("role").values_list("role", "team__slug")
        assert list(held) == [
            ("administrator", None),
            ("auditor", None),
            ("engineer", "customer-data"),
            ("reviewer", "customer-data"),
            ("steward", "customer-data"),
        ]

    def test_nobody_founds_twice(self, empty: None) -> None:
        Client().post("/setup/", FOUNDING)
        other = Client().post("/setup/", {**FOUNDING, "email": "mallory@acme.example"})
        assert other["Location"] == "/login/"
        assert [user.name for user in User.objects.filter(is_service=False)] == ["Mara"]

    def test_a_founding_whose_proposal_is_refused_leaves_nothing(self, empty: None) -> None:
        answer = Client().post("/setup/", {**FOUNDING, "team_name": "!!!"})
        assert (answer.status_code, "Give the team a name with letters." in answer.content.decode()) == (422, True)
        people = User.objects.filter(is_service=False)
        assert (Organisation.objects.count(), people.count(), Change.objects.count()) == (0, 0, 0)

    def test_a_weak_password_is_refused_at_its_field(self, empty: None) -> None:
        answer = Client().post("/setup/", {**FOUNDING, "password": "short"})
        assert "This password is too short" in answer.content.decode()
        assert not Organisation.objects.exists()

    def test_the_banner_says_founding_on_every_page(self, empty: None) -> None:
        client = Client()
        client.post("/setup/", FOUNDING)
        assert "Founding mode." in client.get("/profile/").content.decode()


class TestInvitation:
    """A link in a mail, once."""

    @pytest.fixture
    def zoe(self, web: World) -> User:
        with as_role("applier"):
            user = User(email="zoe@acme.example", name="Zoe", is_active=False)
            user.set_unusable_password()
            user.save(force_insert=True)
            Membership.objects.create(user=user, team=web.team, role="viewer", granted_by="change/7")
        services.invite_again(actor=web.actor("admin"), person_id=user.id)
        return user

    def test_a_mailed_link_lets_an_invited_person_in_once(self, zoe: User) -> None:
        path = do_mail()
        assert mail.outbox[0].to == ["zoe@acme.example"]
        client = Client()
        shown = client.get(path)
        assert shown["Location"].endswith("/open/")
        answer = client.post(shown["Location"], {"name": "Zoé", "time_zone": "UTC", "password": PASSWORD})
        assert answer["Location"] == "/"
        assert client.get("/profile/").status_code == 200
        zoe.refresh_from_db()
        assert (zoe.name, zoe.is_active, zoe.activated_at is not None) == ("Zoé", True, True)
        second = Client()
        assert second.get(second.get(path)["Location"]).status_code == 404
        assert Event.objects.filter(action="person.joined", subject=f"person/{zoe.id}").count() == 1

    def test_the_token_is_in_no_row(self, zoe: User) -> None:
        token = do_mail().split("/")[3]
        with as_role("owner"):
            job = Job.objects.get(kind="account.mail")
        assert job.subject == f"invitation/{zoe.id}"
        assert token not in repr(vars(job))

    def test_a_reset_link_is_no_invitation(self, zoe: User) -> None:
        path = do_mail().replace("/invite/", "/password/reset/")
        client = Client()
        assert client.get(client.get(path)["Location"]).status_code == 404

    def test_a_weak_password_keeps_the_invitation_open(self, zoe: User) -> None:
        client = Client()
        shown = client.get(do_mail())["Location"]
        answer = client.post(shown, {"name": "Zoe", "time_zone": "UTC", "password": "password1234"})
        assert answer.status_code == 422
        zoe.refresh_from_db()
        assert zoe.is_active is False

    @pytest.mark.parametrize("path", ["/invite/xx/open/", "/invite/!!/open/", "/password/reset/AAAA/open/"])
    def test_a_made_up_link_opens_nothing(self, web: World, path: str) -> None:
        assert Client().get(path).status_code == 404

    def test_nobody_signs_in_before_accepting(self, zoe: User) -> None:
        answer = Client().post("/login/", {"email": "zoe@acme.example", "password": PASSWORD})
        assert answer.status_code == 422

    def test_a_process_without_the_web_secret_signs_no_link(self, zoe: User, settings) -> None:  # type: ignore[no-untyped-def]
        from dataclasses import replace

        with override_settings(LOCKGATE=replace(settings.LOCKGATE, secret_key="")), pytest.raises(Locked):
            do_mail()
        assert mail.outbox == []


class TestReset:
    """A forgotten password."""

    def test_the_answer_is_the_same_for_known_and_unknown_addresses(self, web: World) -> None:
        known = Client().post("/password/forgot/", {"email": "alice@acme.example"})
        unknown = Client().post("/password/forgot/", {"email": "nobody@acme.example"})
        strip = re.compile(rb"[0-9a-zA-Z]{64}")
        assert strip.sub(b"", known.content) == strip.sub(b"", unknown.content)
        assert Job.objects.filter(kind="account.mail").count() == 1

    def test_asking_again_at_once_sends_no_second_mail(self, web: World) -> None:
        for _ in range(3):
            Client().post("/password/forgot/", {"email": "alice@acme.example"})
        assert Job.objects.filter(kind="account.mail").count() == 1

    def test_a_link_changes_the_password_once_and_ends_every_session(self, browser: Browser, web: World) -> None:
        old = browser("alice")
        Client().post("/password/forgot/", {"email": "alice@acme.example"})
        path = do_mail()
        client = Client()
        shown = client.get(path)["Location"]
        assert client.post(shown, {"password": "an entirely new one"})["Location"] == "/login/"
        assert old.get("/profile/")["Location"] == "/login/?next=/profile/"
        assert client.post(shown, {"password": "and yet another one"}).status_code == 404
        answer = client.post("/login/", {"email": "alice@acme.example", "password": "an entirely new one"})
        assert answer.status_code == 302
        assert Event.objects.filter(action="person.password_reset").count() == 1

    def test_the_token_leaves_the_address_at_once(self, web: World) -> None:
        Client().post("/password/forgot/", {"email": "alice@acme.example"})
        path = do_mail()
        client = Client()
        page = client.get(client.get(path)["Location"])
        assert path.split("/")[4] not in page.content.decode()
        assert page["Referrer-Policy"] == "same-origin"

    def test_a_deactivated_person_gets_no_link(self, web: World) -> None:
        User.objects.filter(id=web.users["alice"].id).update(is_active=False)
        Client().post("/password/forgot/", {"email": "alice@acme.example"})
        assert not Job.objects.exists()


class TestProfile:
    """One's own account."""

    def test_changing_the_password_ends_the_other_sessions_and_keeps_this_one(self, browser: Browser) -> None:
        here, elsewhere = browser("alice"), browser("alice")
        answer = here.post("/profile/password/", {"current": PASSWORD, "new": "an entirely new one"})
        assert answer["Location"] == "/profile/"
        assert here.get("/profile/").status_code == 200
        assert elsewhere.get("/profile/").status_code == 302

    def test_the_current_password_must_be_right(self, browser: Browser, web: World) -> None:
        answer = browser("alice").post("/profile/password/", {"current": "wrong", "new": "an entirely new one"})
        assert (answer.status_code, "This is not your current password." in answer.content.decode()) == (422, True)
        assert User.objects.get(id=web.users["alice"].id).check_password(PASSWORD)

    def test_the_profile_takes_known_zones_alone(self, browser: Browser, web: World) -> None:
        alice = browser("alice")
        assert alice.post("/profile/", {"name": "Alice A.", "time_zone": "Mars/Olympus"}).status_code == 422
        assert alice.post("/profile/", {"name": "Alice A.", "time_zone": "Asia/Tokyo"}).status_code == 302
        user = User.objects.get(id=web.users["alice"].id)
        assert (user.name, user.time_zone) == ("Alice A.", "Asia/Tokyo")
