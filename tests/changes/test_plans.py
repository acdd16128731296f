"""A change shows, and binds, how every pipeline that it touches would treat each column, before and after."""

from __future__ import annotations

import pytest

from apps.changes import plans, selectors, services
from apps.changes.models import Change
from apps.keys import services as keys
from apps.sources.models import Connection
from tests.support import as_role

from .support import Crm

REDACT, PASS = {"kind": "redact"}, {"kind": "pass"}


@pytest.fixture
def piped(crm: Crm) -> Crm:
    """The pipeline runs: e-mails are redacted, countries pass."""
    with as_role("worker"):
        keys.create_missing("extract", bytes(32))
    crm.classify(email=["pii.contact.email"], country=[])
    crm.mask(pii__contact=REDACT)
    crm.pipe()
    return crm


def treatments(change: Change, side: str) -> dict[str, str]:
    return {
        f"{plan['pipeline']}.{column['column']}": column["treatment"] or "refused"
        for plan in change.binding[side]
        for column in plan["columns"]
    }


def makers(change: Change) -> set[object]:
    return set(change.participants.exclude(part="REVIEWER").values_list("person_id", flat=True))


def approve_and_apply(crm: Crm, change: Change) -> Change:
    for reviewer in ("bob", "erin"):
        change.refresh_from_db()
        if change.state == "OPEN" and crm.world.users[reviewer].id not in makers(change):
            crm.approve(change, by=reviewer)
    applied = crm.apply()
    assert applied == change
    applied.refresh_from_db()
    return applied


def test_a_policy_change_shows_each_column_before_and_after(piped: Crm) -> None:
    change = piped.propose_policy(pii__contact={"kind": "drop"})
    assert treatments(change, "plans_before") == {
        "crm-to-warehouse.email": "redact",
        "crm-to-warehouse.country": "pass",
    }
    assert treatments(change, "plans_after") == {
        "crm-to-warehouse.email": "drop",
        "crm-to-warehouse.country": "pass",
    }
    with as_role("web"):
        shown = selectors.change(piped.world.actor("bob"), change.number)
    assert [(row.column, row.before, row.after, row.changed) for row in shown.plan] == [
        ("email", "redact", "drop", True),
        ("country", "pass", "pass", False),
    ]
    assert [check.label for check in shown.checks] == [
        "The proposal is valid",
        "Based on version 1, which is still active",
        "Plan of 1 pipeline recompiled",
        f"0 of {change.approvals_needed} approvals count",
    ]
    assert approve_and_apply(piped, change).state == "APPLIED"


def test_a_classification_that_leaves_a_column_without_a_rule_shows_that_the_pipeline_would_refuse(piped: Crm) -> None:
    change = piped.propose(country=["pii.name"])
    assert treatments(change, "plans_after")["crm-to-warehouse.country"] == "refused"


def test_a_change_that_treats_nothing_differently_touches_no_pipeline(piped: Crm) -> None:
    change = piped.propose_policy(slug="other", financial__iban=REDACT)
    assert (change.binding["plans_before"], change.binding["plans_after"]) == ([], [])


def test_another_change_that_moves_the_plan_is_named_when_this_one_is_refused(piped: Crm) -> None:
    """Two changes, each sound when approved: the second would bring about another plan than was reviewed."""
    policy = piped.propose_policy(pii__contact={"kind": "drop"})
    other = piped.propose(by="alice", country=["pii.contact.phone"])
    assert approve_and_apply(piped, other).state == "APPLIED"
    refused = approve_and_apply(piped, policy)
    assert (refused.state, refused.outcome) == (
        "REFUSED",
        "The plan that is active now differs from the one reviewed: "
        "crm-to-warehouse, customers.country: pass → redact. "
        "Propose it again on what is active now. Nothing was written.",
    )


def test_a_new_pipeline_since_the_review_refuses_what_would_reach_it(piped: Crm) -> None:
    change = piped.propose_policy(pii__contact={"kind": "drop"})
    piped.pipe("crm-to-partner")
    refused = approve_and_apply(piped, change)
    assert refused.state == "REFUSED"
    assert "crm-to-partner, customers.email" in refused.outcome


def test_the_page_says_when_an_open_change_no_longer_holds(piped: Crm) -> None:
    change = piped.propose_policy(pii__contact={"kind": "drop"})
    piped.classify(country=["pii.contact.phone"])
    with as_role("web"):
        shown = selectors.change(piped.world.actor("bob"), change.number)
    assert [check.label for check in shown.checks if check.state == "failed"] == [
        "The plan that is active now differs from the one reviewed: crm-to-warehouse, customers.country: pass → redact."
    ]


def test_saving_it_again_unchanged_binds_what_is_active_now(piped: Crm) -> None:
    change = piped.propose_policy(pii__contact={"kind": "drop"})
    piped.classify(country=["pii.contact.phone"])
    with as_role("web"):
        services.edit(actor=piped.world.actor("erin"), change_id=change.id, proposal=change.proposal)
        assert not selectors.change(piped.world.actor("bob"), change.number).stale
    change.refresh_from_db()
    assert change.state == "OPEN"
    assert approve_and_apply(piped, change).state == "APPLIED"


def test_another_zone_brings_other_rules_to_bear(piped: Crm) -> None:
    active = piped.mask(pii__contact=REDACT).versions.get(number=2)
    active.text["rules"].append(
        {"name": "public", "tag": "pii.contact", "zone": "public", "treatment": {"kind": "drop"}}
    )
    active.save()
    warehouse = Connection.objects.get(slug="warehouse")
    proposal = {"definition": {**warehouse.versions.get(number=1).definition, "zone": "public"}}
    before, after = plans.affected_plans("connection", f"connection/{warehouse.id}", proposal, piped.world.team.id)
    shown = [(row.column, row.before, row.after) for row in plans.table(before, after)]
    assert shown == [("email", "redact", "drop"), ("country", "pass", "pass")]


def test_beyond_fifty_pipelines_a_hash_stands_for_the_columns(piped: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MOST_PIPELINES", 1)
    piped.pipe("second")
    change = piped.propose_policy(pii__contact={"kind": "drop"})
    shown = [(plan["pipeline"], len(plan["columns"]), "hash" in plan) for plan in change.binding["plans_after"]]
    assert shown == [("crm-to-warehouse", 2, False), ("second", 0, True)]
    assert change.binding["plans_before"][1]["hash"] != change.binding["plans_after"][1]["hash"]
