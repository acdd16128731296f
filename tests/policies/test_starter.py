"""Starter packs: what each covers, that they never conflict, and that what is stricter already is kept."""

from __future__ import annotations

from itertools import combinations

import pytest

from apps.dataplane import treatments
from apps.dataplane.classify import NONE, TAGS
from apps.dataplane.errors import Invalid
from apps.dataplane.plan import TableRef, TreatmentSpec
from apps.dataplane.policy import ZONES, ColumnFacts, Decision, PolicyText, Rule, decide, parse
from apps.dataplane.retention import UNITS
from apps.policies import starter, yamltext
from apps.policies.merging import Pack

KNOWN = [tag for tag in TAGS if tag != NONE]
SUBSETS = [chosen for size in (1, 2, 3) for chosen in combinations(starter.packs(), size)]
GDPR, HIPAA, PCI = starter.packs()


def decided(rules: tuple[Rule, ...], tag: str, zone: str) -> Decision:
    column = ColumnFacts(TableRef("public", "people"), "x", "text", (tag,))
    found = decide(column, zone=zone, policies=[PolicyText("starter", 1, rules)])
    assert isinstance(found, Decision), found
    return found


def tags_of(packs: tuple[Pack, ...]) -> set[str]:
    return {tag for pack in packs for tag in pack.classification_map}


@pytest.mark.parametrize("packs", SUBSETS, ids=lambda packs: "+".join(pack.slug for pack in packs))
def test_no_choice_of_packs_conflicts_and_none_weakens_another(packs: tuple[Pack, ...]) -> None:
    together = starter.merged((), packs)
    for tag in tags_of(packs):
        for zone in ZONES:
            both = decided(together, tag, zone).treatment
            for pack in packs:
                if tag in pack.classification_map:
                    alone = decided(parse(pack.policy_text), tag, zone).treatment
                    assert not treatments.weaker(alone, both), (pack.slug, tag, zone)


@pytest.mark.parametrize("packs", SUBSETS, ids=lambda packs: "+".join(pack.slug for pack in packs))
def test_one_after_the_other_is_as_strict_as_all_at_once(packs: tuple[Pack, ...]) -> None:
    step_by_step: tuple[Rule, ...] = ()
    for pack in reversed(packs):
        step_by_step = starter.merged(step_by_step, [pack])
    assert [starter.switched_on(step_by_step, pack) for pack in packs] == [True] * len(packs)
    assert starter.merged(step_by_step, packs) == step_by_step


def test_together_they_cover_everything_that_detection_can_find() -> None:
    assert tags_of(starter.packs()) == set(KNOWN)


def test_nothing_passes_and_only_existing_treatments_are_used() -> None:
    for pack in starter.packs():
        kinds = {rule.treatment.kind for rule in parse(pack.policy_text)}
        assert kinds <= set(treatments.KINDS) - {"pass"}, pack.slug


def test_all_eighteen_identifiers_have_a_treatment() -> None:
    numbers = {item.reference.split()[0]: item for item in HIPAA.items}
    assert sorted(numbers, key=int) == [str(number) for number in range(1, 19)]
    assert all(item.tags and item.treatment for item in numbers.values())
    assert {item.reference for item in HIPAA.gaps} == {"2", "3 birth", "3 age", "14", "18"}


def test_safe_harbor_leaves_nothing_linkable() -> None:
    for rule in parse(HIPAA.policy_text):
        assert not treatments.needs_key(rule.treatment), rule.name


def test_security_codes_never_move() -> None:
    rules = parse(PCI.policy_text)
    assert {decided(rules, "financial.card.code", zone).treatment.kind for zone in ZONES} == {"drop"}
    assert [decided(rules, "financial.card", zone).treatment.kind for zone in ZONES] == ["token", "token", "redact"]


def test_what_somebody_made_stricter_is_kept() -> None:
    mine = (Rule("phones stay", TreatmentSpec("drop"), tag="pii.contact.phone"),)
    after = starter.merged(mine, [GDPR])
    assert {decided(after, "pii.contact.phone", zone).treatment.kind for zone in ZONES} == {"drop"}
    assert "phones stay" in {rule.name for rule in after}


def test_what_is_weaker_becomes_as_strict_as_the_pack() -> None:
    mine = (Rule("phones pass", TreatmentSpec("pass"), tag="pii.contact.phone"),)
    after = starter.merged(mine, [HIPAA])
    assert {decided(after, "pii.contact.phone", zone).treatment.kind for zone in ZONES} == {"redact"}


def test_a_rule_above_with_a_zone_of_its_own_does_not_make_a_conflict() -> None:
    mine = (Rule("nothing public", TreatmentSpec("drop"), zone="public", tag="pii"),)
    after = starter.merged(mine, starter.packs())
    for tag in KNOWN:
        for zone in ZONES:
            decided(after, tag, zone)


def test_each_rule_says_which_pack_asks_for_it() -> None:
    note = next(rule.note for rule in starter.merged((), starter.packs()) if rule.tag == "pii.name")
    assert note == "GDPR Art. 4(1) name; HIPAA Safe Harbor 1; PCI DSS Req. 3.2 holder"


def test_the_text_reads_back_as_it_was_written() -> None:
    text = starter.proposal(["gdpr", "pci"])["text"]
    assert parse(yamltext.read(yamltext.write(text))) == parse(text)


def test_retention_defaults_are_rules_that_retention_knows() -> None:
    for pack in starter.packs():
        assert pack.retention_defaults
        for default in pack.retention_defaults:
            assert default["tag"] in {part for tag in KNOWN for part in (tag, tag.partition(".")[0])}
            assert (default["keep"]["unit"] in UNITS, default["action"]) == (True, "delete")


@pytest.mark.parametrize("slugs", [[], ["nope"], ["gdpr", "<script>"], ["'; --"]])
def test_a_pack_that_does_not_exist_is_refused(slugs: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        starter.proposal(slugs)
    assert caught.value.field == "packs"
