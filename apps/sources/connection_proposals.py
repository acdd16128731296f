"""What a proposed connection means: its canonical form, what is active, its text, and its consequence. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.core.governed import Consequence, Current
from apps.core.ids import Id
from apps.dataplane.errors import Invalid, NotFound

from . import definition
from .definition import PURPOSES, ConnectionDefinition
from .models import Connection, ConnectionVersion

ACTION = "connection.propose"


def normalise(proposal: Mapping[str, Any], *, team_id: Id) -> dict[str, Any]:
    """The complete proposal `{slug, name, kind, definition}`. Raises Invalid naming the form field."""
    complete = definition.proposal(proposal)
    held = Connection.objects.filter(team_id=team_id, slug=complete["slug"]).values_list("kind", flat=True).first()
    if held is not None and held != complete["kind"]:
        raise Invalid(
            _("Connection %(slug)s is of kind %(kind)s, and a kind never changes.")
            % {"slug": complete["slug"], "kind": held},
            remedy=_("Choose another short name."),
            field="slug",
        )
    return complete


def target(proposal: Mapping[str, Any], *, team_id: Id) -> str:
    """The connection of that slug, or that it is a new one."""
    found = Connection.objects.filter(team_id=team_id, slug=proposal["slug"]).values_list("id", flat=True).first()
    return f"connection/{found}" if found else f"connection/new/{team_id}/{proposal['slug']}"


def current(target: str) -> Current:
    """What is active, as a proposal; version 0 for a connection that does not exist yet."""
    if target.startswith("connection/new/"):
        return Current(0, None)
    row = Connection.objects.filter(id=UUID(target.partition("/")[2])).first()
    if row is None:
        raise NotFound(_("There is no such connection."))
    active = ConnectionVersion.objects.get(connection=row, number=row.active_version)
    document = {"slug": row.slug, "name": row.name, "kind": row.kind, "definition": active.definition}
    return Current(row.active_version, document)


def text(proposal: Mapping[str, Any]) -> str:
    """Stable lines for the diff. Passwords show as the key version that they are sealed to."""
    says = definition.parse(proposal["definition"])
    facts = says.settings.facts
    lines = [
        f"connection: {proposal['slug']}",
        f"name: {json.dumps(proposal['name'], ensure_ascii=False)}",
        f"kind: {proposal['kind']}",
        *(f"{name}: {json.dumps(value, ensure_ascii=False) if free else value}" for name, _, value, free in facts),
        f"zone: {says.zone}",
        f"region: {says.region or '-'}",
    ]
    for purpose in PURPOSES:
        lines += _credential_lines(says, purpose)
    return "\n".join(lines) + "\n"


def _credential_lines(says: ConnectionDefinition, purpose: definition.Purpose) -> list[str]:
    held = says.credentials.get(purpose)
    if held is None:
        return [f"{purpose}: none"]
    if not says.connector.uses_credentials:
        return [f"{purpose}: yes"]
    # The mark tells a new password from the kept one; the sealed bytes are random and say nothing of it.
    return [
        f"{purpose}:",
        f"  user: {json.dumps(held.user, ensure_ascii=False)}",
        f"  password: sealed (key v{held.key}, mark {held.mark})",
    ]


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id) -> Consequence:
    """Another address, zone or region is high risk: other data moves, or other rules hold for it."""
    says = definition.parse(after["definition"])
    if before is None:
        return _opens(after, says)
    differences = _differences(before, definition.parse(before["definition"]), after, says)
    if not differences:
        return Consequence(
            _("Connection %(name)s as it is") % {"name": after["name"]}, _("After approval, nothing changes."), "LOW"
        )
    high = tuple(sentence for risky, sentence in differences if risky)
    listed = "; ".join(sentence for _risky, sentence in differences)
    sentence = _("After approval, for connection %(name)s %(changes)s.") % {"name": before["name"], "changes": listed}
    title = _("Change connection %(name)s") % {"name": before["name"]}
    if high:
        return Consequence(title, sentence, "HIGH", high, approvals=2)
    return Consequence(title, sentence, "LOW", (_("Neither address, zone nor region changes."),))


def _opens(after: Mapping[str, Any], says: ConnectionDefinition) -> Consequence:
    may = {
        ("read", "write"): _("read from and write to"),
        ("read",): _("read from"),
        ("write",): _("write to"),
    }[tuple(purpose for purpose in PURPOSES if purpose in says.credentials)]
    named = {
        "may": may,
        "place": f"{says.connector.noun} {says.settings.place}",
        "zone": says.zone,
        "region": says.region or _("no region"),
        "name": after["name"],
    }
    sentence = _("After approval, Lockgate can %(may)s %(place)s, in zone %(zone)s and %(region)s.")
    return Consequence(_("New connection %(name)s") % named, sentence % named, "MEDIUM", (_("Opens a new system."),))


def _differences(
    before: Mapping[str, Any], old: ConnectionDefinition, after: Mapping[str, Any], new: ConnectionDefinition
) -> list[tuple[bool, str]]:
    """(high risk?, what changes)."""
    pairs = (
        (True, _("the place changes from %(before)s to %(after)s"), old.settings.place, new.settings.place),
        (True, _("the zone changes from %(before)s to %(after)s, so other rules hold"), old.zone, new.zone),
        (True, _("the region changes from %(before)s to %(after)s"), old.region or "-", new.region or "-"),
        *_setting_differences(old, new),
        (False, _("the name changes from %(before)s to %(after)s"), before["name"], after["name"]),
    )
    found = [(risky, said % {"before": a, "after": b}) for risky, said, a, b in pairs if a != b]
    return found + [one for purpose in PURPOSES for one in _credential_difference(purpose, old, new)]


def _setting_differences(old: ConnectionDefinition, new: ConnectionDefinition) -> list[tuple[bool, str, str, str]]:
    """(high risk?, sentence, before, after) of every setting that is no part of the place."""
    weaker = new.settings.weaker_than(old.settings)
    before, after = ({fact.name: fact.value for fact in one.settings.facts} for one in (old, new))
    names = dict.fromkeys((*before, *after))
    sentence = _("%(name)s changes from %%(before)s to %%(after)s")
    return [
        (name in weaker, sentence % {"name": name}, before.get(name) or "-", after.get(name) or "-")
        for name in names
        if name not in new.settings.placing
    ]


def _credential_difference(
    purpose: definition.Purpose, old: ConnectionDefinition, new: ConnectionDefinition
) -> list[tuple[bool, str]]:
    one, other = old.credentials.get(purpose), new.credentials.get(purpose)
    named = {"purpose": purpose, "user": other.user if other else "", "before": one.user if one else ""}
    if one == other:
        return []
    if other is None:
        return [(False, _("the %(purpose)s credential is removed") % named)]
    if one is None:
        return [(purpose == "write", _("a %(purpose)s credential is added, for user %(user)s") % named)]
    if one.user != other.user:
        return [(False, _("the %(purpose)s user changes from %(before)s to %(user)s") % named)]
    return [(False, _("the %(purpose)s password is replaced") % named)]
