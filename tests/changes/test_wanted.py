"""What lower parts want changed becomes a change: in the product's name, or in that of the person who asked."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import Team, User
from apps.audit.models import Event
from apps.changes import services
from apps.changes.models import Change, Participant
from apps.changes.people import LOCKGATE
from apps.core import wanted
from apps.core.models import ProposalWanted
from apps.dataplane.errors import Denied
from apps.policies import selectors as policies
from apps.policies import starter
from tests.support import PASSWORD, as_role

from .support import Crm


def want(crm: Crm, **more: object) -> ProposalWanted:
    asked = {
        "kind": "classification",
        "subject": "drift/1",
        "title": "A new column.",
        "proposal": crm.proposal(email=["pii.contact.email"]),
        "requested_by": "drift",
        "team_id": crm.world.team.id,
        **more,
    }
    with as_role("worker"):
        return wanted.want(**asked)  # type: ignore[arg-type]


def propose() -> int:
    with as_role("scheduler"):
        return services.propose_wanted()


def test_the_product_proposes_and_people_are_told(crm: Crm) -> None:
    row = want(crm)
    assert propose() == 1
    change = Change.objects.get()
    assert (change.state, change.reason, change.founding) == ("OPEN", "A new column.", False)
    assert Participant.objects.get().person.name == "lockgate"
    row.refresh_from_db()
    assert row.outcome == f"change/{change.id}"
    assert propose() == 0


def test_a_person_decides_it(crm: Crm) -> None:
    want(crm)
    propose()
    crm.approve(Change.objects.get(), by="bob")
    crm.apply()
    assert crm.tags() == {"email": ["pii.contact.email"]}


def test_the_product_never_approves(crm: Crm) -> None:
    change = crm.propose()
    with as_role("scheduler"), pytest.raises(Denied):
        services.approve(actor=LOCKGATE, change_id=change.id)
    change.refresh_from_db()
    assert change.state == "OPEN"


def test_nobody_can_sign_in_as_the_product(crm: Crm, client: Client) -> None:
    row = User.objects.get(id=LOCKGATE.id)
    assert (row.is_active, row.is_service, row.check_password("!"), row.check_password("")) == (
        False,
        True,
        False,
        False,
    )


def test_one_thing_is_wanted_once(crm: Crm) -> None:
    assert want(crm).id == want(crm).id
    assert propose() == 1


def test_what_cannot_be_proposed_ends_with_the_reason_and_holds_up_nobody(crm: Crm) -> None:
    wrong = want(crm, proposal={"connection": "'; --", "columns": []})
    right = want(crm, subject="drift/2")
    assert propose() == 2
    wrong.refresh_from_db()
    right.refresh_from_db()
    assert wrong.outcome == "There is no such connection in this team."
    assert right.outcome.startswith("change/")
    event = Event.objects.get(action="change.not_proposed")
    assert "There is no such connection in this team." in event.detail.summary


def test_a_person_who_may_not_cannot_ask_for_it_this_way(crm: Crm) -> None:
    row = want(crm, requested_by=f"person/{crm.world.users['charlie'].id}")
    propose()
    row.refresh_from_db()
    assert "may not do this (classification.propose)" in row.outcome
    assert not Change.objects.exists()


def test_what_is_wanted_for_a_team_waits_until_it_is_made(crm: Crm) -> None:
    row = want(crm, team_id=None, team_slug="sales", proposal=starter.proposal(["pci"]), kind="policy")
    assert propose() == 0
    Team.objects.create(slug="sales", name="Sales")
    assert propose() == 1
    row.refresh_from_db()
    assert row.outcome.startswith("change/")


def test_an_empty_installation_masks_from_its_first_minute(db: None, client: Client) -> None:
    form = {
        "organisation": "Acme", "team_name": "CRM", "name": "Ada", "email": "ada@acme.example",
        "time_zone": "UTC", "password": PASSWORD, "packs": ["gdpr", "hipaa-safe-harbor", "pci"],
    }  # fmt: skip
    with as_role("web"):
        assert client.post("/setup/", form).status_code == 302
    assert propose() == 0
    with as_role("applier"):
        services.apply_next()
    assert propose() == 1
    change = Change.objects.get(kind="policy")
    assert (change.state, change.founding, change.title) == ("APPROVED", True, "New policy Starter packs")
    with as_role("applier"):
        assert services.apply_next() == change
    change.refresh_from_db()
    assert change.state == "APPLIED"
    (text,) = policies.active(Team.objects.get().id)
    assert text.slug == "starter"
    assert all(starter.switched_on(text.rules, pack) for pack in starter.packs())
    assert Event.objects.filter(action="change.applied", subject=f"change/{change.id}").exists()


def test_packs_can_be_left_out_at_the_set_up_and_a_machines_signature_founds_nothing(db: None, client: Client) -> None:
    form = {
        "organisation": "Acme", "team_name": "CRM", "name": "Ada", "email": "ada@acme.example",
        "time_zone": "UTC", "password": PASSWORD,
    }  # fmt: skip
    with as_role("web"):
        page = client.get("/setup/").content.decode()
        client.post("/setup/", form)
    assert page.count(" checked>") == 3
    assert not ProposalWanted.objects.exists()
    with as_role("applier"):
        services.apply_next()
    with as_role("worker"):
        wanted.want(
            kind="policy", subject="drift/1", title="x", proposal=starter.proposal(["pci"]), requested_by="drift",
            team_slug="crm",
        )  # fmt: skip
    propose()
    assert Change.objects.filter(kind="policy").values_list("state", "founding").get() == ("OPEN", False)
