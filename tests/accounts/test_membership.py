"""A membership is a change: what it says, what its approval would mean, and that the applier alone writes it."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts import apply, proposals, selectors
from apps.accounts.models import Membership, Organisation, Team, User
from apps.audit.models import Event
from apps.core.clock import now
from apps.core.governed import Current
from apps.core.models import Job
from apps.dataplane.errors import Conflict, Invalid
from tests.support import World, as_role

ZOE = {"email": "Zoe@acme.example", "name": "Zoe", "team": "crm", "roles": ["reviewer", "viewer"]}


def carry_out(proposal: dict[str, Any], **more: Any) -> str:
    full = proposals.normalise(proposal)
    target = more.pop("target", proposals.target(full))
    version = more.pop("base_version", proposals.current(target).version)
    with as_role("applier"):
        return apply.apply(proposal=full, target=target, base_version=version, change="change/7")


def test_a_proposal_is_completed_and_sorted(world: World) -> None:
    assert proposals.normalise(ZOE, team_id=world.team.id) == {
        "email": "zoe@acme.example",
        "name": "Zoe",
        "team": "crm",
        "team_name": "",
        "roles": ["viewer", "reviewer"],
        "organisation_roles": [],
    }


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"name": ""}, "name"),
        ({"team": "sales"}, "team"),
        ({"team": ""}, "team"),
        ({"team": "new", "team_name": "New"}, "team"),
        ({"roles": ["administrator"]}, "roles"),
        ({"roles": "reviewer"}, "roles"),
        ({"organisation_roles": ["reviewer"]}, "organisation_roles"),
        ({"is_superuser": True}, "is_superuser"),
    ],
)
def test_a_wrong_proposal_names_its_field(world: World, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        proposals.normalise({**ZOE, **wrong})
    assert refused.value.field == field


def test_a_membership_of_another_team_than_the_change_is_refused(world: World) -> None:
    other = Team.objects.create(slug="sales", name="Sales")
    with pytest.raises(Invalid, match="another team"):
        proposals.normalise(ZOE, team_id=other.id)


def test_the_target_of_a_new_person_does_not_hold_their_address(world: World) -> None:
    target = proposals.target(proposals.normalise(ZOE))
    assert target.startswith("membership/new/crm/")
    assert "zoe" not in target
    assert proposals.current(target) == Current(0, None)


def test_what_is_held_now_has_the_form_of_a_proposal_and_a_version_that_moves(world: World) -> None:
    bob = {"email": "bob@acme.example", "team": "crm", "roles": ["reviewer"]}
    target = proposals.target(proposals.normalise(bob))
    assert target == f"membership/crm/{world.users['bob'].id}"
    before = proposals.current(target)
    assert (before.version, before.proposal["roles"]) == (2, ["steward", "reviewer"])
    assert proposals.normalise(before.proposal) == before.proposal
    Membership.objects.filter(user=world.users["bob"], role="steward").update(revoked_at=now(), revoked_by="person/x")
    after = proposals.current(target)
    assert (after.version, after.proposal["roles"]) == (3, ["reviewer"])


def test_the_consequence_says_what_the_person_could_do_and_how_risky_that_is(world: World) -> None:
    said = proposals.consequence(None, proposals.normalise({**ZOE, "roles": ["reviewer"]}))
    assert said.title == "Make Zoe reviewer"
    assert said.sentence == "After approval, Zoe can approve what others propose in CRM."
    assert said.risk == "HIGH"
    assert said.reasons == (
        "It grants the role reviewer.",
        "This person is not active yet and gets an invitation by mail.",
    )
    assert proposals.consequence(None, proposals.normalise({**ZOE, "roles": ["engineer"]})).risk == "MEDIUM"
    assert proposals.consequence(None, proposals.normalise({**ZOE, "roles": ["viewer"]})).risk == "LOW"


def test_taking_a_role_away_is_said_as_well(world: World) -> None:
    before = proposals.current(f"membership/crm/{world.users['bob'].id}").proposal
    said = proposals.consequence(before, {**before, "roles": ["steward"]})
    assert (said.title, said.risk) == ("Take reviewer from Bob", "LOW")
    assert said.sentence == "Bob can no longer approve what others propose in CRM."


def test_the_text_is_stable(world: World) -> None:
    assert proposals.text(proposals.normalise(ZOE)) == (
        "person: zoe@acme.example\nname: Zoe\nteam: crm\nroles:\n  - viewer\n  - reviewer\norganisation roles: none\n"
    )


def test_applying_makes_an_inactive_person_with_the_roles_and_an_invitation(world: World) -> None:
    subject = carry_out(ZOE)
    zoe = User.objects.get(email="zoe@acme.example")
    assert subject == f"person/{zoe.id}"
    assert (zoe.is_active, zoe.has_usable_password()) == (False, False)
    rows = Membership.objects.filter(user=zoe).order_by("role").values_list("role", "team__slug", "granted_by")
    assert list(rows) == [("reviewer", "crm", "change/7"), ("viewer", "crm", "change/7")]
    assert list(Job.objects.values_list("kind", "subject")) == [("account.mail", f"invitation/{zoe.id}")]
    assert sorted(Event.objects.values_list("action", flat=True)) == ["role.granted", "role.granted"]


def test_applying_gives_exactly_the_proposed_roles(world: World) -> None:
    carry_out({"email": "bob@acme.example", "team": "crm", "roles": ["engineer", "reviewer"]})
    held = Membership.objects.filter(user=world.users["bob"], revoked_at=None).values_list("role", "granted_by")
    assert sorted(held) == [("engineer", "change/7"), ("reviewer", "change/of-the-test")]
    gone = Membership.objects.get(user=world.users["bob"], role="steward")
    assert gone.revoked_by == "change/7"
    assert not Job.objects.exists()


def test_roles_that_moved_meanwhile_are_a_conflict_and_nothing_is_written(world: World) -> None:
    bob = {"email": "bob@acme.example", "team": "crm", "roles": ["viewer"]}
    with pytest.raises(Conflict):
        carry_out(bob, base_version=1)
    held = Membership.objects.filter(user=world.users["bob"], revoked_at=None).values_list("role", flat=True)
    assert sorted(held) == ["reviewer", "steward"]


def test_a_person_whom_another_change_made_first_is_a_conflict(world: World) -> None:
    target = proposals.target(proposals.normalise(ZOE))
    carry_out(ZOE)
    with pytest.raises(Conflict):
        carry_out(ZOE, target=target, base_version=0)
    assert Membership.objects.filter(user__email="zoe@acme.example").count() == 2


def test_a_new_team_comes_with_its_first_member(world: World) -> None:
    carry_out({**ZOE, "team": "sales", "team_name": "Sales"})
    assert Team.objects.get(slug="sales").name == "Sales"
    assert Membership.objects.filter(team__slug="sales").count() == 2


def test_who_was_deactivated_comes_back_by_a_change_and_a_new_invitation(world: World) -> None:
    alice = world.users["alice"]
    User.objects.filter(id=alice.id).update(is_active=False, deactivated_at=now())
    carry_out({"email": "alice@acme.example", "team": "crm", "roles": ["viewer", "engineer"]})
    alice.refresh_from_db()
    assert (alice.is_active, alice.deactivated_at) == (False, None)
    assert Job.objects.get().subject == f"invitation/{alice.id}"


class TestFounding:
    """It is open while one person could review alone, and closes for ever when a second one can."""

    @pytest.fixture
    def founding(self, world: World) -> World:
        Membership.objects.all().delete()
        Organisation.objects.all().delete()
        Organisation.objects.create(name="Acme")
        Membership.objects.create(user=world.users["alice"], team=world.team, role="reviewer", granted_by="change/1")
        return world

    def test_it_is_open_for_one_reviewer(self, founding: World) -> None:
        assert selectors.founding_open() is True

    def test_there_is_no_founding_without_an_organisation(self, db: None) -> None:
        assert selectors.founding_open() is False

    def test_an_invited_reviewer_does_not_close_it_yet(self, founding: World) -> None:
        carry_out(ZOE)
        assert selectors.founding_open() is True
        User.objects.filter(email="zoe@acme.example").update(is_active=True, activated_at=now())
        assert selectors.founding_open() is False

    def test_two_roles_of_one_person_are_one_reviewer(self, founding: World) -> None:
        sales = Team.objects.create(slug="sales", name="Sales")
        Membership.objects.create(user=founding.users["alice"], team=sales, role="reviewer", granted_by="change/2")
        assert selectors.founding_open() is True

    def test_applying_a_second_active_reviewer_closes_it_for_ever(self, founding: World) -> None:
        carry_out({"email": "bob@acme.example", "team": "crm", "roles": ["reviewer"]})
        assert Organisation.objects.get().founding_closed_at is not None
        assert Event.objects.filter(action="founding.closed").count() == 1
        Membership.objects.filter(user=founding.users["bob"]).update(revoked_at=now(), revoked_by="person/x")
        assert selectors.founding_open() is False

    def test_it_stays_closed_when_the_second_reviewer_goes_before_anybody_wrote_it_down(self, founding: World) -> None:
        second = Membership.objects.create(
            user=founding.users["bob"], team=founding.team, role="reviewer", granted_by="change/2"
        )
        Membership.objects.filter(id=second.id).update(created_at=founding.users["bob"].created_at)
        later = founding.users["bob"].created_at.replace(year=2999)
        Membership.objects.filter(id=second.id).update(revoked_at=later, revoked_by="person/x")
        assert selectors.founding_open() is False
        with as_role("applier"):
            assert apply.close_founding() is True
            assert apply.close_founding() is False
        assert Organisation.objects.get().founding_closed_at is not None

    def test_a_reviewer_who_comes_back_does_not_open_it_again(self, founding: World) -> None:
        bob = founding.users["bob"]
        Membership.objects.create(user=bob, team=founding.team, role="reviewer", granted_by="change/2")
        Membership.objects.filter(user=bob).update(revoked_at=bob.created_at.replace(year=2999), revoked_by="person/x")
        User.objects.filter(id=bob.id).update(
            is_active=False, activated_at=bob.created_at, deactivated_at=bob.created_at.replace(year=2999)
        )
        carry_out({"email": "bob@acme.example", "team": "crm", "roles": ["reviewer"]})
        bob.refresh_from_db()
        assert bob.activated_at is None
        assert selectors.founding_open() is False
