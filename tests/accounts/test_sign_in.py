"""Signing in and out: what opens a session, what keeps somebody out, and what is remembered of either."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axes.models import AccessAttempt, AccessLog
from django.test import Client

from apps.accounts.models import User
from apps.audit.models import Event, EventDetail
from tests.support import PASSWORD, World, as_role

Browser = Callable[[str], Client]


def events(*actions: str) -> list[tuple[str, str]]:
    with as_role("owner"):
        return list(Event.objects.filter(action__in=actions).order_by("id").values_list("action", "subject"))


def test_the_right_password_opens_a_session_and_is_an_event(browser: Browser, web: World) -> None:
    client = browser("alice")
    assert client.get("/profile/").status_code == 200
    assert events("person.signed_in") == [("person.signed_in", f"person/{web.users['alice'].id}")]


def test_the_address_may_be_written_in_any_case(web: World) -> None:
    answer = Client().post("/login/", {"email": " Alice@ACME.example", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_wrong_password_names_no_cause_and_is_an_event(web: World) -> None:
    answer = Client().post("/login/", {"email": "alice@acme.example", "password": "wrong horse"})
    assert answer.status_code == 422
    assert "This e-mail address and this password do not belong together." in answer.content.decode()
    assert events("person.sign_in_failed") == [("person.sign_in_failed", f"person/{web.users['alice'].id}")]


def test_an_unknown_address_gets_the_same_answer_and_is_not_written_down(web: World) -> None:
    known = Client().post("/login/", {"email": "alice@acme.example", "password": "x"}).content.decode()
    unknown = Client().post("/login/", {"email": "mallory@evil.example", "password": "x"}).content.decode()
    assert known.count("do not belong together") == unknown.count("do not belong together") == 1
    assert events("person.sign_in_failed")[1] == ("person.sign_in_failed", "person/unknown")
    with as_role("owner"):
        assert not EventDetail.objects.filter(summary__contains="mallory").exists()
        assert not any(b"mallory" in bytes(row.body) for row in EventDetail.objects.all())


def test_the_ninth_attempt_waits_even_with_the_right_password(web: World) -> None:
    client = Client()
    answers = [client.post("/login/", {"email": "alice@acme.example", "password": "x"}).status_code for _ in range(8)]
    assert answers == [422] * 7 + [429]
    last = client.post("/login/", {"email": "ALICE@acme.example", "password": PASSWORD})
    assert last.status_code == 429
    assert "Too many attempts" in last.content.decode()
    assert client.get("/profile/").status_code == 302
    assert [action for action, _ in events("person.locked_out")] == ["person.locked_out"] * 2


def test_bob_is_let_in_while_alice_is_locked_out(browser: Browser, web: World) -> None:
    for _ in range(8):
        Client().post("/login/", {"email": "alice@acme.example", "password": "x"})
    assert browser("bob").get("/profile/").status_code == 200


def test_a_deactivated_person_cannot_sign_in(web: World) -> None:
    User.objects.filter(id=web.users["alice"].id).update(is_active=False)
    assert Client().post("/login/", {"email": "alice@acme.example", "password": PASSWORD}).status_code == 422


def test_a_session_changes_its_key_when_somebody_signs_in(web: World) -> None:
    client = Client()
    client.get("/invite/AAAA/token/")
    before = client.session.session_key
    client.post("/login/", {"email": "alice@acme.example", "password": PASSWORD})
    assert before != client.session.session_key


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [("/profile/", "/profile/"), ("https://evil.example/", "/"), ("//evil.example", "/"), ("javascript:alert(1)", "/")],
)
def test_signing_in_leads_back_to_our_own_pages_only(web: World, wanted: str, goes: str) -> None:
    answer = Client().post(f"/login/?next={wanted}", {"email": "alice@acme.example", "password": PASSWORD})
    assert answer["Location"] == goes


def test_signing_out_takes_a_post_ends_the_session_and_is_an_event(browser: Browser, web: World) -> None:
    client = browser("alice")
    assert client.get("/logout/").status_code == 405
    assert client.get("/profile/").status_code == 200
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/profile/").status_code == 302
    assert events("person.signed_out") == [("person.signed_out", f"person/{web.users['alice'].id}")]


def test_a_form_of_another_session_is_refused(web: World) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/login/", {"email": "alice@acme.example", "password": PASSWORD})
    assert answer.status_code == 403
    assert "This form was opened in another session" in answer.content.decode()


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser) -> None:
    cookie = browser("alice").cookies["lockgate_session"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_roles_are_read_anew_for_every_request(browser: Browser, web: World) -> None:
    client = browser("admin")
    assert client.get("/people/").status_code == 200
    with as_role("owner"):
        web.users["admin"].memberships.update(revoked_at="2026-01-01T00:00:00Z", revoked_by="person/x")
    assert client.get("/people/").status_code == 403


def test_times_are_shown_in_the_zone_of_whoever_reads(browser: Browser, web: World) -> None:
    User.objects.filter(id=web.users["alice"].id).update(time_zone="Asia/Tokyo")
    assert "Times in Asia/Tokyo" in browser("alice").get("/profile/").content.decode()
    assert "Times in UTC" in browser("bob").get("/profile/").content.decode()


def test_what_the_throttle_keeps_holds_no_password(web: World) -> None:
    Client().post("/login/", {"email": "alice@acme.example", "password": "canary-9c1e"})
    with as_role("owner"):
        kept = [str(vars(row)) for row in AccessAttempt.objects.all()]
    assert len(kept) == 1
    assert "canary-9c1e" not in kept[0]


def test_signing_in_forgets_the_failures_before(browser: Browser, web: World) -> None:
    for _ in range(7):
        Client().post("/login/", {"email": "alice@acme.example", "password": "x"})
    browser("alice")
    with as_role("owner"):
        assert AccessAttempt.objects.count() == 0
        assert AccessLog.objects.count() == 0
