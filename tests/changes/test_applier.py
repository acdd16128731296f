"""The applier believes nothing but the rows: it derives everything again, and any difference refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.accounts.models import Membership, Organisation
from apps.audit.models import Event
from apps.changes import services
from apps.changes.models import Change, Participant
from apps.core.clock import now
from apps.policies.models import Policy
from apps.sources.models import Classification
from tests.support import World, as_role

from .support import Crm


def refused(crm: Crm, change: Change) -> str:
    """The applier's reason; and that nothing was written."""
    before = Classification.objects.count()
    assert crm.apply() == change
    change.refresh_from_db()
    assert change.state == "REFUSED"
    assert Classification.objects.count() == before
    assert Event.objects.filter(action="change.refused", subject=f"change/{change.id}").count() == 1
    return change.outcome


def test_a_reviewer_who_lost_the_role_no_longer_counts(crm: Crm) -> None:
    change = crm.approve(crm.propose())
    Membership.objects.filter(user=crm.world.users["bob"], role="reviewer").update(revoked_at=now())
    assert refused(crm, change) == "It needs 1 approval by an active reviewer, and 0 counts. Nothing was written."


def test_a_reviewer_who_was_deactivated_no_longer_counts(crm: Crm) -> None:
    change = crm.approve(crm.propose())
    crm.world.users["bob"].is_active = False
    crm.world.users["bob"].save()
    assert "0 counts" in refused(crm, change)


def test_a_state_that_nobody_voted_for_is_not_believed(crm: Crm) -> None:
    """As if the web process had been taken over."""
    change = crm.propose()
    with as_role("web"):
        Change.objects.filter(id=change.id).update(state="APPROVED")
    assert "0 counts" in refused(crm, change)


def test_a_lowered_number_of_approvals_is_not_believed(crm: Crm) -> None:
    crm.approve(crm.propose())
    crm.apply()
    change = crm.propose(email=[])
    with as_role("web"):
        Change.objects.filter(id=change.id).update(approvals_needed=1)
    change.refresh_from_db()
    assert crm.approve(change).state == "APPROVED"
    assert refused(crm, change) == ("It needs 2 approvals by active reviewers, and 1 count. Nothing was written.")


def test_a_proposal_swapped_after_approval_is_refused(crm: Crm) -> None:
    change = crm.approve(crm.propose())
    other = {**change.proposal, "columns": []}
    with as_role("web"):
        Change.objects.filter(id=change.id).update(proposal=other)
    assert "Nothing was written." in refused(crm, change)


def test_a_binding_swapped_after_approval_is_refused(crm: Crm) -> None:
    change = crm.approve(crm.propose())
    with as_role("web"):
        Change.objects.filter(id=change.id).update(binding={**change.binding, "risk": "MEDIUM"})
    assert refused(crm, change) == "What was approved is not what is stored: its hash differs. Nothing was written."


def test_a_binding_swapped_with_its_hash_loses_its_approvals(crm: Crm) -> None:
    change, other = crm.approve(crm.propose()), crm.propose(email=[])
    with as_role("web"):
        Change.objects.filter(id=change.id).update(
            binding=other.binding, binding_hash=other.binding_hash, proposal=other.proposal
        )
    assert "0 counts" in refused(crm, change)


def test_an_expired_approval_is_refused(crm: Crm) -> None:
    change = crm.approve(crm.propose())
    Change.objects.filter(id=change.id).update(expires_at=now() - timedelta(seconds=1))
    assert refused(crm, change) == "It expired before it could be applied. Nothing was written."


def test_founding_carries_a_single_signature_and_only_while_it_is_open(crm: Crm) -> None:
    Organisation.objects.all().delete()
    Organisation.objects.create(name="Acme")
    Membership.objects.filter(user__in=[crm.world.users["bob"], crm.world.users["erin"]]).delete()
    alone = crm.propose()
    assert (alone.founding, alone.state) == (True, "APPROVED")
    assert crm.apply() == alone
    assert crm.tags() == {"email": ["pii.contact.email"]}
    late = crm.propose(email=["pii.name"])
    Organisation.objects.update(founding_closed_at=now())
    assert "founding has closed since" in refused(crm, late)


def test_a_change_that_says_founding_on_a_closed_installation_is_refused(crm: Crm) -> None:
    change = crm.propose()
    Change.objects.filter(id=change.id).update(founding=True, state="APPROVED")
    assert "founding has closed since" in refused(crm, change)


def test_a_change_that_breaks_does_not_hold_up_those_behind_it(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = crm.approve(crm.propose(country=[])), crm.approve(crm.propose(), by="erin")
    from apps.changes import kinds

    class Broken:
        def apply(self, **_: object) -> str:
            Classification.objects.all().delete()
            return "never"

    kept = kinds.KINDS["classification"]
    monkeypatch.setitem(
        kinds.KINDS, "classification", kinds._kind(kept.name, kept.label, kept.icon, kept.proposals, Broken())
    )
    assert crm.apply() == broken
    broken.refresh_from_db()
    assert broken.outcome == "It failed unexpectedly (ProgrammingError); the log has the place. Nothing was written."
    monkeypatch.undo()
    assert crm.apply() == sound


def test_the_database_lets_an_author_take_no_second_part(crm: Crm) -> None:
    change = crm.propose(by="bob")
    row = {
        "change": change,
        "person": crm.world.users["bob"],
        "part": "REVIEWER",
        "verdict": "APPROVED",
        "binding_hash": change.binding_hash,
    }
    with as_role("web"), pytest.raises(IntegrityError, match="changes_participant_pkey"), transaction.atomic():
        Participant(**row).save(force_insert=True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE changes_participant SET part = 'REVIEWER'",
        "UPDATE changes_participant SET person_id = gen_random_uuid()",
        "DELETE FROM changes_participant",
        "DELETE FROM changes_change",
        "UPDATE changes_change SET founding = true",
        "UPDATE changes_change SET expires_at = now() + interval '1 year'",
        "UPDATE changes_change SET kind = 'policy'",
        "UPDATE changes_change SET applied_at = now()",
        "INSERT INTO sources_classification SELECT * FROM sources_classification",
        "UPDATE policies_policy SET active_version = 2",
        "UPDATE policies_policyversion SET text = '{}'",
        "UPDATE pipelines_pipelineversion SET definition = '{}'",
        "UPDATE sources_connectionversion SET definition = '{}'",
        "UPDATE sources_connection SET active_version = 2",
        "UPDATE sources_classification SET tags = '{}'",
        "INSERT INTO accounts_membership SELECT * FROM accounts_membership",
        "UPDATE accounts_membership SET role = 'reviewer'",
    ],
)
def test_the_web_process_cannot_write_what_is_governed(crm: Crm, statement: str) -> None:
    crm.propose()
    with as_role("web"), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement)


def test_an_author_row_cannot_be_given_a_verdict(crm: Crm) -> None:
    change = crm.propose(by="bob")
    with as_role("web"), pytest.raises(IntegrityError, match="nobody_approves_their_own_change"), transaction.atomic():
        Participant.objects.filter(change=change).update(verdict="APPROVED", binding_hash=change.binding_hash)


def test_a_policy_is_applied_as_proposed(world: World) -> None:
    proposal = {
        "slug": "contacts",
        "name": "Contacts",
        "text": {
            "format": 1,
            "rules": [{"name": "e-mail", "tag": "pii.contact.email", "treatment": {"kind": "token"}}],
        },
    }
    with as_role("web"):
        change = services.propose(
            actor=world.actor("erin"), kind="policy", team_id=world.team.id, proposal=proposal, reason="GDPR"
        )
        for reviewer in ("bob",):
            services.approve(actor=world.actor(reviewer), change_id=change.id, seen=change.binding_hash)
    with as_role("applier"):
        applied = services.apply_next()
    assert applied is not None
    assert (applied.state, applied.outcome) == ("APPLIED", "")
    assert list(Policy.objects.values_list("slug", "active_version")) == [("contacts", 1)]
