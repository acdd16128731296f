"""What a change of policies does to columns: decisions before and after, compared for every column and zone. Pure.

Columns that no rule can tell apart share one decision, so that thousands of columns cost as much as their tags. Tags
and name patterns that no column has yet are tried as well: a rule that will reach tomorrow's columns counts today.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from apps.dataplane import treatments
from apps.dataplane.errors import Refusal
from apps.dataplane.plan import TableRef
from apps.dataplane.policy import ANY, ZONES, ColumnFacts, Decision, PolicyText, Rule, decide, named_by, under

Outcome = Decision | Refusal
Kind = tuple[str, ...]


@dataclass(frozen=True)
class Effect:
    """One kind of change, in some zones, for some columns. `what` is their tags; no columns: none has them yet.

    `purpose` is set where pipelines of that purpose alone are affected in this way.
    """

    what: str
    zones: tuple[str, ...]
    before: Outcome
    after: Outcome
    columns: tuple[str, ...]
    purpose: str = ""

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
    changed = _changed(before, after)
    patterns, purposes = Patterns(rules), ("", *sorted({rule.purpose for rule in rules} - {ANY}))
    found: dict[tuple[str, Kind, Kind, tuple[str, ...], str], list[Effect]] = {}
    for group in (*_groups(facts, patterns, changed), *_probes(rules, changed, tags)):
        sides = [_fitting(policies, group.one, patterns) for policies in (before, after)]
        for effect in _of_group(group, sides[0], sides[1], purposes):
            same = (effect.what, _kind(effect.before), _kind(effect.after), effect.zones, effect.purpose)
            found.setdefault(same, []).append(effect)
    merged = [replace(alike[0], columns=_columns(alike)) for alike in found.values()]
    return tuple(sorted((one for one in merged if not _said_above(one, merged)), key=_gravity))


def _said_above(effect: Effect, others: Sequence[Effect]) -> bool:
    """Whether the same happens to a tag above this one, which no column has yet either."""
    return not effect.columns and any(
        other.what != effect.what and under(effect.what, other.what) and _alike(effect, other)
        for other in others
        if not other.columns
    )


def _alike(one: Effect, other: Effect) -> bool:
    places = (one.zones, one.purpose) == (other.zones, other.purpose)
    return places and _kind(one.before) == _kind(other.before) and _kind(one.after) == _kind(other.after)


def _of_group(
    group: _Group, before: Sequence[PolicyText], after: Sequence[PolicyText], purposes: Sequence[str]
) -> list[Effect]:
    """The differences for one group; what happens for every purpose is said once, for none in particular."""
    usual = _for_purpose(group, before, after, "")
    told = {(_kind(one.before), _kind(one.after), one.zones) for one in usual}
    special = [one for purpose in purposes if purpose for one in _for_purpose(group, before, after, purpose)]
    return [*usual, *(one for one in special if (_kind(one.before), _kind(one.after), one.zones) not in told)]


def _for_purpose(
    group: _Group, before: Sequence[PolicyText], after: Sequence[PolicyText], purpose: str
) -> list[Effect]:
    """The differences for one purpose; zones in which the same happens are one effect."""
    found: dict[tuple[Kind, Kind], list[tuple[str, Outcome, Outcome]]] = {}
    for zone in ZONES:
        sides = (decide(group.one, zone=zone, purpose=purpose, policies=policies) for policies in (before, after))
        one, other = sides
        if _kind(one) != _kind(other):
            found.setdefault((_kind(one), _kind(other)), []).append((zone, one, other))
    return [
        Effect(group.what, tuple(case[0] for case in cases), cases[0][1], cases[0][2], group.columns, purpose)
        for cases in found.values()
    ]


@dataclass(frozen=True)
class Conflict:
    """Two rules that disagree about some columns (none: no column has these tags yet) in some zones."""

    what: str
    zones: tuple[str, ...]
    rules: str
    columns: tuple[str, ...]


def conflicts(
    policies: Sequence[PolicyText], facts: Iterable[ColumnFacts], tags: Iterable[str]
) -> tuple[Conflict, ...]:
    """Where rules disagree, with both names; what columns have before what none has."""
    rules = [rule for policy in policies for rule in policy.rules]
    patterns = Patterns(rules)
    found: dict[tuple[str, str], Conflict] = {}
    for group in (*_groups(facts, patterns, rules), *_probes(rules, [], tags)):
        fitting = _fitting(policies, group.one, patterns)
        for zone in ZONES:
            outcome = decide(group.one, zone=zone, policies=fitting)
            if isinstance(outcome, Refusal) and outcome.code == "conflict":
                two = outcome.sentence.rpartition(": ")[2].rstrip(".")
                held = found.get((group.what, two), Conflict(group.what, (), two, ()))
                zones = held.zones if zone in held.zones else (*held.zones, zone)
                columns = tuple(sorted({*held.columns, *group.columns}))
                found[group.what, two] = replace(held, zones=zones, columns=columns)
    return tuple(sorted(found.values(), key=lambda one: (not one.columns, one.what)))


def _columns(effects: Iterable[Effect]) -> tuple[str, ...]:
    return tuple(sorted({path for effect in effects for path in effect.columns}))


def _fitting(policies: Sequence[PolicyText], fact: ColumnFacts, patterns: Patterns) -> list[PolicyText]:
    """The policies without the rules that cannot fit the column: it is decided the same, in a fraction of the time."""
    fits, tags = set(patterns.fitting(fact.path)), fact.tags or ()
    return [
        PolicyText(
            policy.slug,
            policy.version,
            tuple(rule for rule in policy.rules if rule.column in fits or selects_tags(rule, tags)),
        )
        for policy in policies
    ]


def _changed(before: Sequence[PolicyText], after: Sequence[PolicyText]) -> list[Rule]:
    """The rules that only one side has: a column that none of them fits is decided as before."""
    one, other = (
        {(policy.slug, repr(rule)): rule for policy in policies for rule in policy.rules}
        for policies in (before, after)
    )
    return [rule for key, rule in (one | other).items() if (key in one) != (key in other)]


def _gravity(effect: Effect) -> tuple[int, bool, int, str]:
    """What weakens most comes first, and what columns have before what none has."""
    readable = isinstance(effect.after, Decision) and effect.after.treatment.kind == "pass"
    marks = (effect.weakens and readable, effect.weakens, effect.opens, effect.refuses, True)
    return marks.index(True), not effect.columns, -len(effect.columns), effect.what


def _kind(outcome: Outcome) -> Kind:
    if isinstance(outcome, Refusal):
        return ("refused",)
    return ("treated", str(outcome.treatment), str(outcome.treatment.version), outcome.domain)


def _groups(facts: Iterable[ColumnFacts], patterns: Patterns, changed: Sequence[Rule]) -> list[_Group]:
    moved = Patterns(changed)
    touched: dict[tuple[str, ...], bool] = {}
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[ColumnFacts, str]]] = {}
    for fact in facts:
        tags, path = fact.tags or (), fact.path
        if tags not in touched:
            touched[tags] = any(selects_tags(rule, tags) for rule in changed)
        if touched[tags] or moved.fitting(path):
            found.setdefault((tags, patterns.fitting(path)), []).append((fact, path))
    return [
        _Group(", ".join(tags) or "none", members[0][0], tuple(path for _fact, path in members))
        for (tags, _fits), members in found.items()
    ]


class Patterns:
    """The column patterns of some rules, and which of them fit a name; their letters before a `*` are tried first."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._known = [(one.partition("*")[0], one) for one in sorted({rule.column for rule in rules if rule.column})]

    def fitting(self, path: str) -> tuple[str, ...]:
        return tuple(one for start, one in self._known if path.startswith(start) and named_by(one, path))


def selects_tags(rule: Rule, tags: Iterable[str]) -> bool:
    """Whether the rule names a tag, and one of these stands at or beneath it."""
    return bool(rule.tag) and any(under(tag, rule.tag) for tag in tags)


def _probes(rules: Sequence[Rule], changed: Sequence[Rule], tags: Iterable[str]) -> list[_Group]:
    """A column for each tag, and for each changed name pattern one of each kind of tag, none of which exists."""
    known = sorted({*tags, *(rule.tag for rule in rules if rule.tag)})
    nowhere = TableRef("", "")
    found = [_Group(tag, ColumnFacts(nowhere, "", "text", (tag,)), ()) for tag in known]
    roots = sorted({tag.partition(".")[0] for tag in known})
    for pattern in sorted({rule.column for rule in changed if rule.column}):
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


def reach(rules: Sequence[Rule], facts: Sequence[ColumnFacts]) -> Mapping[str, tuple[str, ...]]:
    """The columns that each rule's selector fits, by the rule's name."""
    found: dict[str, list[str]] = {rule.name: [] for rule in rules}
    patterns = Patterns(rules)
    by_tags: dict[tuple[str, ...], list[str]] = {}
    by_pattern: dict[str, list[str]] = defaultdict(list)
    for rule in rules:
        by_pattern[rule.column].append(rule.name)
    for fact in facts:
        tags, path = fact.tags or (), fact.path
        if tags not in by_tags:
            by_tags[tags] = [rule.name for rule in rules if selects_tags(rule, tags)]
        for name in by_tags[tags]:
            found[name].append(path)
        for pattern in patterns.fitting(path):
            for name in by_pattern[pattern]:
                found[name].append(path)
    return {name: tuple(paths) for name, paths in found.items()}
