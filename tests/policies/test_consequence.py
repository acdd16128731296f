"""What a policy change means: every classified column of the team, in every zone, before and after."""

from __future__ import annotations

from typing import Any

import pytest

from apps.changes.models import Change
from apps.policies import selectors
from apps.policies.models import Policy, PolicyVersion

from .support import Crm, rule

PHONE = "pii.contact.phone"


def test_what_becomes_readable_is_said_first(crm: Crm) -> None:
    crm.activate(rule("phone", PHONE, "token"))
    change = crm.propose(
        rule("phone", PHONE, "token"), rule("phone for analysts", PHONE, "partial", zone="analytics", keep_last=4)
    )
    assert change.sentence == (
        "After approval, the last 4 characters of pii.contact.phone become readable in zone analytics for 2 columns"
        " (crm.customers.phone, crm.leads.phone)."
    )
    assert (change.risk, change.approvals_needed) == ("HIGH", 2)
    assert change.title == "Change policy Personal data"


def test_a_first_policy_opens_and_needs_one(crm: Crm) -> None:
    change = crm.propose(rule("phone", PHONE, "token"))
    assert change.sentence == (
        "After approval, pii.contact.phone may move, replaced by a keyed token, in zones restricted, analytics and"
        " public for 2 columns (crm.customers.phone, crm.leads.phone)."
    )
    assert (change.risk, change.approvals_needed, change.title) == ("MEDIUM", 1, "New policy Personal data")


def test_passing_a_sensitive_column_is_high_risk_even_where_it_was_refused(crm: Crm) -> None:
    change = crm.propose(rule("birth", "pii.birth_date", "pass", zone="restricted"))
    assert change.sentence == (
        "After approval, pii.birth_date becomes readable as it is in zone restricted for 1 column"
        " (crm.customers.birth_date)."
    )
    assert change.risk == "HIGH"


def test_a_stronger_treatment_is_low_risk(crm: Crm) -> None:
    crm.activate(rule("phone", PHONE, "partial", keep_last=4))
    change = crm.propose(rule("phone", PHONE, "drop"))
    assert change.sentence == (
        "After approval, pii.contact.phone is left out instead of the last 4 characters stay readable in zones"
        " restricted, analytics and public for 2 columns (crm.customers.phone, crm.leads.phone)."
    )
    assert (change.risk, change.approvals_needed) == ("LOW", 1)


def test_a_removed_rule_refuses(crm: Crm) -> None:
    crm.activate(rule("phone", PHONE, "token"), rule("birth", "pii.birth_date", "drop"))
    change = crm.propose(rule("birth", "pii.birth_date", "drop"))
    assert change.sentence == (
        "After approval, pii.contact.phone is refused, because no rule says what happens to it, in zones restricted,"
        " analytics and public for 2 columns (crm.customers.phone, crm.leads.phone)."
    )
    assert change.risk == "MEDIUM"


def test_a_conflict_with_another_policy_refuses(crm: Crm) -> None:
    crm.activate(rule("phone", PHONE, "token"))
    change = crm.propose(rule("phone too", PHONE, "drop"), slug="other", name="Other")
    assert "is refused, because two rules disagree," in change.sentence
    assert change.risk == "MEDIUM"


def test_another_key_domain_counts_as_weaker(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.keys import selectors as keys

    monkeypatch.setattr(keys, "domains", lambda: ["default", "partners"])
    crm.activate(rule("phone", PHONE, "token"))
    change = crm.propose(rule("phone", PHONE, "token", domain="partners"))
    assert change.sentence == (
        "After approval, pii.contact.phone moves from key domain default to partners in zones restricted, analytics"
        " and public for 2 columns (crm.customers.phone, crm.leads.phone)."
    )
    assert change.risk == "HIGH"


def test_a_weaker_rule_for_a_tag_that_no_column_has_yet_counts_today(crm: Crm) -> None:
    crm.activate(rule("cards", "financial.card", "token"))
    change = crm.propose(rule("cards", "financial.card", "pass"))
    assert change.sentence == (
        "After approval, financial.card becomes readable as it is in zones restricted, analytics and public (no column"
        " has it yet)."
    )
    assert change.risk == "HIGH"


def test_a_name_pattern_that_fits_no_column_yet_counts_today(crm: Crm) -> None:
    crm.activate(rule("all", "pii", "token"))
    change = crm.propose(rule("all", "pii", "token"), rule("open", "archive.*.email", "pass"))
    assert change.risk == "HIGH"
    assert "archive.*.email becomes readable as it is" in change.sentence


def test_a_name_pattern_weakens_only_the_columns_it_fits(crm: Crm) -> None:
    crm.activate(rule("phone", PHONE, "token"))
    change = crm.propose(
        rule("phone", PHONE, "token"), rule("leads", "crm.leads.phone", "partial", zone="public", keep_first=2)
    )
    assert change.sentence.startswith(
        "After approval, the first 2 characters of pii.contact.phone become readable in zone public for 1 column"
        " (crm.leads.phone)"
    )
    assert change.risk == "HIGH"


def test_several_effects_are_counted_and_listed(crm: Crm) -> None:
    crm.activate(rule("all", "pii.contact", "token"), rule("birth", "pii.birth_date", "drop"))
    change = crm.propose(
        rule("mail", "pii.contact.email", "pass"),
        rule("phone", PHONE, "drop"),
        rule("birth", "pii.birth_date", "date_truncate", unit="year"),
    )
    assert change.sentence == (
        "After approval, pii.contact.email becomes readable as it is in zones restricted, analytics and public"
        " for 1 column (crm.customers.email); and 3 more effects."
    )
    assert [reason.partition(":")[0] for reason in change.risk_reasons] == [
        "Weakens",
        "Weakens",
        "Refuses",
        "Strengthens",
    ]


def test_another_name_changes_nothing_for_columns(crm: Crm) -> None:
    crm.activate(rule("phone", PHONE, "token"))
    change = crm.propose(rule("phone", PHONE, "token"), name="Another name")
    assert change.sentence == "After approval, nothing changes for any column."
    assert (change.risk, change.risk_reasons) == ("LOW", ["No column is treated differently."])


def test_thousands_of_columns_cost_as_much_as_their_tags(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.policies import effects

    asked: list[Any] = []
    decide = effects.decide
    monkeypatch.setattr(effects, "decide", lambda *args, **kwargs: asked.append(args) or decide(*args, **kwargs))
    crm.propose(rule("phone", PHONE, "token"))
    few = len(asked)
    crm.add("wide", {f"phone{number}": [PHONE] for number in range(200)})
    asked.clear()
    Change.objects.update(state=Change.WITHDRAWN)
    change = crm.propose(rule("phone", PHONE, "token"))
    assert "for 202 columns" in change.sentence
    assert len(asked) == few


def test_weaker_takes_two_reviewers_who_are_not_the_author(crm: Crm) -> None:
    crm.activate(rule("phone", PHONE, "token"))
    crm.world.add("frida", ["reviewer"])
    change = crm.propose(rule("phone", PHONE, "pass"))
    assert crm.approve(change, "erin").state == Change.OPEN
    assert crm.approve(change, "frida").state == Change.APPLIED
    policy = Policy.objects.get()
    assert policy.active_version == 2
    assert list(PolicyVersion.objects.order_by("number").values_list("number", "change")) == [
        (1, "change/test"),
        (2, f"change/{change.id}"),
    ]
    assert selectors.active(crm.world.team.id)[0].rules[0].treatment.kind == "pass"
