"""Masking policies as pure rules: parse a text, decide what happens to a column, and say why in one sentence.

Precedence, within one policy. A rule is compared with another in three ways: how closely its selector fits (a column's
full name, then a column pattern, then a tag, the deeper the closer), how closely its zone fits (the named zone, then
`*`) and how closely its purpose fits (the named purpose, then `*`). A rule gives way to one that fits at least as
closely in every way and more closely in one. Where several remain and differ in treatment, or two policies differ, that
is a conflict and refused with both names. The order in the text never counts.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from . import treatments
from .canonical import canonical_hash
from .errors import Invalid, Refusal
from .plan import TableRef, TreatmentSpec, Why

ZONES = ("restricted", "analytics", "public")
ANY = "*"
FORMAT = 1
DEFAULT_DOMAIN = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9 _.-]{0,79}")
_TAG = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_PURPOSE = re.compile(r"[a-z0-9][a-z0-9 _-]{0,39}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LONGEST_NOTE = 300
Closeness = tuple[int, int, int]


@dataclass(frozen=True)
class Rule:
    """One line of a policy: columns under `tag` (with everything beneath it), or whose name fits `column`, in `zone`.

    `column` is matched against `schema.table.column`; `*` stands for any letters. Exactly one of the two is set.
    `purpose` is that of the pipelines it is for. `domain` is the key domain of keyed treatments: one value under one
    domain gives one token, everywhere. `note` is for people.
    """

    name: str
    treatment: TreatmentSpec
    zone: str = ANY
    tag: str = ""
    column: str = ""
    domain: str = DEFAULT_DOMAIN
    purpose: str = ANY
    note: str = ""


@dataclass(frozen=True)
class PolicyText:
    """An active policy version."""

    slug: str
    version: int
    rules: tuple[Rule, ...]

    @cached_property
    def hash(self) -> str:
        return canonical_hash(as_document(self.rules))


@dataclass(frozen=True)
class ColumnFacts:
    """What policies look at. `tags` is None while nobody looked, empty for `none`."""

    dataset: TableRef
    name: str
    type: str
    tags: tuple[str, ...] | None

    @property
    def path(self) -> str:
        return f"{self.dataset}.{self.name}"


@dataclass(frozen=True)
class Decision:
    """What happens to a column in a zone, and why. `domain` is empty for treatments without a key."""

    treatment: TreatmentSpec
    domain: str
    why: Why
    reached_by: tuple[str, ...] = field(default=())


def parse(document: Mapping[str, Any], *, domains: Sequence[str] | None = None) -> tuple[Rule, ...]:
    """The rules of a policy text `{format: 1, rules: [{name, tag|column, zone, treatment: {kind, …}, …}]}`.

    Raises Invalid naming the place, such as `rules[2].treatment`. `domains`, where given, are the existing key domains.
    """
    _require(isinstance(document, Mapping), "A policy is an object with `format` and `rules`.", "text")
    _only(document, ("format", "rules"), "")
    _require(document.get("format") == FORMAT, f"`format` must be {FORMAT}.", "format")
    entries = document.get("rules")
    _require(isinstance(entries, list | tuple) and bool(entries), "A policy needs at least one rule.", "rules")
    rules = tuple(_rule(entry, f"rules[{index}]", domains) for index, entry in enumerate(entries or ()))
    names = [rule.name for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    _require(twice is None, f"Two rules are named {twice!r}; a name is what people read in refusals.", "rules")
    return rules


def as_document(rules: Sequence[Rule]) -> dict[str, Any]:
    """The text of the rules, complete and in order: `parse` of it gives the same rules."""
    return {"format": FORMAT, "rules": [_entry(rule) for rule in rules]}


def decide(column: ColumnFacts, *, zone: str, policies: Sequence[PolicyText], purpose: str = "") -> Decision | Refusal:
    """What happens to the column on its way into the zone, or why that is refused.

    `purpose` is the pipeline's; an empty one is a purpose that no rule names.
    """
    if column.tags is None:
        return Refusal(
            "unclassified",
            column.path,
            f"Column {column.path} is unclassified: nobody has said whether it is sensitive.",
            "Classify the column.",
        )
    meant = " ".join(purpose.lower().split())
    found = [(policy, rule) for policy in policies for rule in _strongest(policy, column, zone, meant)]
    if not found:
        return _without_rule(column, zone)
    (policy, rule), others = found[0], found[1:]
    rival = next((pair for pair in others if _effect(pair[1]) != _effect(rule)), None)
    if rival:
        return _conflict(column, (policy, rule), rival)
    return Decision(rule.treatment, _domain(rule), _why(column, zone, policy, rule), _reached(rule, column))


def _without_rule(column: ColumnFacts, zone: str) -> Decision | Refusal:
    if not column.tags:
        return Decision(TreatmentSpec("pass"), "", Why(f"{column.name} passes: it was classified as not sensitive."))
    return Refusal(
        "no-rule",
        column.path,
        f"Column {column.path} is {', '.join(column.tags)} and no rule says what happens to it in zone {zone}.",
        "Add a rule to a masking policy.",
    )


def _conflict(column: ColumnFacts, one: tuple[PolicyText, Rule], other: tuple[PolicyText, Rule]) -> Refusal:
    first, second = (f"{policy.slug} rule “{rule.name}” ({rule.treatment})" for policy, rule in (one, other))
    return Refusal(
        "conflict",
        column.path,
        f"Two rules disagree about column {column.path}: {first} and {second}.",
        "Make one of the rules more specific, or let them agree.",
    )


def _strongest(policy: PolicyText, column: ColumnFacts, zone: str, purpose: str) -> list[Rule]:
    """The rules of a policy that fit and give way to no other."""
    fits = [(rank, rule) for rule in policy.rules if (rank := _fit(rule, column, zone, purpose))]
    return [rule for rank, rule in fits if not any(_closer(other, rank) for other, _ in fits)]


def _closer(one: Closeness, other: Closeness) -> bool:
    return one != other and all(ours >= theirs for ours, theirs in zip(one, other, strict=True))


def _fit(rule: Rule, column: ColumnFacts, zone: str, purpose: str) -> Closeness | None:
    if rule.zone not in (ANY, zone) or rule.purpose not in (ANY, purpose):
        return None
    near = int(rule.zone == zone), int(rule.purpose == purpose)
    if rule.column:
        if not _pattern(rule.column).fullmatch(column.path):
            return None
        return (1001 if "*" in rule.column else 1002), *near
    depths = [rule.tag.count(".") + 1 for tag in column.tags or () if under(tag, rule.tag)]
    return (max(depths), *near) if depths else None


def closeness(rule: Rule) -> Closeness:
    """How closely the rule can fit at all: the order in which an editor shows precedence, strongest last."""
    selector = 1002 if rule.column else rule.tag.count(".") + 1
    return (1001 if "*" in rule.column else selector), int(rule.zone != ANY), int(rule.purpose != ANY)


def under(tag: str, ancestor: str) -> bool:
    """Whether a tag is `ancestor` or stands beneath it."""
    return tag == ancestor or tag.startswith(ancestor + ".")


def named_by(pattern: str, path: str) -> bool:
    """Whether a column's full name fits a rule's `column` pattern."""
    return bool(_pattern(pattern).fullmatch(path))


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    literal = text.replace("[", "[[]").replace("?", "[?]")
    return re.compile(fnmatch.translate(literal), re.DOTALL)


def _effect(rule: Rule) -> tuple[str, str]:
    return str(rule.treatment), _domain(rule)


def _domain(rule: Rule) -> str:
    return rule.domain if treatments.needs_key(rule.treatment) else ""


def _reached(rule: Rule, column: ColumnFacts) -> tuple[str, ...]:
    return tuple(tag for tag in column.tags or () if rule.tag and under(tag, rule.tag))


def _why(column: ColumnFacts, zone: str, policy: PolicyText, rule: Rule) -> Why:
    what = ", ".join(column.tags or ()) or "not sensitive"
    reach = f"tag {rule.tag}" if rule.tag else f"column {rule.column}"
    where = "every zone" if rule.zone == ANY else f"zone {zone}"
    where += "" if rule.purpose == ANY else f", purpose {rule.purpose}"
    sentence = (
        f"{column.name} is {what}; policy {policy.slug} v{policy.version}, rule “{rule.name}” ({reach}, {where}): "
        f"{treatments.describe(rule.treatment)}."
    )
    return Why(sentence, policy.slug, policy.version, rule.name)


def _rule(entry: Any, place: str, domains: Sequence[str] | None) -> Rule:
    _require(isinstance(entry, Mapping), "A rule is an object.", place)
    _only(entry, ("name", "tag", "column", "zone", "purpose", "treatment", "domain", "note"), place + ".")
    name, zone, domain, purpose, note = (_text(entry, key, place, default) for key, default in _DEFAULTS)
    _require(
        bool(_NAME.fullmatch(name.lower())), "A rule needs a short name of letters, digits and spaces.", f"{place}.name"
    )
    _require(zone in (ANY, *ZONES), f"Zone {zone!r} is unknown; known are {', '.join(ZONES)} and *.", f"{place}.zone")
    known = domains is None or domain in domains
    _require(known, f"Key domain {domain!r} does not exist; known are {', '.join(domains or ())}.", f"{place}.domain")
    tag, column = _text(entry, "tag", place, ""), _text(entry, "column", place, "")
    _require(bool(tag) != bool(column), "A rule selects by either `tag` or `column`.", f"{place}.tag")
    _require(
        not tag or bool(_TAG.fullmatch(tag)), f"{tag!r} is no tag; tags look like pii.contact.email.", f"{place}.tag"
    )
    _require(
        purpose == ANY or bool(_PURPOSE.fullmatch(purpose)),
        f"Purpose {purpose!r} is none: write it in small letters, digits and spaces, or * for every purpose.",
        f"{place}.purpose",
    )
    _require(not _UNSAFE.search(note), "A note is one line of plain text.", f"{place}.note")
    treatment = _treatment(entry.get("treatment"), f"{place}.treatment")
    return Rule(name, treatment, zone, tag, column, domain, purpose, note.strip())


_DEFAULTS = (("name", ""), ("zone", ANY), ("domain", DEFAULT_DOMAIN), ("purpose", ANY), ("note", ""))


def _treatment(entry: Any, place: str) -> TreatmentSpec:
    _require(
        isinstance(entry, Mapping) and isinstance(entry.get("kind"), str), "Name a treatment by its `kind`.", place
    )
    params = {key: value for key, value in entry.items() if key not in ("kind", "version")}
    spec = TreatmentSpec(entry["kind"], params, entry.get("version", 1))
    try:
        treatments.validate(spec)
    except Invalid as error:
        raise Invalid(error.sentence, remedy=error.remedy, field=f"{place}.{error.field}".rstrip(".")) from error
    return spec


def _entry(rule: Rule) -> dict[str, Any]:
    chosen = {"tag": rule.tag} if rule.tag else {"column": rule.column}
    treatment = {"kind": rule.treatment.kind, **rule.treatment.params, "version": rule.treatment.version}
    # What goes without saying stays away: a text from before rules had a purpose keeps its hash.
    purpose = {"purpose": rule.purpose} if rule.purpose != ANY else {}
    note = {"note": rule.note} if rule.note else {}
    shown = {"name": rule.name, **chosen, "zone": rule.zone, "treatment": treatment, "domain": rule.domain}
    return {**shown, **purpose, **note}


def _text(entry: Mapping[str, Any], key: str, place: str, default: str) -> str:
    value = entry.get(key, default)
    _require(
        isinstance(value, str) and len(value) <= LONGEST_NOTE,
        f"`{key}` must be text of at most {LONGEST_NOTE} characters.",
        f"{place}.{key}",
    )
    return str(value)


def _only(entry: Mapping[str, Any], known: Sequence[str], place: str) -> None:
    unknown = next((key for key in entry if key not in known), None)
    _require(unknown is None, f"`{unknown}` is unknown here; known are {', '.join(known)}.", f"{place}{unknown}")


def _require(holds: bool, sentence: str, field: str) -> None:
    if not holds:
        raise Invalid(sentence, field=field)
