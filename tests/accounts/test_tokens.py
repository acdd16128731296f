"""Tokens: shown once, kept as a hash, limited to their scopes and their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from apps.accounts import services
from apps.accounts.models import ApiToken
from apps.audit.models import Event
from apps.core.clock import now
from apps.dataplane.errors import Invalid, NotFound, Refused
from tests.support import World

Browser = Callable[[str], Client]


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_a_token_is_shown_in_the_answer_that_made_it_and_never_again(browser: Browser) -> None:
    alice = browser("alice")
    made = alice.post("/tokens/", {"name": "nightly", "scopes": ["read"], "days": "30"})
    secret = made.content.decode().split("lg_")[1][:61]
    assert "no-store" in made["Cache-Control"]
    assert secret not in alice.get("/tokens/").content.decode()
    assert "nightly" in alice.get("/tokens/").content.decode()


def test_a_token_acts_as_its_owner_within_its_scopes(web: World) -> None:
    made = services.create_token(actor=web.actor("admin"), name="n", scopes=["read"], days=1)
    me = Client().get("/api/v1/accounts/me", headers=bearer(made.secret)).json()
    assert (me["name"], me["kind"], me["organisation"], me["scopes"]) == ("Admin", "token", ["administrator"], ["read"])
    assert Client().get("/api/v1/accounts/people", headers=bearer(made.secret)).status_code == 200
    out = f"/api/v1/accounts/people/{web.users['alice'].id}/deactivate"
    refused = Client().post(out, headers=bearer(made.secret), content_type="application/json")
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    assert Event.objects.filter(action="access.denied").count() == 1
    assert web.users["alice"].__class__.objects.get(id=web.users["alice"].id).is_active


def test_a_token_has_no_account_of_its_own(web: World) -> None:
    made = services.create_token(actor=web.actor("alice"), name="n", scopes=["read", "write"], days=1)
    token = ApiToken.objects.get()
    from apps.accounts.selectors import actor_of

    with pytest.raises(Refused):
        services.create_token(actor=actor_of(web.users["alice"], token=token), name="m", scopes=["read"], days=1)
    assert made.name == "n"
    assert ApiToken.objects.count() == 1


def test_an_expired_a_revoked_and_an_unknown_token_are_turned_away_alike(web: World) -> None:
    first = services.create_token(actor=web.actor("alice"), name="a", scopes=["read"], days=1)
    second = services.create_token(actor=web.actor("alice"), name="b", scopes=["read"], days=1)
    ApiToken.objects.filter(name="a").update(expiry=now() - timedelta(seconds=1))
    services.revoke_token(actor=web.actor("alice"), token_id=ApiToken.objects.get(name="b").public_id)
    answers = [
        Client().get("/api/v1/accounts/me", headers=bearer(secret))
        for secret in (first.secret, second.secret, "lg_" + "0" * 61, "ä")
    ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert {answer.json()["detail"] for answer in answers} == {"This token is unknown, expired or revoked."}
    assert {answer["WWW-Authenticate"] for answer in answers} == {"Bearer"}


def test_only_the_owner_ends_a_token(web: World) -> None:
    made = services.create_token(actor=web.actor("alice"), name="a", scopes=["read"], days=1)
    with pytest.raises(NotFound):
        services.revoke_token(actor=web.actor("bob"), token_id=ApiToken.objects.get().public_id)
    assert Client().get("/api/v1/accounts/me", headers=bearer(made.secret)).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "days", "field"), [([], 1, "scopes"), (["all"], 1, "scopes"), (["read"], 366, "days")]
)
def test_a_token_needs_a_scope_and_an_end_within_a_year(web: World, scopes: list[str], days: int, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_token(actor=web.actor("alice"), name="a", scopes=scopes, days=days)
    assert refused.value.field == field
    assert not ApiToken.objects.exists()


def test_its_last_use_is_seen_at_most_once_a_minute(web: World) -> None:
    made = services.create_token(actor=web.actor("alice"), name="a", scopes=["read"], days=1)
    assert ApiToken.objects.get().last_used_at is None
    Client().get("/api/v1/accounts/me", headers=bearer(made.secret))
    first = ApiToken.objects.get().last_used_at
    Client().get("/api/v1/accounts/me", headers=bearer(made.secret))
    assert ApiToken.objects.get().last_used_at == first


def test_a_session_works_for_the_api_as_well_and_needs_its_csrf_token(browser: Browser, web: World) -> None:
    admin = browser("admin")
    assert admin.get("/api/v1/accounts/me").json()["kind"] == "person"
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.cookies
    assert (
        strict.post(
            f"/api/v1/accounts/people/{web.users['alice'].id}/deactivate", content_type="application/json"
        ).status_code
        == 403
    )


def test_nobody_gets_in_without_a_token(web: World) -> None:
    answer = Client().get("/api/v1/accounts/me")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_an_idempotency_key_acts_once(web: World) -> None:
    made = services.create_token(actor=web.actor("admin"), name="n", scopes=["read", "write"], days=1)
    headers = {**bearer(made.secret), "Idempotency-Key": "one"}
    out = f"/api/v1/accounts/people/{web.users['alice'].id}/deactivate"
    first, again = (
        Client().post(out, headers=headers, content_type="application/json"),
        Client().post(out, headers=headers, content_type="application/json"),
    )
    assert (first.status_code, again.status_code, again.get("Idempotent-Replayed")) == (204, 204, "true")
    assert Event.objects.filter(action="person.deactivated").count() == 1
    other = Client().post(
        f"/api/v1/accounts/people/{web.users['bob'].id}/deactivate", headers=headers, content_type="application/json"
    )
    assert (other.status_code, other.json()["title"]) == (409, "Conflict")


def test_a_failed_act_does_not_use_its_key_up(web: World) -> None:
    made = services.create_token(actor=web.actor("admin"), name="n", scopes=["read", "write"], days=1)
    headers = {**bearer(made.secret), "Idempotency-Key": "one"}
    nobody = f"/api/v1/accounts/people/{web.team.id}/deactivate"
    assert [Client().post(nobody, headers=headers, content_type="application/json").status_code for _ in range(2)] == [
        404,
        404,
    ]
