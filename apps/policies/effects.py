"""What a change of policies does to columns: decisions before and after, compared for every column and zone. Pure.

Columns that no rule can tell apart share one decision, so that thousands of columns cost as much as their tags. Tags
and name patterns that no column has yet are tried as well: a rule that will reach tomorrow's columns counts today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apps.dataplane import treatments
from apps.dataplane.errors import Refusal
from apps.dataplane.plan import TableRef
from apps.dataplane.policy import ZONES, ColumnFacts, Decision, PolicyText, Rule, decide, under

Outcome = Decision | Refusal
Kind = tuple[str, ...]


@dataclass(frozen=True)
class Effect:
    """One kind of change, in some zones, for some columns. `what` is their tags; no columns: none has them yet."""

    what: str
    zones: tuple[str, ...]
    before: Outcome
    after: Outcome
    columns: tuple[str, ...]

    @property
    def weakens(self) -> bool:
        """Whether more may become readable or linkable than before."""
        if isinstance(self.after, Refusal):
            return False
        if isinstance(self.before, Refusal):
            return self.after.treatment.kind == "pass"
        other_domain = bool(self.after.domain) and self.after.domain != self.before.domain and bool(self.before.domain)
        return treatments.weaker(self.before.treatment, self.after.treatment) or other_domain

    @property
    def opens(self) -> bool:
        """Whether columns that were refused may move."""
        return isinstance(self.before, Refusal) and isinstance(self.after, Decision)

    @property
    def refuses(self) -> bool:
        return isinstance(self.before, Decision) and isinstance(self.after, Refusal)


@dataclass(frozen=True)
class _Group:
    """Columns about which every rule says the same, and one of them to ask."""

    what: str
    one: ColumnFacts
    columns: tuple[str, ...]


def effects(
    before: Sequence[PolicyText], after: Sequence[PolicyText], facts: Iterable[ColumnFacts], tags: Iterable[str]
) -> tuple[Effect, ...]:
    """Every difference, what weakens first. `tags` are the known tags."""
    rules = [rule for policy in (*before, *after) for rule in policy.rules]
    found: dict[tuple[str, Kind, Kind], list[tuple[str, Outcome, Outcome, _Group]]] = {}
    for group in (*_groups(facts, rules), *_probes(rules, tags)):
        for zone in ZONES:
            one, other = (decide(group.one, zone=zone, policies=policies) for policies in (before, after))
            if _kind(one) != _kind(other):
                found.setdefault((group.what, _kind(one), _kind(other)), []).append((zone, one, other, group))
    merged = [_merge(what, cases) for (what, _one, _other), cases in found.items()]
    return tuple(sorted(merged, key=_gravity))


def _gravity(effect: Effect) -> tuple[int, bool, int, str]:
    """What weakens most comes first, and what columns have before what none has."""
    readable = isinstance(effect.after, Decision) and effect.after.treatment.kind == "pass"
    marks = (effect.weakens and readable, effect.weakens, effect.opens, effect.refuses, True)
    return marks.index(True), not effect.columns, -len(effect.columns), effect.what


def _merge(what: str, cases: Sequence[tuple[str, Outcome, Outcome, _Group]]) -> Effect:
    zones = tuple(zone for zone in ZONES if any(case[0] == zone for case in cases))
    columns = tuple(sorted({path for case in cases for path in case[3].columns}))
    return Effect(what, zones, cases[0][1], cases[0][2], columns)


def _kind(outcome: Outcome) -> Kind:
    if isinstance(outcome, Refusal):
        return ("refused",)
    return ("treated", str(outcome.treatment), str(outcome.treatment.version), outcome.domain)


def _groups(facts: Iterable[ColumnFacts], rules: Sequence[Rule]) -> list[_Group]:
    patterns = sorted({rule.column for rule in rules if rule.column})
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[ColumnFacts]] = {}
    for fact in facts:
        fits = tuple(pattern for pattern in patterns if matches(_by_name(pattern, rules), fact))
        found.setdefault((fact.tags or (), fits), []).append(fact)
    return [
        _Group(", ".join(tags) or "none", members[0], tuple(member.path for member in members))
        for (tags, _fits), members in found.items()
    ]


def _by_name(pattern: str, rules: Sequence[Rule]) -> Rule:
    return next(rule for rule in rules if rule.column == pattern)


def _probes(rules: Sequence[Rule], tags: Iterable[str]) -> list[_Group]:
    """A column for each tag, and for each name pattern one of each kind of tag, none of which exists."""
    known = sorted({*tags, *(rule.tag for rule in rules if rule.tag)})
    nowhere = TableRef("", "")
    found = [_Group(tag, ColumnFacts(nowhere, "", "text", (tag,)), ()) for tag in known]
    roots = sorted({tag.partition(".")[0] for tag in known})
    for pattern in sorted({rule.column for rule in rules if rule.column}):
        place = _place(pattern)
        if place:
            found += [_Group(pattern, ColumnFacts(place[0], place[1], "text", (root,)), ()) for root in roots]
    return found


def _place(pattern: str) -> tuple[TableRef, str] | None:
    """A column that the pattern fits; None for a pattern that no `schema.table.column` can fit."""
    filled = pattern.replace("*", "x")
    if filled.count(".") < 2 and "*" in pattern:
        filled = pattern.replace("*", "x.x.x", 1).replace("*", "x")
    parts = filled.split(".", 2)
    return (TableRef(parts[0], parts[1]), parts[2]) if len(parts) == 3 else None


def matches(rule: Rule, fact: ColumnFacts) -> bool:
    """Whether the rule's selector fits the column, whatever other rules say."""
    if rule.tag:
        return any(under(tag, rule.tag) for tag in fact.tags or ())
    alone = PolicyText("alone", 1, (rule,))
    zone = ZONES[0] if rule.zone == "*" else rule.zone
    outcome = decide(fact, zone=zone, policies=(alone,))
    return isinstance(outcome, Decision) and outcome.why.policy == "alone"


def reach(rules: Sequence[Rule], facts: Sequence[ColumnFacts]) -> Mapping[str, tuple[str, ...]]:
    """The columns that each rule's selector fits, by the rule's name."""
    return {rule.name: tuple(fact.path for fact in facts if matches(rule, fact)) for rule in rules}
