"""Effects are found for groups of columns; they must be what asking for every single column would find."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from apps.dataplane.errors import Refusal
from apps.dataplane.plan import TableRef, TreatmentSpec
from apps.dataplane.policy import ZONES, ColumnFacts, PolicyText, Rule, decide
from apps.policies import effects

TAGS = ("pii.name", "pii.contact.email", "pii.contact.phone", "financial.iban")
SELECTORS = ("pii", "pii.contact", *TAGS, "crm.*.phone", "*.c1", "crm.t1.*", "crm.t0.c0", "*")
TREATMENTS = (
    TreatmentSpec("token"),
    TreatmentSpec("drop"),
    TreatmentSpec("pass"),
    TreatmentSpec("partial", {"keep_last": 4}),
)


@pytest.mark.parametrize("seed", range(60))
def test_grouping_finds_exactly_what_single_columns_show(seed: int) -> None:
    chance = random.Random(seed)
    facts = [_fact(chance, number) for number in range(25)]
    old = [_policy(chance, "a"), _policy(chance, "b")]
    new = [old[0], _altered(chance, old[1])] if seed % 2 else [_policy(chance, "a"), old[1]]
    told: dict[tuple[str, str], tuple[str, str]] = {}
    for effect in effects.effects(old, new, facts, TAGS):
        for path in effect.columns:
            for zone in effect.zones:
                assert (path, zone) not in told
                told[path, zone] = (_word(effect.before), _word(effect.after))
    assert told == _one_by_one(facts, old, new)


@pytest.mark.parametrize("seed", range(20))
def test_reach_is_what_each_selector_fits(seed: int) -> None:
    chance = random.Random(seed)
    facts, policy = [_fact(chance, number) for number in range(25)], _policy(chance, "a")
    for name, paths in effects.reach(policy.rules, facts).items():
        rule = next(one for one in policy.rules if one.name == name)
        alone = [PolicyText("alone", 1, (Rule("alone", TREATMENTS[0], "*", rule.tag, rule.column),))]
        fits = [
            fact.path
            for fact in facts
            if not isinstance(found := decide(fact, zone="public", policies=alone), Refusal) and found.why.policy
        ]
        assert list(paths) == fits


def _one_by_one(
    facts: Sequence[ColumnFacts], old: Sequence[PolicyText], new: Sequence[PolicyText]
) -> dict[tuple[str, str], tuple[str, str]]:
    found = {}
    for fact in facts:
        for zone in ZONES:
            pair = tuple(_word(decide(fact, zone=zone, policies=policies)) for policies in (old, new))
            if pair[0] != pair[1]:
                found[fact.path, zone] = pair
    return found  # type: ignore[return-value]


def _word(outcome: object) -> str:
    return "refused" if isinstance(outcome, Refusal) else str(outcome.treatment)  # type: ignore[attr-defined]


def _fact(chance: random.Random, number: int) -> ColumnFacts:
    tags = tuple(sorted(chance.sample(TAGS, chance.randrange(3))))
    name = chance.choice(("phone", "c1", f"c{number}"))
    return ColumnFacts(TableRef(chance.choice(("crm", "hr")), f"t{number}"), name, "text", tags)


def _policy(chance: random.Random, slug: str) -> PolicyText:
    return PolicyText(slug, 1, tuple(_rule(chance, number) for number in range(chance.randrange(1, 6))))


def _altered(chance: random.Random, policy: PolicyText) -> PolicyText:
    kept = [rule for rule in policy.rules if chance.random() < 0.7]
    return PolicyText(policy.slug, 2, (*kept, _rule(chance, 99)))


def _rule(chance: random.Random, number: int) -> Rule:
    selector = chance.choice(SELECTORS)
    named = {"column": selector} if "*" in selector or selector == "crm.t0.c0" else {"tag": selector}
    return Rule(f"r{number}", chance.choice(TREATMENTS), chance.choice(("*", *ZONES)), **named)
