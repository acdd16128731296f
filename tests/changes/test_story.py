"""The story of a weakening: high risk, refused to its author, questioned, edited to a token, approved once, applied."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from apps.alerts.models import Delivery
from apps.changes import services
from apps.changes.models import Change
from apps.changes.people import LOCKGATE
from apps.dataplane.errors import Denied
from apps.policies import selectors as policies
from apps.sources.models import Dataset
from tests.support import as_role

from .support import Crm

PASS, TOKEN, REDACT = ({"kind": kind} for kind in ("pass", "token", "redact"))
EMAIL = "pii__contact__email"


@pytest.fixture
def masked(crm: Crm) -> Crm:
    """12,400 customers, whose addresses are redacted."""
    Dataset.objects.update(estimated_rows=12_400)
    crm.classify(email=["pii.contact.email"])
    crm.mask(**{EMAIL: REDACT})
    return crm


def text(crm: Crm, treatment: dict[str, Any]) -> dict[str, Any]:
    from .support import rules

    return {"slug": "contacts", "name": "Contacts", "text": rules(**{EMAIL: treatment})}


class TestAtTheService:
    def test_a_weakening_is_told_in_people(self, masked: Crm) -> None:
        change = masked.propose_policy(by="bob", **{EMAIL: PASS})
        assert change.sentence.startswith(
            "After approval, the emails of 12,400 people become readable as they are in zones restricted, analytics and"
            " public for 1 column (public.customers.email)"
        )
        assert (change.risk, change.approvals_needed) == ("HIGH", 2)

    def test_from_pass_to_token(self, masked: Crm) -> None:
        bob, erin = masked.world.actor("bob"), masked.world.actor("erin")
        change = masked.propose_policy(by="bob", **{EMAIL: PASS})
        with as_role("web"), pytest.raises(Denied) as denied:
            services.approve(actor=bob, change_id=change.id)
        assert denied.value.sentence == ("You took part in this change as its author, so somebody else must decide it.")
        with as_role("web"):
            services.request_changes(actor=erin, change_id=change.id, comment="Use a token.")
            edited = services.edit(actor=bob, change_id=change.id, proposal=text(masked, TOKEN))
        # A token of what was redacted is still weaker: it can be linked.
        assert (edited.risk, edited.approvals_needed) == ("HIGH", 2)

    def test_risk_and_approvals_follow_from_the_edited_text(self, crm: Crm) -> None:
        """The column is new, so it was refused before: `pass` opens it readable, `token` opens it masked."""
        Dataset.objects.update(estimated_rows=12_400)
        crm.classify(email=["pii.contact.email"])
        bob, erin = crm.world.actor("bob"), crm.world.actor("erin")
        change = crm.propose_policy(by="bob", **{EMAIL: PASS})
        assert (change.risk, change.approvals_needed) == ("HIGH", 2)
        with as_role("web"):
            services.request_changes(actor=erin, change_id=change.id, comment="Use a token.")
            change = services.edit(actor=bob, change_id=change.id, proposal=text(crm, TOKEN))
            assert (change.risk, change.approvals_needed, change.state) == ("MEDIUM", 1, "OPEN")
            assert services.approve(actor=erin, change_id=change.id).state == "APPROVED"
        applied = crm.apply()
        assert applied is not None
        assert applied.state == "APPLIED"
        (active,) = policies.active(crm.world.team.id)
        assert [rule.treatment.kind for rule in active.rules] == ["token"]

    def test_an_approval_of_the_former_text_is_worth_nothing(self, crm: Crm) -> None:
        crm.world.add("mara", ["reviewer"])
        crm.classify(email=["pii.contact.email"])
        change = crm.propose_policy(by="bob", **{EMAIL: TOKEN})
        other = crm.propose_policy(by="bob", slug="other", **{EMAIL: PASS})
        assert (change.approvals_needed, other.approvals_needed) == (1, 2)
        crm.approve(other, by="erin")
        with as_role("web"):
            proposal = {**text(crm, TOKEN), "slug": "other"}
            other = services.edit(actor=crm.world.actor("bob"), change_id=other.id, proposal=proposal)
        assert (other.state, other.approvals_needed) == ("OPEN", 1)


class TestOnThePage:
    @pytest.fixture
    def visit(self, crm: Crm, client: Client) -> Any:
        def request(name: str, path: str, data: dict[str, Any] | None = None) -> tuple[int, str]:
            client.force_login(crm.world.users[name], backend="django.contrib.auth.backends.ModelBackend")
            with as_role("web"):
                answer = client.get(path) if data is None else client.post(path, data)
            return answer.status_code, html.unescape(answer.content.decode())

        return request

    def test_who_can_still_approve_and_what_to_do_when_nobody_can(self, masked: Crm, visit: Any) -> None:
        change = masked.propose_policy(by="bob", **{EMAIL: PASS})
        _status, page = visit("bob", f"/changes/{change.number}/")
        assert "This is your own change. Somebody else must approve it, whatever your role." in page
        assert "Nobody can approve it as things are." in page
        assert "2 more approvals are needed, and only Erin may still approve" in page
        assert "Admin can invite another reviewer into CRM." in page
        masked.world.add("mara", ["reviewer"])
        _status, page = visit("erin", f"/changes/{change.number}/")
        assert "Nobody can approve it as things are." not in page
        assert "2 more approvals are needed; Erin or Mara may give one each." in page

    def test_the_whole_story(self, crm: Crm, visit: Any) -> None:
        Dataset.objects.update(estimated_rows=12_400)
        crm.classify(email=["pii.contact.email"])
        change = crm.propose_policy(by="bob", **{EMAIL: PASS})
        page = f"/changes/{change.number}/"
        seen = {"seen": change.binding_hash}
        status, said = visit("bob", f"{page}decide", {"verdict": "approve", **seen})
        assert (status, "as its author, so somebody else must decide it" in said) == (403, True)
        status, _said = visit("erin", f"{page}decide", {"verdict": "ask", "comment": "Use a token.", **seen})
        assert status == 302
        _status, said = visit("bob", page)
        assert ("Changes requested" in said, "Use a token." in said) == (True, True)
        form = {
            "mode": "form", "count": "1", "base": "0", "act": "propose", "change": str(change.number), **seen,
            "team": str(crm.world.team.id), "name": "Contacts", "slug": "contacts", "reason": "",
            "r0-name": "mail", "r0-by": "tag", "r0-tag": "pii.contact.email", "r0-zone": "*", "r0-kind": "token",
        }  # fmt: skip
        status, _said = visit("bob", "/policies/new", form)
        assert status == 302
        change.refresh_from_db()
        _status, said = visit("erin", page)
        assert "Risk high → medium; earlier decisions no longer count." in said
        assert ("Approve (1 of 1)" in said, "1 more approval is needed; Erin may give it." in said) == (True, True)
        status, _said = visit("erin", f"{page}decide", {"verdict": "approve", "seen": change.binding_hash})
        assert status == 302
        crm.apply()
        _status, said = visit("bob", page)
        assert ("approved it" in said, "applied it" in said) == (True, True)


class TestMail:
    def test_reviewers_are_asked_and_makers_are_told(self, masked: Crm) -> None:
        change = masked.propose_policy(by="bob", **{EMAIL: PASS})
        (asked,) = Delivery.objects.filter(subject_ref=f"change/{change.id}")
        assert asked.user.name == "Erin"
        for told in (change.sentence, "Risk: high", "Expires:", f"/changes/{change.number}/"):
            assert told in asked.body
        assert "approve" not in asked.body.replace(change.sentence, "").lower()
        with as_role("web"):
            services.request_changes(
                actor=masked.world.actor("erin"), change_id=change.id, comment="ada@acme.example complained"
            )
        told = Delivery.objects.get(subject_ref=f"change/{change.id}", user=masked.world.users["bob"])
        assert "A reviewer asks for something else" in told.subject
        assert (change.sentence in told.body, "ada@acme.example" in told.body) == (True, False)

    def test_nobody_writes_to_the_product_itself(self, crm: Crm) -> None:
        from apps.core import wanted

        with as_role("worker"):
            wanted.want(
                kind="classification", subject="x/1", title="x", proposal=crm.proposal(email=["pii.name"]),
                requested_by="drift", team_id=crm.world.team.id,
            )  # fmt: skip
        with as_role("scheduler"):
            services.propose_wanted()
        with as_role("web"):
            services.reject(actor=crm.world.actor("bob"), change_id=Change.objects.get().id, comment="No.")
        assert not Delivery.objects.filter(user_id=LOCKGATE.id).exists()


def test_a_pipeline_that_treats_everything_as_before_is_not_said_to_be_reached(masked: Crm, client: Client) -> None:
    masked.classify(country=["pii.name"])
    masked.mask(**{EMAIL: REDACT, "pii__name": REDACT})
    masked.pipe()
    change = masked.propose_policy(by="bob", **{EMAIL: {"kind": "drop"}, "pii__name": REDACT, "pii__text": REDACT})
    other = masked.propose_policy(by="bob", **{EMAIL: REDACT, "pii__name": REDACT, "pii__text": REDACT})
    client.force_login(masked.world.users["bob"], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        one, two = (client.get(f"/changes/{each.number}/").content.decode() for each in (change, other))
    assert ("It reaches 1 pipeline." in one, "It reaches" in two) == (True, False)
    assert "crm-to-warehouse treats every column as before" in two
