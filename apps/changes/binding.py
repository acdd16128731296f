"""What an approval binds: the proposal, what it was based on, what it would do; derived again before it is applied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.core.governed import Consequence
from apps.core.ids import Id
from apps.dataplane.canonical import canonical_bytes, canonical_hash
from apps.dataplane.errors import Invalid

from . import plans
from .kinds import Kind, kind

# PostgreSQL's jsonb cannot hold it.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True)
class Binding:
    """A proposal with everything that follows from it at this moment."""

    kind: Kind
    target: str
    proposal: dict[str, Any]
    before: dict[str, Any] | None
    base_version: int
    consequence: Consequence
    document: dict[str, Any]
    hash: str


def derive(kind_name: str, team_id: Id | None, proposal: Mapping[str, Any]) -> Binding:
    """Raises Invalid, naming the field, for a proposal that its kind does not take."""
    found = kind(kind_name)
    says = found.proposals
    complete = says.normalise(proposal, team_id=team_id)
    target = says.target(complete, team_id=team_id)
    base = says.current(target)
    consequence = says.consequence(base.proposal, complete, team_id=team_id)
    before, after = plans.affected_plans(kind_name, target, complete, team_id)
    document = {
        "kind": kind_name,
        "team": str(team_id) if team_id else "",
        "target": target,
        "proposal": complete,
        "base_version": base.version,
        "plans_before": before,
        "plans_after": after,
        "risk": consequence.risk,
        "approvals_needed": max(consequence.approvals, 1),
    }
    return Binding(found, target, complete, base.proposal, base.version, consequence, document, hash_of(document))


def hash_of(document: Mapping[str, Any]) -> str:
    """The canonical hash of a binding. Raises Invalid for a proposal with numbers that have no canonical form."""
    try:
        if _NUL.search(canonical_bytes(document)):
            raise ValueError("a text holds the character NUL")
        return canonical_hash(document)
    except ValueError as error:
        raise Invalid(
            _("This proposal has no canonical form: %(why)s.") % {"why": error},
            remedy=_("Write numbers with a fraction as text."),
        ) from error


def moved(bound: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between what was approved and what would happen now, as a sentence; empty when nothing does."""
    return next(_differences(bound, now), "")


def _differences(bound: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if bound.get("target") != now["target"] or bound.get("base_version") != now["base_version"]:
        versions = {"old": bound.get("base_version"), "new": now["base_version"]}
        yield _("What it changes has moved from version %(old)s to version %(new)s since it was proposed.") % versions
    if bound.get("proposal") != now["proposal"]:
        yield _("The proposal would be read differently now than when it was approved.")
    for side, sentence in (
        ("plans_before", _("The plan that is active now differs from the one reviewed: %(where)s.")),
        ("plans_after", _("The plan that would follow differs from the one reviewed: %(where)s.")),
    ):
        where = plans.first_difference(bound.get(side) or [], now[side])
        if where:
            yield sentence % {"where": where}
    if (bound.get("risk"), bound.get("approvals_needed")) != (now["risk"], now["approvals_needed"]):
        yield _("Its risk is %(new)s now, and was %(old)s when it was approved.") % {
            "old": bound.get("risk"),
            "new": now["risk"],
        }
    if dict(bound) != dict(now):
        yield _("What was approved is not what would be applied.")
