"""The inbox and the page of a change, as people and programs use them."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.changes.models import Change, Comment, Participant
from tests.support import as_role

from .support import Crm


@pytest.fixture
def visit(crm: Crm, client: Client) -> Any:
    """A request as somebody, under the grants of the web process."""

    def request(name: str, method: str, path: str, data: Any = None, **more: Any) -> HttpResponse:
        client.force_login(crm.world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        with as_role("web"):
            return getattr(client, method)(path, data or {}, **more)

    return request


def decide(visit: Any, name: str, change: Change, verdict: str, comment: str = "", seen: str = "") -> HttpResponse:
    data = {"verdict": verdict, "comment": comment, "seen": seen or change.binding_hash}
    return visit(name, "post", f"/changes/{change.number}/decide", data)


def test_the_reviewer_sees_the_consequence_the_diff_and_the_decision(crm: Crm, visit: Any) -> None:
    change = crm.propose(reason="New columns.")
    text = visit("bob", "get", f"/changes/{change.number}/").content.decode()
    for shown in (change.sentence, "public.customers.email: pii.contact.email", "Approve (1 of 1)", "New columns."):
        assert shown in text.replace("&#x27;", "'"), shown


def test_the_author_is_told_why_they_cannot_approve(crm: Crm, visit: Any) -> None:
    change = crm.propose(by="bob")
    text = visit("bob", "get", f"/changes/{change.number}/").content.decode()
    assert "This is your own change. Somebody else must approve it, whatever your role." in text
    assert 'value="approve"' not in text


def test_approving_in_the_browser_applies_it(crm: Crm, visit: Any) -> None:
    change = crm.propose()
    answer = decide(visit, "bob", change, "approve")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/changes/{change.number}/")
    crm.apply()
    assert crm.tags() == {"email": ["pii.contact.email"]}


def test_a_stale_page_cannot_approve_what_came_after(crm: Crm, visit: Any) -> None:
    change = crm.propose()
    answer = decide(visit, "bob", change, "approve", seen="0" * 64)
    assert answer.status_code == 422
    assert "was edited while you were reading it" in answer.content.decode()
    change.refresh_from_db()
    assert change.state == "OPEN"


def test_rejecting_without_a_comment_is_shown_at_the_field(crm: Crm, visit: Any) -> None:
    change = crm.propose()
    answer = decide(visit, "bob", change, "reject")
    assert answer.status_code == 422
    assert "Say why: the author must know what to do." in answer.content.decode()
    assert Participant.objects.filter(part="REVIEWER").count() == 0


@pytest.mark.parametrize("name", ["charlie", "admin"])
def test_a_stranger_finds_no_such_change(crm: Crm, visit: Any, name: str) -> None:
    change = crm.propose()
    assert visit(name, "get", f"/changes/{change.number}/").status_code == 404
    assert decide(visit, name, change, "approve").status_code == 404


@pytest.mark.parametrize("name", ["alice", "dora"])
def test_a_forged_approval_is_denied_and_recorded(crm: Crm, visit: Any, name: str) -> None:
    change = crm.propose(by="erin")
    assert decide(visit, name, change, "approve").status_code == 403
    change.refresh_from_db()
    assert change.state == "OPEN"


def test_the_inbox_filters_by_what_needs_me(crm: Crm, visit: Any) -> None:
    waiting, mine = crm.propose(by="alice"), crm.propose(by="bob", country=[])
    text = visit("bob", "get", "/changes/?show=needs-me").content.decode()
    assert f"#{waiting.number}" in text
    assert f"#{mine.number}" not in text
    text = visit("bob", "get", "/changes/?show=mine").content.decode()
    assert (f"#{waiting.number}" in text, f"#{mine.number}" in text) == (False, True)


def test_comments_are_escaped(crm: Crm, visit: Any) -> None:
    change = crm.propose()
    visit("bob", "post", f"/changes/{change.number}/comment", {"text": "<script>alert(1)</script>"})
    assert Comment.objects.get().text == "<script>alert(1)</script>"
    text = visit("alice", "get", f"/changes/{change.number}/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert(1)" not in text


def test_editing_as_json_names_the_line_at_fault(crm: Crm, visit: Any) -> None:
    change = crm.propose()
    answer = visit("alice", "post", f"/changes/{change.number}/edit", {"proposal": "{\n,}"})
    assert answer.status_code == 422
    assert "Line 2 is not JSON." in answer.content.decode()


def test_withdraw_and_roll_back_have_their_buttons(crm: Crm, visit: Any) -> None:
    change = crm.propose()
    assert "Withdraw" in visit("alice", "get", f"/changes/{change.number}/").content.decode()
    assert visit("alice", "post", f"/changes/{change.number}/withdraw").status_code == 302
    change.refresh_from_db()
    assert change.state == "WITHDRAWN"


def test_the_api_proposes_reads_and_decides(crm: Crm, visit: Any) -> None:
    body = {"kind": "classification", "team": "crm", "proposal": crm.proposal(email=["pii.contact.email"])}
    made = visit("alice", "post", "/api/v1/changes/", body, content_type="application/json")
    assert made.status_code == 201, made.content
    number, seen = made.json()["change"]["number"], made.json()["seen"]
    listed = visit("bob", "get", "/api/v1/changes/?show=needs-me").json()["rows"]
    assert [row["number"] for row in listed] == [number]
    approved = visit(
        "bob", "post", f"/api/v1/changes/{number}/approve", {"seen": seen}, content_type="application/json"
    )
    assert (approved.status_code, approved.json()["change"]["state"]) == (200, "APPROVED")


def test_the_api_answers_a_refusal_as_a_problem(crm: Crm, visit: Any) -> None:
    change = crm.propose(by="bob")
    answer = visit(
        "bob", "post", f"/api/v1/changes/{change.number}/approve", {"seen": change.binding_hash},
        content_type="application/json",
    )  # fmt: skip
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
    assert "as its author" in answer.json()["detail"]
