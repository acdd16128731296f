"""A change is proposed by one person, approved by another, and carried out by the applier exactly as approved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.alerts.models import Delivery, Notice
from apps.audit.models import Event
from apps.changes import selectors, services
from apps.changes.models import Change, Participant
from apps.core.clock import now
from apps.dataplane.errors import Conflict, Denied, Invalid, NotFound
from tests.support import World, as_role

from .support import Crm


def actions() -> list[str]:
    return list(Event.objects.filter(action__startswith="change.").order_by("id").values_list("action", flat=True))


def test_a_proposal_changes_nothing_until_a_second_person_approves(crm: Crm) -> None:
    change = crm.propose()
    assert change.state == "OPEN"
    assert crm.apply() is None
    assert crm.tags() == {}
    assert crm.approve(change).state == "APPROVED"
    assert crm.tags() == {}
    applied = crm.apply()
    assert applied is not None
    assert applied.state == "APPLIED"
    assert crm.tags() == {"email": ["pii.contact.email"]}
    assert actions() == ["change.proposed", "change.approved", "change.applied"]


def test_the_author_cannot_approve_even_as_a_reviewer(crm: Crm) -> None:
    change = crm.propose(by="bob")
    with pytest.raises(Denied, match="You took part in this change as its author"):
        crm.approve(change, by="bob")
    change.refresh_from_db()
    assert change.state == "OPEN"
    assert list(Participant.objects.values_list("part", "verdict")) == [("AUTHOR", "")]


def test_an_editor_cannot_approve(crm: Crm) -> None:
    change = crm.propose()
    with as_role("web"):
        services.edit(actor=crm.world.actor("erin"), change_id=change.id, proposal=crm.proposal(email=["pii.name"]))
    with pytest.raises(Denied, match="as an editor"):
        crm.approve(change, by="erin")
    assert crm.approve(change, by="bob").state == "APPROVED"


def test_a_reviewer_cannot_become_an_editor(crm: Crm) -> None:
    change = crm.propose(email=[], country=[])
    with as_role("web"):
        services.request_changes(actor=crm.world.actor("bob"), change_id=change.id, comment="Why?")
        with pytest.raises(Denied, match="as a reviewer, so you cannot edit it"):
            services.edit(actor=crm.world.actor("bob"), change_id=change.id, proposal=crm.proposal(email=["pii.name"]))
    change.refresh_from_db()
    assert change.proposal["columns"] == change.binding["proposal"]["columns"]


@pytest.mark.parametrize("stranger", ["charlie", "alice", "dora", "admin"])
def test_who_is_no_reviewer_cannot_approve(crm: Crm, stranger: str) -> None:
    change = crm.propose(by="erin")
    with pytest.raises((Denied, NotFound)):
        crm.approve(change, by=stranger)
    assert Participant.objects.count() == 1


def test_a_token_cannot_approve(crm: Crm) -> None:
    change = crm.propose()
    bob = crm.world.actor("bob")
    token = type(bob)(id=bob.id, name=bob.name, kind="token", teams=bob.teams, scopes=frozenset({"read", "write"}))
    with as_role("web"), pytest.raises(Denied, match="decided by a person"):
        services.approve(actor=token, change_id=change.id)


def test_a_token_that_may_only_read_does_nothing_in_its_owners_name(crm: Crm) -> None:
    change = crm.propose()
    alice = crm.world.actor("alice")
    token = type(alice)(id=alice.id, name=alice.name, kind="token", teams=alice.teams, scopes=frozenset({"read"}))
    with as_role("web"):
        for act in (
            lambda: services.withdraw(actor=token, change_id=change.id),
            lambda: services.comment(actor=token, change_id=change.id, text="Hello."),
            lambda: services.edit(actor=token, change_id=change.id, proposal=crm.proposal(email=["pii.name"])),
        ):
            with pytest.raises(Denied):
                act()
    change.refresh_from_db()
    assert change.state == "OPEN"
    assert actions() == ["change.proposed"]


def test_a_service_account_cannot_approve(crm: Crm) -> None:
    bob = crm.world.users["bob"]
    bob.is_service = True
    bob.save()
    change = crm.propose()
    with pytest.raises(Denied):
        crm.approve(change)
    change.refresh_from_db()
    assert change.state == "OPEN"


def test_two_approvals_are_needed_where_the_risk_is_high(crm: Crm) -> None:
    change = crm.propose()
    crm.approve(change)
    crm.apply()
    weaker = crm.propose(email=[])
    assert (weaker.risk, weaker.approvals_needed) == ("HIGH", 2)
    assert crm.approve(weaker, by="bob").state == "OPEN"
    assert crm.approve(weaker, by="bob").state == "OPEN", "the same person twice is one approval"
    assert crm.apply() is None
    assert crm.approve(weaker, by="erin").state == "APPROVED"


def test_a_verdict_on_a_former_text_does_not_count(crm: Crm) -> None:
    crm.approve(crm.propose())
    crm.apply()
    change = crm.propose(email=[])
    crm.approve(change, by="bob")
    with as_role("web"):
        services.edit(actor=crm.world.actor("alice"), change_id=change.id, proposal=crm.proposal(email=["pii.name"]))
    assert crm.approve(change, by="erin").state == "OPEN"
    assert crm.approve(change, by="bob").state == "APPROVED"


def test_what_was_seen_is_what_is_approved(crm: Crm) -> None:
    change = crm.propose()
    seen = change.binding_hash
    with as_role("web"):
        services.edit(actor=crm.world.actor("alice"), change_id=change.id, proposal=crm.proposal(email=[]))
    with pytest.raises(Conflict, match="edited while you were reading"):
        crm.approve(change, seen=seen)
    assert Participant.objects.filter(part="REVIEWER").count() == 0


def test_a_rejection_ends_the_change_and_says_why(crm: Crm) -> None:
    change = crm.propose()
    with as_role("web"):
        with pytest.raises(Invalid) as refused:
            services.reject(actor=crm.world.actor("bob"), change_id=change.id, comment=" ")
        assert refused.value.field == "comment"
        rejected = services.reject(actor=crm.world.actor("bob"), change_id=change.id, comment="It is a street.")
    assert (rejected.state, rejected.outcome) == ("REJECTED", "It is a street.")
    with pytest.raises(Conflict, match="is rejected"):
        crm.approve(change, by="erin")


def test_a_reviewer_may_ask_and_then_approve(crm: Crm) -> None:
    change = crm.propose()
    with as_role("web"):
        services.request_changes(actor=crm.world.actor("bob"), change_id=change.id, comment="Sure?")
        shown = selectors.change(crm.world.actor("alice"), change.number)
    assert shown.row.state == "CHANGES_REQUESTED"
    assert crm.approve(change).state == "APPROVED"


def test_the_author_withdraws_and_nobody_else(crm: Crm) -> None:
    change = crm.propose()
    with as_role("web"):
        with pytest.raises(Denied, match="Only its author"):
            services.withdraw(actor=crm.world.actor("bob"), change_id=change.id)
        assert services.withdraw(actor=crm.world.actor("alice"), change_id=change.id).state == "WITHDRAWN"
    assert crm.apply() is None


def test_an_approved_change_may_still_be_rejected(crm: Crm) -> None:
    change = crm.approve(crm.propose())
    with as_role("web"):
        services.reject(actor=crm.world.actor("erin"), change_id=change.id, comment="Stop.")
    assert crm.apply() is None
    assert crm.tags() == {}


def test_roll_back_proposes_what_was_active_before(crm: Crm) -> None:
    crm.approve(crm.propose())
    crm.apply()
    change = crm.propose(email=["pii.name"])
    for person in ("bob", "erin"):
        crm.approve(change, by=person)
        change.refresh_from_db()
        if change.state == "APPROVED":
            break
    assert crm.apply() == change
    with as_role("web"):
        back = services.roll_back(actor=crm.world.actor("alice"), change_id=change.id)
    assert (back.state, back.rolls_back_id, back.reason) == ("OPEN", change.id, f"Rolls back change {change.number}.")
    for person in ("bob", "erin"):
        crm.approve(back, by=person)
        back.refresh_from_db()
        if back.state == "APPROVED":
            break
    crm.apply()
    assert crm.tags() == {"email": ["pii.contact.email"]}


def test_an_open_change_cannot_be_rolled_back(crm: Crm) -> None:
    change = crm.propose()
    with as_role("web"), pytest.raises(Conflict, match="is open"):
        services.roll_back(actor=crm.world.actor("alice"), change_id=change.id)


def test_what_nobody_decides_expires(crm: Crm) -> None:
    change, kept = crm.propose(), crm.propose(country=[])
    Change.objects.filter(id=change.id).update(expires_at=now() - timedelta(seconds=1))
    with pytest.raises(Conflict, match="has expired"):
        crm.approve(change)
    with as_role("scheduler"):
        assert services.expire() == 1
        assert services.expire() == 0
    assert set(Change.objects.values_list("id", "state")) == {(change.id, "EXPIRED"), (kept.id, "OPEN")}


def test_a_proposal_that_changes_nothing_is_refused(crm: Crm) -> None:
    crm.approve(crm.propose())
    crm.apply()
    with pytest.raises(Invalid, match="active already"):
        crm.propose()


def test_reviewers_hear_of_it_and_the_author_does_not(crm: Crm) -> None:
    change = crm.propose()
    people = {crm.world.users[name].id for name in ("bob", "erin")}
    assert set(Notice.objects.values_list("user_id", "url")) == {(key, f"/changes/{change.number}/") for key in people}
    mails = list(Delivery.objects.all())
    assert {mail.user_id for mail in mails} == people
    assert change.sentence in mails[0].body
    assert f"/changes/{change.number}/" in mails[0].body
    assert "approve" not in mails[0].body.lower()


def test_the_inbox_shows_what_needs_me_until_i_judged(crm: Crm) -> None:
    change = crm.propose()
    mine = selectors.Filters(show="needs-me")
    with as_role("web"):
        for name, expected in (("bob", [change.number]), ("alice", []), ("dora", [])):
            found = selectors.changes(crm.world.actor(name), mine)
            assert [row.number for row in found.rows] == expected, name
        assert selectors.waiting_count(crm.world.actor("bob")) == 1
    crm.approve(change)
    assert selectors.waiting_count(crm.world.actor("bob")) == 0


def test_a_stranger_sees_no_change(crm: Crm) -> None:
    change = crm.propose()
    with as_role("web"):
        with pytest.raises(Denied):
            selectors.changes(crm.world.actor("charlie"), selectors.Filters())
        with pytest.raises(NotFound):
            selectors.change(crm.world.actor("charlie"), change.number)


def test_a_proposal_may_hold_no_character_that_the_database_cannot(crm: Crm) -> None:
    with pytest.raises((Invalid, NotFound)):
        crm.propose(email=["pii.\x00"])


def test_the_reason_for_refusing_is_a_sentence(crm: Crm) -> None:
    """Between approval and appliance somebody else classified the same table."""
    first, second = crm.propose(), crm.propose(email=["pii.name"])
    crm.approve(first)
    crm.approve(second)
    crm.apply()
    refused = crm.apply()
    assert refused is not None
    assert (refused.number, refused.state) == (second.number, "REFUSED")
    assert refused.outcome == (
        "What it changes has moved from version 0 to version 1 since it was proposed. "
        "Propose it again on what is active now. Nothing was written."
    )
    assert crm.tags() == {"email": ["pii.contact.email"]}


def test_admin_sees_what_is_proposed_for_the_organisation(world: World) -> None:
    with as_role("web"):
        change = services.propose(
            actor=world.actor("admin"),
            kind="membership",
            team_id=None,
            proposal={"email": "frank@acme.example", "name": "Frank", "team": "crm", "roles": ["viewer"]},
        )
        found = selectors.changes(world.actor("admin"), selectors.Filters())
        assert [row.number for row in found.rows] == [change.number]
        assert [row.number for row in selectors.changes(world.actor("erin"), selectors.Filters()).rows] == [
            change.number
        ]
        assert selectors.changes(world.actor("alice"), selectors.Filters()).rows == []
    assert "Frank" not in Delivery.objects.first().body
