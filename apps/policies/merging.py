"""Merges starter packs into one policy: for each tag and zone the strictest treatment that any of them asks for.

One policy, because two policies that differ about a column are a conflict; a rule that somebody made stricter is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.functional import Promise

from apps.dataplane import treatments
from apps.dataplane.classify.suggesting import noun
from apps.dataplane.plan import TableRef, TreatmentSpec
from apps.dataplane.policy import (
    ANY,
    DEFAULT_DOMAIN,
    LONGEST_NOTE,
    ZONES,
    ColumnFacts,
    Decision,
    PolicyText,
    Rule,
    as_document,
    decide,
    under,
)

PUBLIC = "public"
NULL = TreatmentSpec("null")
_NOWHERE = TableRef("any", "table")
Text = str | Promise


@dataclass(frozen=True)
class Item:
    """One thing that a pack names: the tags that stand for it, what becomes of them, and what remains to be done."""

    reference: str
    name: Text
    tags: tuple[str, ...] = ()
    treatment: TreatmentSpec | None = None
    public: TreatmentSpec | None = None
    gap: Text = ""

    def rules(self, zone: str) -> TreatmentSpec | None:
        """What the pack asks for in a zone."""
        return self.public if zone == PUBLIC and self.public else self.treatment


@dataclass(frozen=True)
class Pack:
    """A starter pack. `classification_map` says for each tag of detection which of its items it stands for.

    `retention_defaults` are what the retention part offers: {tag, keep: {amount, unit}, action, why}.
    """

    slug: str
    name: Text
    sentence: Text
    for_whom: Text
    items: tuple[Item, ...]
    retention_defaults: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def policy_text(self) -> dict[str, Any]:
        """The pack alone, as the text of a policy."""
        return as_document(merged((), [self]))

    @property
    def classification_map(self) -> dict[str, tuple[str, ...]]:
        tags = {tag for item in self.items for tag in item.tags}
        return {tag: tuple(item.reference for item in self.items if tag in item.tags) for tag in sorted(tags)}

    @property
    def gaps(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.gap)


def merged(rules: Sequence[Rule], wanted: Sequence[Pack]) -> tuple[Rule, ...]:
    """The rules with the packs added: for each tag and zone the strictest of what stands and what they ask for."""
    found = list(rules)
    for tag in sorted({tag for pack in wanted for item in pack.items for tag in item.tags}):
        found = _with_tag(found, tag, wanted)
    return tuple(found)


def switched_on(rules: Sequence[Rule], pack: Pack) -> bool:
    """Whether rules are at least as strict as the pack, everywhere."""
    tags = {tag for item in pack.items for tag in item.tags}
    return bool(rules) and all(
        holds(_decided(rules, tag, zone), asked)
        for tag in tags
        for zone in ZONES
        if (asked := _asked([pack], tag, zone))
    )


def holds(decision: Decision | None, asked: TreatmentSpec) -> bool:
    """Whether a decision is at least as strict as what is asked for."""
    return decision is not None and not treatments.weaker(asked, decision.treatment)


def _with_tag(rules: list[Rule], tag: str, wanted: Sequence[Pack]) -> list[Rule]:
    asked = {zone: spec for zone in ZONES if (spec := _asked(wanted, tag, zone))}
    stands = {zone: _decided(rules, tag, zone) for zone in ZONES}
    if all(holds(stands[zone], spec) for zone, spec in asked.items()) and _named(rules, tag):
        return [_noting(rule, tag, wanted) for rule in rules]
    after = {zone: _stricter(stands[zone], spec) for zone, spec in asked.items()}
    kept = [rule for rule in rules if rule.tag != tag or rule.purpose != ANY]
    # A rule for a tag above and one zone is as close as a deeper tag's for every zone: they would disagree.
    apart = {rule.zone for rule in kept if rule.tag and rule.tag != tag and under(tag, rule.tag)} - {ANY}
    noted = next((rule.note for rule in rules if rule.tag == tag and rule.purpose == ANY), "")
    return [*kept, *_rules(tag, after, apart, _joined(noted, tag, wanted), {rule.name for rule in kept})]


def _named(rules: Iterable[Rule], tag: str) -> bool:
    return any(rule.tag == tag for rule in rules)


def _rules(tag: str, after: Mapping[str, Rule], apart: set[str], note: str, taken: set[str]) -> list[Rule]:
    """One rule for every zone, and one more for each zone that differs or must be named."""
    usual = after[ZONES[0]]
    made = [replace(usual, name=_free(noun(tag), taken), zone=ANY, tag=tag, note=note)]
    for zone, rule in after.items():
        if zone in apart or (rule.treatment, rule.domain) != (usual.treatment, usual.domain):
            made.append(replace(rule, name=_free(f"{noun(tag)} in {zone}", taken), zone=zone, tag=tag, note=note))
    return made


def _free(name: str, taken: set[str]) -> str:
    """A name that a rule may have and no other has."""
    plain = "".join(letter for letter in name if letter.isalnum() or letter in " _.-")[:70]
    number = 2
    found = plain
    while found in taken:
        found, number = f"{plain} {number}", number + 1
    taken.add(found)
    return found


def _stricter(stands: Decision | None, asked: TreatmentSpec) -> Rule:
    if stands is not None and not treatments.weaker(asked, stands.treatment):
        return Rule("", stands.treatment, domain=stands.domain or DEFAULT_DOMAIN)
    return Rule("", asked)


def _asked_of(pack: Pack, tag: str, zone: str) -> TreatmentSpec | None:
    specs = [spec for item in pack.items if tag in item.tags and (spec := item.rules(zone))]
    return strictest(specs)


def _asked(wanted: Sequence[Pack], tag: str, zone: str) -> TreatmentSpec | None:
    return strictest([spec for pack in wanted if (spec := _asked_of(pack, tag, zone))])


def strictest(specs: Sequence[TreatmentSpec]) -> TreatmentSpec | None:
    """The treatment that provably tells no more than any other of them; the earlier of two that are equally strict."""
    for spec in specs:
        if not any(treatments.weaker(other, spec) for other in specs if other != spec):
            return spec
    return NULL if specs else None


def _decided(rules: Sequence[Rule], tag: str, zone: str) -> Decision | None:
    probe = ColumnFacts(_NOWHERE, "column", "text", (tag,))
    if not rules:
        return None
    found = decide(probe, zone=zone, policies=[PolicyText("starter", 1, tuple(rules))])
    return found if isinstance(found, Decision) else None


def _joined(note: str, tag: str, wanted: Sequence[Pack]) -> str:
    """The note, naming every pack that the rule now serves."""
    told = [
        f"{pack.name} {', '.join(item.reference for item in pack.items if tag in item.tags)}"
        for pack in wanted
        if any(tag in item.tags for item in pack.items)
    ]
    return "; ".join(filter(None, (note, *(one for one in told if one not in note))))[:LONGEST_NOTE]


def _noting(rule: Rule, tag: str, wanted: Sequence[Pack]) -> Rule:
    return replace(rule, note=_joined(rule.note, tag, wanted)) if rule.tag == tag else rule
