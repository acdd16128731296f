"""Which rule decides about a column, and why."""

from __future__ import annotations

import pytest

from apps.dataplane.errors import Invalid, Refusal
from apps.dataplane.plan import TableRef, TreatmentSpec
from apps.dataplane.policy import ColumnFacts, Decision, PolicyText, Rule, as_document, decide, parse

CUSTOMERS = TableRef("public", "customers")
EMAIL = ColumnFacts(CUSTOMERS, "email", "text", ("pii.contact.email",))
TOKEN, REDACT, PASS = TreatmentSpec("token"), TreatmentSpec("redact"), TreatmentSpec("pass")


def policy(*rules: Rule, slug: str = "one") -> PolicyText:
    return PolicyText(slug, 3, rules)


def decided(column: ColumnFacts, *policies: PolicyText, zone: str = "analytics") -> Decision:
    decision = decide(column, zone=zone, policies=policies)
    assert isinstance(decision, Decision)
    return decision


def refused(column: ColumnFacts, *policies: PolicyText, zone: str = "analytics") -> Refusal:
    refusal = decide(column, zone=zone, policies=policies)
    assert isinstance(refusal, Refusal)
    return refusal


def test_a_tag_reaches_everything_beneath_it():
    decision = decided(EMAIL, policy(Rule("contacts", TOKEN, tag="pii.contact")))
    assert decision.treatment == TOKEN
    assert decision.domain == "default"
    assert decision.why.sentence == (
        "email is pii.contact.email; policy one v3, rule “contacts” (tag pii.contact, every zone): "
        "replaced by a keyed token."
    )


def test_a_tag_does_not_reach_a_longer_word():
    column = ColumnFacts(CUSTOMERS, "x", "text", ("pii.contactless",))
    assert refused(column, policy(Rule("contacts", TOKEN, tag="pii.contact"))).code == "no-rule"


def test_the_deeper_tag_counts():
    rules = policy(Rule("all", REDACT, tag="pii"), Rule("mail", TOKEN, tag="pii.contact.email"))
    assert decided(EMAIL, rules).treatment == TOKEN


def test_a_column_counts_before_a_tag_and_its_full_name_before_a_pattern():
    rules = policy(
        Rule("tag", REDACT, tag="pii.contact.email"),
        Rule("pattern", PASS, column="*.email"),
        Rule("name", TOKEN, column="public.customers.email"),
    )
    assert decided(EMAIL, rules).why.rule == "name"


def test_the_named_zone_counts_before_every_zone():
    rules = policy(Rule("everywhere", REDACT, tag="pii"), Rule("here", TOKEN, tag="pii", zone="analytics"))
    assert decided(EMAIL, rules).why.rule == "here"
    assert decided(EMAIL, rules, zone="public").why.rule == "everywhere"


def test_rules_that_are_each_closer_in_one_way_are_a_conflict():
    rules = policy(Rule("zone", REDACT, tag="pii", zone="analytics"), Rule("deep", TOKEN, tag="pii.contact.email"))
    refusal = refused(EMAIL, rules)
    assert refusal.code == "conflict"
    assert "“zone” (redact)" in refusal.sentence
    assert "“deep” (token)" in refusal.sentence


def test_two_policies_that_differ_are_a_conflict_and_two_that_agree_are_none():
    one, other = policy(Rule("a", TOKEN, tag="pii")), policy(Rule("b", REDACT, tag="pii.contact"), slug="two")
    assert refused(EMAIL, one, other).code == "conflict"
    assert decided(EMAIL, one, policy(Rule("b", TOKEN, tag="pii"), slug="two")).treatment == TOKEN


def test_another_key_domain_is_another_effect():
    rules = policy(Rule("a", TOKEN, tag="pii", domain="default"), Rule("b", TOKEN, tag="pii", domain="crm"))
    assert refused(EMAIL, rules).code == "conflict"


def test_the_order_in_the_text_never_counts():
    rules = (Rule("all", REDACT, tag="pii"), Rule("mail", TOKEN, tag="pii.contact.email"))
    assert decided(EMAIL, policy(*rules)) == decided(EMAIL, policy(*reversed(rules)))


def test_an_unclassified_column_is_refused_whatever_the_rules_say():
    column = ColumnFacts(CUSTOMERS, "email", "text", None)
    assert refused(column, policy(Rule("name", TOKEN, column="public.customers.email"))).code == "unclassified"


def test_a_column_that_is_not_sensitive_passes_without_a_rule():
    column = ColumnFacts(CUSTOMERS, "country", "text", ())
    assert decided(column, policy(Rule("all", REDACT, tag="pii"))).treatment == PASS


def test_a_sensitive_column_without_a_rule_for_the_zone_is_refused():
    refusal = refused(EMAIL, policy(Rule("here", TOKEN, tag="pii", zone="restricted")))
    assert (refusal.code, refusal.subject) == ("no-rule", "public.customers.email")


def test_a_pattern_takes_hostile_names_literally():
    column = ColumnFacts(TableRef("public", "we[i]rd?"), "a", "text", ("pii",))
    assert decided(column, policy(Rule("r", TOKEN, column="public.we[i]rd?.*"))).treatment == TOKEN
    assert refused(ColumnFacts(TableRef("public", "weirdx"), "a", "text", ("pii",)),
                   policy(Rule("r", TOKEN, column="public.we[i]rd?.*"))).code == "no-rule"  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({}, "rules[0].name"),
        ({"name": "r", "tag": "pii", "zone": "moon", "treatment": {"kind": "token"}}, "rules[0].zone"),
        ({"name": "r", "tag": "PII!", "treatment": {"kind": "token"}}, "rules[0].tag"),
        ({"name": "r", "treatment": {"kind": "token"}}, "rules[0].tag"),
        ({"name": "r", "tag": "pii", "column": "a", "treatment": {"kind": "token"}}, "rules[0].tag"),
        ({"name": "r", "tag": "pii", "treatment": {"kind": "hide"}}, "rules[0].treatment.kind"),
        ({"name": "r", "tag": "pii", "treatment": {"kind": "token"}, "domain": "x"}, "rules[0].domain"),
        ({"name": "r", "tag": "pii", "treatment": {"kind": "token"}, "extra": 1}, "rules[0].extra"),
    ],
)
def test_a_wrong_rule_is_refused_at_its_place(entry, field):
    with pytest.raises(Invalid) as refused:
        parse({"format": 1, "rules": [entry]}, domains=["default"])
    assert refused.value.field == field


def test_a_text_survives_being_read_and_written():
    rules = (Rule("mail", TreatmentSpec("partial", {"keep_domain": True}), zone="analytics", tag="pii.contact.email"),)
    assert parse(as_document(rules)) == rules
