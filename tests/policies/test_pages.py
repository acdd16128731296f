"""Policies in the browser and the API: rules and what they reach, live verdicts, versions, and why."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.changes.models import Change
from tests.support import as_role

from .support import Crm, rule

Browse = Callable[[str], Client]
PHONE = "pii.contact.phone"
VALID = """\
format: 1
rules:
  - name: phone
    tag: pii.contact.phone
    zone: analytics
    treatment: {kind: partial, keep_last: 4}
"""


def test_the_page_says_what_each_rule_reaches(crm: Crm, browse: Browse) -> None:
    crm.activate(rule("phone", PHONE, "partial", zone="analytics", keep_last=4), rule("cards", "financial", "token"))
    with as_role("web"):
        page = _text(browse("dora").get("/policies/crm/pii/"))
    assert "The last 4 characters stay readable" in page
    assert "crm.customers.phone, crm.leads.phone" in page
    assert "2 columns" in page
    assert "no column yet" in page


def test_a_valid_text_is_told_what_would_follow(crm: Crm, browse: Browse) -> None:
    crm.activate(rule("phone", PHONE, "token"))
    form = {"team": str(crm.world.team.id), "slug": "pii", "text": VALID}
    with as_role("web"):
        page = _text(browse("bob").post("/policies/validate", form))
    assert "High risk." in page
    assert (
        "After approval, the last 4 characters of pii.contact.phone become readable in zone analytics for 2 columns"
        in page
    )
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (VALID.replace("analytics", "moon"), "rules[0].zone"),
        (VALID.replace("partial", "vanish"), "rules[0].treatment.kind"),
        (VALID.replace("keep_last: 4", "keep_last: many"), "rules[0].treatment.keep_last"),
        ("rules: [", "Line 1:"),
        ("<script>alert(1)</script>", "A policy is an object with `format` and `rules`."),
    ],
)
def test_a_mistake_is_told_while_it_is_written(crm: Crm, browse: Browse, text: str, said: str) -> None:
    with as_role("web"):
        answer = browse("bob").post("/policies/validate", {"team": str(crm.world.team.id), "text": text})
    assert answer.status_code == 200
    assert said in _text(answer)
    assert "<script>" not in answer.content.decode()


def test_the_verdict_is_for_who_may_propose(crm: Crm, browse: Browse) -> None:
    form = {"team": str(crm.world.team.id), "text": VALID}
    with as_role("web"):
        assert [browse(name).post("/policies/validate", form).status_code for name in ("alice", "dora", "charlie")] == [
            403,
            403,
            403,
        ]


def test_from_the_editor_to_a_change(crm: Crm, browse: Browse) -> None:
    bob = browse("bob")
    form = {"team": str(crm.world.team.id), "name": "Personal data", "slug": "pii", "text": VALID, "reason": "Calls"}
    with as_role("web"):
        assert "e-mail addresses" in _text(bob.get("/policies/new"))
        answer = bob.post("/policies/new", form)
    change = Change.objects.get()
    assert answer.url == f"/changes/{change.number}/"
    assert (change.kind, change.reason) == ("policy", "Calls")
    assert change.target == f"policy/new/{crm.world.team.id}/pii"


def test_a_mistake_keeps_what_was_typed(crm: Crm, browse: Browse) -> None:
    text = VALID.replace("analytics", "moon")
    form = {"team": str(crm.world.team.id), "name": "Personal data", "slug": "pii", "text": text}
    with as_role("web"):
        answer = browse("bob").post("/policies/new", form)
    page = _text(answer)
    assert answer.status_code == 422
    assert "rules[0].zone: Zone 'moon' is unknown; known are restricted, analytics, public and *." in page
    assert "zone: moon" in page
    assert 'id="id_text_error"' in page
    assert not Change.objects.exists()


def test_versions_show_what_changed(crm: Crm, browse: Browse) -> None:
    crm.activate(rule("phone", PHONE, "token"))
    crm.activate(rule("phone", PHONE, "drop"))
    with as_role("web"):
        alice = browse("alice")
        page = _text(alice.get("/policies/crm/pii/versions"))
        old = _text(alice.get("/policies/crm/pii/?version=1"))
    assert page.index("Version 2") < page.index("Version 1")
    assert "An earlier version" in old
    assert "kind: token" in old


def test_why_answers_in_one_sentence(crm: Crm, browse: Browse) -> None:
    crm.activate(rule("phone", PHONE, "partial", zone="analytics", keep_last=4))
    sentences = {
        "customers.phone": "phone is pii.contact.phone; policy pii v1, rule “phone” (tag pii.contact.phone, zone"
        " analytics): the last 4 characters stay readable.",
        "customers.id": "id passes: it was classified as not sensitive.",
        "customers.note": "Column crm.customers.note is unclassified: nobody has said whether it is sensitive.",
        "customers.birth_date": "Column crm.customers.birth_date is pii.birth_date and no rule says what happens to it"
        " in zone analytics.",
    }
    with as_role("web"):
        dora = browse("dora")
        for name, sentence in sentences.items():
            page = dora.get(f"/policies/why/{crm.columns[name].id}/analytics")
            assert sentence in _text(page)
            told = dora.get(f"/api/v1/policies/why/{crm.columns[name].id}/analytics").json()
            assert told["sentence"] == sentence
        assert dora.get(f"/policies/why/{crm.columns['customers.id'].id}/moon").status_code == 422
        assert browse("charlie").get(f"/policies/why/{crm.columns['customers.id'].id}/analytics").status_code == 404


def test_the_api_proposes_and_validates(crm: Crm, browse: Browse) -> None:
    bob = browse("bob")
    body = {"team": "crm", "slug": "pii", "name": "Personal data", "text": VALID}
    with as_role("web"):
        verdict = bob.post("/api/v1/policies/validate", body, content_type="application/json")
        assert (verdict.status_code, verdict.json()["risk"]) == (200, "MEDIUM")
        assert not Change.objects.exists()
        made = bob.post(
            "/api/v1/policies/policies", body, content_type="application/json", headers={"Idempotency-Key": "one"}
        )
        again = bob.post(
            "/api/v1/policies/policies", body, content_type="application/json", headers={"Idempotency-Key": "one"}
        )
    assert (made.status_code, made.json()) == (201, {"change": Change.objects.get().number})
    assert again.json() == made.json()


def test_the_list_asks_a_fixed_number_of_times(crm: Crm, browse: Browse) -> None:
    crm.activate(rule("phone", PHONE, "token"))
    dora = browse("dora")
    with as_role("web"):
        dora.get("/policies/")
        few = _queries(dora, "/policies/")
    for number in range(5):
        crm.activate(rule("x", "financial", "drop"), slug=f"p{number}", name=f"P{number}")
    with as_role("web"):
        assert _queries(dora, "/policies/") == few


def _queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(database) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def _text(answer: object) -> str:
    return html.unescape(answer.content.decode())  # type: ignore[attr-defined]
