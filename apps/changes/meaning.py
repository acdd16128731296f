"""What a proposal changes, thing by thing: a rule, a column, a setting; nobody must read it out of two texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.dataplane import treatments
from apps.dataplane.plan import TableRef
from apps.dataplane.policy import ANY, Rule, parse

MOST = 60
# Sealed passwords differ each time they are sealed and say nothing to a reader; ids and formats are no news.
HIDDEN = frozenset({"sealed", "key", "format", "complete", "scope"})


@dataclass(frozen=True)
class Difference:
    """One thing that is different; an empty side: it is not there."""

    what: str
    before: str
    after: str


def differences(kind: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The first of what differs, in the order of the proposal; nothing for something new but a policy."""
    found = _of_policy(before, after) if kind == "policy" else _of_classification(before, after) if (
        kind == "classification") else _of_any(before, after)  # fmt: skip
    return tuple(one for _n, one in zip(range(MOST), found, strict=False))


def _of_policy(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterator[Difference]:
    if before and before["name"] != after["name"]:
        yield Difference(_("Name"), before["name"], after["name"])
    old, new = ({rule.name: rule for rule in parse(one["text"])} if one else {} for one in (before, after))
    for name in dict.fromkeys((*new, *old)):
        one, other = (_rule(rules.get(name)) for rules in (old, new))
        if one != other:
            yield Difference(_("Rule “%(name)s”") % {"name": name}, one, other)


def _rule(rule: Rule | None) -> str:
    """Such as `pii.contact.phone, every zone: replaced by a keyed token`."""
    if rule is None:
        return ""
    zone = _("every zone") if rule.zone == ANY else _("zone %(zone)s") % {"zone": rule.zone}
    purpose = "" if rule.purpose == ANY else ", " + _("purpose %(purpose)s") % {"purpose": rule.purpose}
    keyed = treatments.needs_key(rule.treatment)
    domain = ", " + _("key domain %(domain)s") % {"domain": rule.domain} if keyed else ""
    return f"{rule.tag or rule.column}, {zone}{purpose}: {treatments.describe(rule.treatment)}{domain}"


def _of_classification(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterator[Difference]:
    old, new = (
        {
            f"{TableRef(one['schema'], one['table'])}.{one['column']}": ", ".join(one["tags"]) or "none"
            for one in side["columns"]
        }
        if side
        else {}
        for side in (before, after)
    )
    for name in dict.fromkeys((*new, *old)):
        if old.get(name) != new.get(name):
            yield Difference(name, old.get(name, _("unclassified")), new.get(name, _("unclassified")))


def _of_any(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterator[Difference]:
    if before is None:
        return
    old, new = dict(_flat(before)), dict(_flat(after))
    for place in dict.fromkeys((*new, *old)):
        if old.get(place) != new.get(place):
            yield Difference(place, old.get(place, ""), new.get(place, ""))


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in HIDDEN:
                yield from _flat(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{place}[{index}]")
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
        yield place, text[:200]
