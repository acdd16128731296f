"""The policy editor: rules as a table and as text, what they reach, and nothing typed is ever lost."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from apps.changes import services as changes
from apps.changes.models import Change
from apps.policies import selectors
from tests.support import as_role

from .support import Crm, rule

PHONE = "pii.contact.phone"
HOSTILE = ["<script>alert(1)</script>", "'; DROP TABLE policies_policy; --", "a\u202egnp.exe", "nul\x00byte"]


@pytest.fixture
def bob(crm: Crm, client: Client) -> Client:
    client.force_login(crm.world.users["bob"], backend="django.contrib.auth.backends.ModelBackend")
    return client


def rows(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The form in its table of rules."""
    data: dict[str, Any] = {"mode": "form", "count": str(len(entries)), "base": "0", "reason": "", **more}
    for index, entry in enumerate(entries):
        usual = {"by": "tag", "zone": "*", "kind": "token", "domain": "default"}
        data |= {f"r{index}-{name}": value for name, value in {**usual, **entry}.items()}
    return data


def new(crm: Crm, *entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return rows(*entries, **{"team": str(crm.world.team.id), "name": "Personal data", "slug": "pii", **more})


def post(bob: Client, path: str, data: dict[str, Any]) -> tuple[int, str]:
    with as_role("web"):
        answer = bob.post(path, data)
    return answer.status_code, html.unescape(answer.content.decode())


def test_a_policy_is_proposed_from_the_table(crm: Crm, bob: Client) -> None:
    data = new(
        crm,
        {"name": "phones", "tag": PHONE, "note": "calls"},
        {"name": "mail for partners", "by": "column", "column": "crm.*.email", "kind": "partial", "keep_domain": "on",
         "keep_first": "1", "zone": "analytics", "purpose": "partners"},
    )  # fmt: skip
    status, _page = post(bob, "/policies/new", {**data, "act": "propose"})
    assert status == 302
    assert Change.objects.get().proposal["text"]["rules"] == [
        {"name": "phones", "tag": PHONE, "zone": "*", "treatment": {"kind": "token", "version": 1}, "domain": "default",
         "note": "calls"},
        {"name": "mail for partners", "column": "crm.*.email", "zone": "analytics", "domain": "default",
         "treatment": {"kind": "partial", "keep_first": 1, "keep_domain": True, "version": 1}, "purpose": "partners"},
    ]  # fmt: skip


def test_the_parameters_are_those_of_the_chosen_treatment(crm: Crm, bob: Client) -> None:
    _status, page = post(bob, "/policies/new", new(crm, {"name": "x", "kind": "partial"}, act="open:0"))
    assert ('name="r0-keep_last"' in page, 'name="r0-unit"' in page, 'name="r0-domain"' in page) == (True, False, False)
    _status, page = post(bob, "/policies/new", new(crm, {"name": "x", "kind": "date_truncate"}, act="open:0"))
    assert ('name="r0-keep_last"' in page, 'name="r0-unit"' in page) == (False, True)
    assert '<details class="rule" id="rule-0" open>' in page


def test_rules_are_added_and_removed_without_saving(crm: Crm, bob: Client) -> None:
    _status, page = post(bob, "/policies/new", new(crm, {"name": "one", "tag": PHONE}, act="add"))
    assert 'id="rule-1" open' in page
    two = new(crm, {"name": "one", "tag": PHONE}, {"name": "two", "tag": "pii.name"}, act="remove:0")
    status, page = post(bob, "/policies/new", two)
    assert (status, 'value="two"' in page, 'value="one"' in page) == (200, True, False)
    assert not Change.objects.exists()


def test_the_same_rules_as_text_and_back(crm: Crm, bob: Client) -> None:
    _status, page = post(bob, "/policies/new", new(crm, {"name": "phones", "tag": PHONE}, act="yaml"))
    text = (
        "format: 1\nrules:\n  - name: phones\n    tag: pii.contact.phone\n    zone: '*'\n    treatment: {kind: token}\n"
    )
    assert text.rstrip() in page
    _status, page = post(bob, "/policies/new", new(crm, mode="yaml", text=text, act="form"))
    assert ('value="phones"' in page, 'name="r0-name"' in page) == (True, True)


def test_a_text_that_cannot_be_read_stays_a_text(crm: Crm, bob: Client) -> None:
    status, page = post(bob, "/policies/new", new(crm, mode="yaml", text="rules: [\nmine", act="form"))
    assert (status, "mine</textarea>" in page, "Line 2" in page) == (200, True, True)


def test_the_verdict_says_what_is_reached_and_who_disagrees(crm: Crm, bob: Client) -> None:
    crm.activate(rule("calls stay home", PHONE, "drop"), slug="calls", name="Calls")
    _status, page = post(bob, "/policies/validate", new(crm, {"name": "phones", "tag": PHONE}))
    assert "1 conflict: such columns are refused." in page
    assert "calls rule “calls stay home” (drop) and draft rule “phones” (token)" in page
    assert "2 columns" in page


def test_the_closest_rule_stands_first(crm: Crm) -> None:
    crm.activate(
        rule("all", "pii", "redact"), rule("by name", "crm.customers.phone", "drop"), rule("phones", PHONE, "token")
    )
    shown = selectors.rule_rows(crm.world.team.id, selectors.version(_policy(crm)).text)
    assert [row.rule.name for row in shown] == ["by name", "phones", "all"]


def _policy(crm: Crm) -> Any:
    return selectors.policy(crm.world.actor("bob"), "crm", "pii")


@pytest.mark.parametrize(
    ("entry", "field", "said"),
    [
        ({"name": "", "tag": PHONE}, "r0-name", "A rule needs a short name"),
        ({"name": "x", "tag": ""}, "r0-tag", "A rule selects by either"),
        ({"name": "x" * 81, "tag": PHONE}, "r0-name", "A rule needs a short name"),
        ({"name": "x", "tag": PHONE, "kind": "date_truncate"}, "r0-unit", "needs its parameter unit"),
        ({"name": "x", "tag": PHONE, "kind": "partial", "keep_last": "many"}, "r0-keep_last", "must be a whole number"),
        ({"name": "x", "tag": PHONE, "zone": "moon"}, "r0-zone", "Zone 'moon' is unknown"),
        ({"name": "x", "tag": "pii.nothing"}, "r0-tag", "There is no tag pii.nothing."),
        ({"name": "x", "tag": PHONE, "purpose": "<script>"}, "r0-purpose", "Purpose '<script>' is none"),
        ({"name": "x", "tag": PHONE, "note": "a\u202eb"}, "r0-note", "A note is one line of plain text."),
    ],
)
def test_a_mistake_is_shown_at_its_field_and_nothing_is_saved(
    crm: Crm, bob: Client, entry: dict[str, str], field: str, said: str
) -> None:
    status, page = post(bob, "/policies/new", new(crm, entry, act="propose"))
    assert (status, said in page, f'id="id_{field}_error"' in page) == (422, True, True)
    assert not Change.objects.exists()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_refused_and_never_run(crm: Crm, bob: Client, text: str) -> None:
    with as_role("web"):
        answer = bob.post("/policies/new", new(crm, {"name": text, "tag": PHONE}, act="propose"))
    assert answer.status_code == 422
    assert "<script>alert" not in answer.content.decode()
    assert not Change.objects.exists()


def test_two_rules_of_one_name_contradict(crm: Crm, bob: Client) -> None:
    same = {"name": "phones", "tag": PHONE}
    status, page = post(bob, "/policies/new", new(crm, same, same, act="propose"))
    assert (status, "Two rules are named 'phones'" in page) == (422, True)


def test_somebody_else_was_faster_and_both_texts_are_shown(crm: Crm, bob: Client) -> None:
    crm.activate(rule("phones", PHONE, "token"))
    mine = rows({"name": "phones", "tag": PHONE, "kind": "redact"}, name="Personal data", base="1", act="propose")
    crm.activate(rule("phones", PHONE, "drop"))
    status, page = post(bob, "/policies/crm/pii/edit", mine)
    assert (status, "version 2 is active now" in page) == (422, True)
    assert ("<mark>drop</mark>" in page, "<mark>redact</mark>" in page) == (True, True)
    assert 'name="base" value="2"' in page
    assert not Change.objects.exists()
    status, _page = post(bob, "/policies/crm/pii/edit", {**mine, "base": "2"})
    assert status == 302


def test_an_open_change_is_edited_in_the_same_form(crm: Crm, bob: Client) -> None:
    change = crm.propose(rule("phones", PHONE, "pass"), by="bob")
    with as_role("web"):
        page = html.unescape(bob.get(f"/policies/new?change={change.number}").content.decode())
    assert f'You edit <a href="/changes/{change.number}/">change #{change.number}</a>' in page
    again = new(
        crm, {"name": "phones", "tag": PHONE}, change=str(change.number), seen=change.binding_hash, act="propose"
    )
    status, _page = post(bob, "/policies/new", again)
    change.refresh_from_db()
    assert (status, change.risk, change.approvals_needed) == (302, "MEDIUM", 1)


def test_a_change_that_was_edited_meanwhile_shows_both(crm: Crm, bob: Client) -> None:
    change = crm.propose(rule("phones", PHONE, "pass"), by="bob")
    with as_role("web"):
        changes.edit(
            actor=crm.world.actor("bob"),
            change_id=change.id,
            proposal={**change.proposal, "text": {"format": 1, "rules": [rule("phones", PHONE, "drop")]}},
        )
    stale = new(
        crm, {"name": "phones", "tag": PHONE}, change=str(change.number), seen=change.binding_hash, act="propose"
    )
    status, page = post(bob, "/policies/new", stale)
    assert (status, "was edited while you were reading it" in page) == (422, True)
    assert ("<mark>drop</mark>" in page or "drop" in page, "token" in page) == (True, True)
    change.refresh_from_db()
    assert change.proposal["text"]["rules"][0]["treatment"]["kind"] == "drop"


def test_a_change_about_something_else_is_not_loaded(crm: Crm, bob: Client) -> None:
    with as_role("web"):
        assert bob.get("/policies/new?change=999999").status_code == 404
        assert bob.get("/policies/new?change=<script>").status_code == 200


def test_a_long_policy_is_edited_as_text(crm: Crm, bob: Client) -> None:
    crm.activate(*(rule(f"rule {n}", f"crm.t{n}.phone", "drop") for n in range(80)))
    with as_role("web"):
        page = bob.get("/policies/crm/pii/edit").content.decode()
    assert ('name="mode" value="yaml"' in page, "name: rule 79" in page) == (True, True)
