"""Simulation, the page of starter packs, purposes, and how many people an effect is about."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.changes.models import Change
from apps.policies.models import PolicyVersion
from apps.sources.models import Dataset
from tests.support import as_role

from .support import Crm, rule

PHONE = "pii.contact.phone"
DRAFT = "format: 1\nrules:\n  - {name: phones, tag: pii.contact.phone, treatment: {kind: pass}}\n"


@pytest.fixture
def tried(crm: Crm) -> Crm:
    crm.activate(rule("phone", PHONE, "redact"), rule("mail", "pii.contact.email", "drop", zone="public"))
    return crm


@pytest.fixture
def visit(crm: Crm, client: Client) -> Any:
    def request(name: str, path: str, data: Any = None, **more: Any) -> Any:
        client.force_login(crm.world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        with as_role("web"):
            answer = client.get(path) if data is None else client.post(path, data, **more)
        answer.text_ = html.unescape(answer.content.decode())
        return answer

    return request


def customers() -> str:
    return str(Dataset.objects.get(table="customers").id)


class TestSimulation:
    def test_every_column_with_its_treatment_and_why(self, tried: Crm, visit: Any) -> None:
        page = visit("dora", f"/policies/simulation?dataset={customers()}&zone=analytics").text_
        assert "policy pii v1, rule “phone” (tag pii.contact.phone, every zone)" in page
        assert "no rule says what happens to it in zone analytics" in page
        assert "Column crm.customers.note is unclassified" in page
        page = visit("dora", f"/policies/simulation?dataset={customers()}&zone=public").text_
        assert "rule “mail” (tag pii.contact.email, zone public)" in page

    def test_a_draft_marks_what_differs_and_is_stored_nowhere(self, tried: Crm, visit: Any) -> None:
        sent = {"dataset": customers(), "zone": "analytics", "policy": "pii", "text": DRAFT}
        page = visit("dora", "/policies/simulation", sent).text_
        assert ('<mark class="mono">pass</mark>' in page, "1 differs" in page) == (True, True)
        assert (Change.objects.count(), PolicyVersion.objects.count()) == (0, 1)

    def test_a_new_policy_beside_the_others_may_conflict(self, tried: Crm, visit: Any) -> None:
        sent = {"dataset": customers(), "zone": "analytics", "policy": "", "text": DRAFT}
        page = visit("dora", "/policies/simulation", sent).text_
        assert "pii rule “phone” (redact) and draft rule “phones” (pass)" in page

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            ({"text": "rules: ["}, "Line 1"),
            ({"text": DRAFT.replace("pass", "vanish")}, "rules[0].treatment.kind"),
            ({"text": "<script>alert(1)</script>"}, "A policy is an object"),
            ({"text": DRAFT, "policy": "'; --"}, "There is no policy"),
            ({"text": "x" * 300_000}, "at most 204800 characters"),
        ],
    )
    def test_a_wrong_draft_is_told_and_kept(self, tried: Crm, visit: Any, sent: dict[str, str], said: str) -> None:
        answer = visit("bob", "/policies/simulation", {"dataset": customers(), "zone": "analytics", **sent})
        assert (answer.status_code, said in answer.text_) == (422, True)
        assert "<script>alert" not in answer.content.decode()

    def test_what_does_not_exist_is_not_found(self, tried: Crm, visit: Any) -> None:
        nobody = "00000000-0000-7000-8000-000000000000"
        assert visit("dora", f"/policies/simulation?dataset={nobody}&zone=analytics").status_code == 404
        assert visit("dora", "/policies/simulation?dataset='; --&zone=moon").status_code == 200

    def test_the_api_says_the_same(self, tried: Crm, visit: Any) -> None:
        sent = {"dataset": customers(), "zone": "analytics", "policy": "pii", "text": DRAFT}
        found = visit("dora", "/api/v1/policies/simulate", sent, content_type="application/json").json()
        phone = next(row for row in found["rows"] if row["name"] == "phone")
        assert (phone["now"]["treatment"], phone["draft"]["treatment"], phone["changed"]) == ("redact", "pass", True)
        assert found["counts"] == {"treated": 0, "readable": 2, "refused": 3, "changed": 1}

    def test_its_queries_do_not_grow_with_columns(self, tried: Crm, visit: Any) -> None:
        def queries() -> int:
            with CaptureQueriesContext(database) as seen:
                visit("dora", f"/policies/simulation?dataset={customers()}&zone=analytics")
            return len(seen)

        visit("dora", "/policies/")
        before = queries()
        tried.add("wide", {f"c{n}": [PHONE] for n in range(60)})
        assert queries() == before


class TestPacks:
    def test_what_each_covers_stands_in_words(self, crm: Crm, visit: Any) -> None:
        page = visit("dora", "/policies/packs").text_
        for told in ("Full-face photographs", "The first three digits of a ZIP code", "Req. 3.5", "Propose the chosen"):
            assert (told in page) == (told != "Propose the chosen"), told

    def test_one_click_proposes_them(self, crm: Crm, visit: Any) -> None:
        answer = visit("bob", "/policies/packs", {"team": "crm", "packs": ["gdpr", "pci"]})
        change = Change.objects.get()
        assert (answer.status_code, answer.url) == (302, f"/changes/{change.number}/")
        assert (change.proposal["slug"], change.reason) == ("starter", "Switches on GDPR, PCI DSS.")
        crm.approve(change, "erin")
        page = visit("bob", "/policies/packs?team=crm").text_
        assert page.count('value="gdpr" id="pack-gdpr" disabled') == 1
        assert visit("bob", "/policies/packs", {"team": "crm", "packs": ["gdpr"]}).status_code == 422

    @pytest.mark.parametrize("packs", [[], ["nope"], ["<script>alert(1)</script>"], ["gdpr", "'; --"]])
    def test_an_unknown_choice_is_refused(self, crm: Crm, visit: Any, packs: list[str]) -> None:
        answer = visit("bob", "/policies/packs", {"team": "crm", "packs": packs})
        assert answer.status_code == 422
        assert "<script>alert" not in answer.content.decode()
        assert not Change.objects.exists()

    def test_who_may_not_propose_may_not_switch_on(self, crm: Crm, visit: Any) -> None:
        assert visit("alice", "/policies/packs", {"team": "crm", "packs": ["gdpr"]}).status_code == 403

    def test_the_api_switches_on(self, crm: Crm, visit: Any) -> None:
        sent = {"team": "crm", "packs": ["hipaa-safe-harbor"]}
        answer = visit("bob", "/api/v1/policies/packs", sent, content_type="application/json")
        assert (answer.status_code, answer.json()) == (201, {"change": Change.objects.get().number})
        listed = visit("dora", "/api/v1/policies/packs").json()
        assert [pack["slug"] for pack in listed] == ["gdpr", "hipaa-safe-harbor", "pci"]
        assert listed[1]["classification_map"]["pii.contact.phone"] == ["4", "5"]


class TestPurposes:
    def test_a_rule_for_one_purpose_is_weighed_for_that_purpose(self, crm: Crm) -> None:
        crm.activate(rule("phone", PHONE, "drop"))
        support = {**rule("for support", PHONE, "pass"), "purpose": "support"}
        change = crm.propose(rule("phone", PHONE, "drop"), support)
        assert change.sentence == (
            "After approval, pii.contact.phone becomes readable as it is in zones restricted, analytics and public for"
            " purpose support for 2 columns (crm.customers.phone, crm.leads.phone)."
        )
        assert (change.risk, change.approvals_needed) == ("HIGH", 2)


class TestPeople:
    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            ({"customers": 12_400}, "the phones of 12,400 people become readable as they are"),
            ({"customers": 12_400, "leads": 600}, "the phones of up to 13,000 people become readable as they are"),
            ({}, "pii.contact.phone becomes readable as it is"),
        ],
    )
    def test_people_are_counted_by_estimated_rows(self, crm: Crm, rows: dict[str, int], said: str) -> None:
        for table, count in rows.items():
            Dataset.objects.filter(table=table).update(estimated_rows=count)
        assert said in crm.propose(rule("phone", PHONE, "pass")).sentence

    def test_what_is_not_about_people_is_counted_in_rows(self, crm: Crm) -> None:
        crm.add("payments", {"payer_iban": ["financial.iban"]})
        Dataset.objects.filter(table="payments").update(estimated_rows=500_000)
        sentence = crm.propose(rule("iban", "financial.iban", "redact")).sentence
        assert "the payer ibans in 500,000 rows may move, replaced by [redacted]," in sentence
