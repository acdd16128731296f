"""An open change is edited in the form of its kind; nothing typed is lost, and two editors see each other."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from apps.changes import services
from apps.changes.models import Change
from tests.support import as_role

from .support import Crm, connect


@pytest.fixture
def visit(crm: Crm, client: Client) -> Any:
    def request(name: str, path: str, data: dict[str, Any] | None = None) -> Any:
        client.force_login(crm.world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        with as_role("web"):
            answer = client.get(path) if data is None else client.post(path, data)
        answer.text_ = html.unescape(answer.content.decode())
        return answer

    return request


def connection_change(crm: Crm) -> Change:
    made = connect(crm.world, "erp", "restricted", "read")
    from apps.sources import connection_proposals

    proposal = connection_proposals.current(f"connection/{made.id}").proposal
    assert proposal is not None
    proposal["definition"]["settings"]["host"] = "new.acme.example"
    with as_role("web"):
        return services.propose(
            actor=crm.world.actor("alice"), kind="connection", team_id=crm.world.team.id, proposal=proposal
        )


def test_a_classification_is_a_list_of_columns(crm: Crm, visit: Any) -> None:
    change = crm.propose(by="alice", email=["pii.contact.email"], country=[])
    page = visit("alice", f"/changes/{change.number}/edit").text_
    assert ('value="pii.contact.email"' in page, 'value="none"' in page) == (True, True)
    columns = [column["column"] for column in change.proposal["columns"]]
    fields = {"c0": "none", "c1": "none"} | {f"c{columns.index('email')}": "pii.contact.email, pii.name"}
    answer = visit(
        "alice", f"/changes/{change.number}/edit", {**fields, "seen": change.binding_hash, "reason": "Both."}
    )
    assert answer.status_code == 302
    change.refresh_from_db()
    tags = {column["column"]: column["tags"] for column in change.proposal["columns"]}
    assert (tags, change.reason) == ({"email": ["pii.contact.email", "pii.name"], "country": []}, "Both.")


@pytest.mark.parametrize("typed", ["pii.nothing", "<script>alert(1)</script>", "'; --", "x" * 401, "a\u202eb"])
def test_a_wrong_tag_is_shown_at_its_column_and_kept(crm: Crm, visit: Any, typed: str) -> None:
    change = crm.propose(by="alice")
    answer = visit("alice", f"/changes/{change.number}/edit", {"c0": typed, "seen": change.binding_hash})
    assert (answer.status_code, 'id="id_c0_error"' in answer.text_) == (422, True)
    assert "<script>alert" not in answer.content.decode()
    before = change.proposal
    change.refresh_from_db()
    assert change.proposal == before


def test_a_connection_is_its_settings_and_its_password_stays(crm: Crm, visit: Any) -> None:
    change = connection_change(crm)
    page = visit("alice", f"/changes/{change.number}/edit").text_
    assert ("new.acme.example" in page, "AAAA" in page) == (True, False)
    change.refresh_from_db()
    names = {}
    from apps.changes.editing import Fields

    form = Fields(proposal=change.proposal)
    for name, (path, value) in form.places.items():
        names[path[-1]] = name
        assert "credentials" not in path
        _ = value
    data = {name: "" if value is None else value for name, (_path, value) in form.places.items()}
    data |= {names["host"]: "other.acme.example", "seen": change.binding_hash}
    answer = visit("alice", f"/changes/{change.number}/edit", data)
    said = answer.text_
    assert answer.status_code == 302, said[said.find("Nothing was saved") :][:600]
    sealed = change.proposal["definition"]["credentials"]
    change.refresh_from_db()
    assert change.proposal["definition"]["settings"]["host"] == "other.acme.example"
    assert change.proposal["definition"]["credentials"] == sealed


def test_a_policy_leads_to_its_editor(crm: Crm, visit: Any) -> None:
    change = crm.propose_policy(by="bob", pii={"kind": "redact"})
    answer = visit("bob", f"/changes/{change.number}/edit")
    assert (answer.status_code, answer.url) == (302, f"/policies/new?change={change.number}")
    assert visit("bob", f"/changes/{change.number}/edit?as=json").status_code == 200


def test_two_editors_see_each_other(crm: Crm, visit: Any) -> None:
    change = crm.propose(by="alice")
    began = change.binding_hash
    with as_role("web"):
        services.edit(
            actor=crm.world.actor("alice"), change_id=change.id, proposal=crm.proposal(email=["pii.name"]), seen=began
        )
    answer = visit("alice", f"/changes/{change.number}/edit", {"c0": "pii.address", "seen": began})
    assert (answer.status_code, "was edited while you were reading it" in answer.text_) == (422, True)
    assert ("pii.name" in answer.text_, "pii.address" in answer.text_) == (True, True)
    change.refresh_from_db()
    assert answer.text_.count(change.binding_hash) == 1
    again = visit("alice", f"/changes/{change.number}/edit", {"c0": "pii.address", "seen": change.binding_hash})
    assert again.status_code == 302


def test_the_api_refuses_a_stale_edit(crm: Crm, client: Client) -> None:
    change = crm.propose(by="alice")
    client.force_login(crm.world.users["alice"], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        answer = client.post(
            f"/api/v1/changes/{change.number}/edit",
            {"proposal": crm.proposal(email=["pii.name"]), "seen": "0" * 64},
            content_type="application/json",
        )
    assert (answer.status_code, answer.json()["field"]) == (409, "seen")
