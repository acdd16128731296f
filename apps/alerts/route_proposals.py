"""What a proposed alert route means: its canonical form, what is active, its text, and its consequence. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts import selectors as accounts
from apps.core.actor import system
from apps.core.governed import Consequence, Current
from apps.core.ids import Id
from apps.dataplane.errors import Invalid, NotFound

from . import definition
from .definition import RouteDefinition
from .models import Channel, Route, RouteVersion

ACTION = "route.propose"


def normalise(proposal: Mapping[str, Any], *, team_id: Id | None) -> dict[str, Any]:
    """The complete proposal `{slug, name, definition}`. Raises Invalid naming the form field."""
    if not isinstance(proposal, Mapping) or set(proposal) - {"slug", "name", "definition"}:
        raise Invalid(_("A route is an object of slug, name and definition."), field="definition")
    says = definition.parse_route(proposal.get("definition"))
    known = set(Channel.objects.filter(slug__in=says.channels, kind=Channel.WEBHOOK).values_list("slug", flat=True))
    missing = next((slug for slug in says.channels if slug not in known), None)
    if missing:
        raise Invalid(_("There is no webhook channel %(slug)s.") % {"slug": missing}, field="channels")
    strangers = set(says.people) - _people(team_id)
    if strangers:
        raise Invalid(
            _("Somebody chosen here is not active in this team."),
            remedy=_("Choose people who hold a role in it."),
            field="people",
        )
    return {
        "slug": definition.slug(proposal.get("slug")),
        "name": definition.name(proposal.get("name")),
        "definition": says.as_json(),
    }


def _people(team_id: Id | None) -> set[str]:
    return {str(one.id) for one in accounts.members(team_id)}


def target(proposal: Mapping[str, Any], *, team_id: Id | None) -> str:
    """The route of that short name, or that it is a new one. Raises Invalid when it is another team's."""
    found = Route.objects.filter(slug=proposal["slug"]).first()
    if found is None:
        return f"route/new/{team_id or '-'}/{proposal['slug']}"
    if str(found.team_id or "") != str(team_id or ""):
        raise Invalid(_("This short name belongs to a route of another team."), field="slug")
    return f"route/{found.id}"


def current(target: str) -> Current:
    """What is active, as a proposal; version 0 for a route that does not exist yet."""
    if target.startswith("route/new/"):
        return Current(0, None)
    row = Route.objects.filter(id=UUID(target.partition("/")[2])).first()
    if row is None:
        raise NotFound(_("There is no such route."))
    active = RouteVersion.objects.get(route=row, number=row.active_version)
    document = {"slug": row.slug, "name": row.name, "definition": active.definition}
    return Current(row.active_version, None if row.disabled_at else document)


def text(proposal: Mapping[str, Any]) -> str:
    """Stable lines for the diff."""
    says = definition.parse_route(proposal["definition"])
    names = accounts.names(says.people)
    lines = [
        f"route: {proposal['slug']}",
        f"name: {json.dumps(proposal['name'], ensure_ascii=False)}",
        f"levels: {', '.join(says.levels)}",
        f"subject: {json.dumps(says.subject, ensure_ascii=False)}",
        f"recoveries: {'yes' if says.recoveries else 'no'}",
        f"owners of the team by mail: {'yes' if says.owners else 'no'}",
        "channels:" if says.channels else "channels: none",
        *(f"  - {slug}" for slug in says.channels),
        "people by mail:" if says.people else "people by mail: none",
        *(f"  - {names.get(one, one)}" for one in says.people),
    ]
    return "\n".join(lines) + "\n"


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id | None) -> Consequence:
    """One that takes mail from the owners is medium risk, for somebody may no longer hear; so is one for all teams."""
    says = definition.parse_route(after["definition"])
    title = (_("Change route %(name)s") if before else _("New route %(name)s")) % {"name": after["name"]}
    if before == after:
        return Consequence(title, _("After approval, nothing changes."), "LOW")
    said = {
        "levels": " and ".join(says.levels),
        "subject": says.subject,
        "where": _where(says),
        "whose": _whose(team_id),
    }
    sentence = _("After approval, %(levels)s alerts of %(whose)s about “%(subject)s” go to %(where)s.") % said
    reasons = []
    if not says.owners:
        reasons.append(_("Where only this route matches, the owners no longer get mail; their bell still rings."))
    if team_id is None:
        reasons.append(_("It holds for every team."))
    return Consequence(
        title, sentence, "MEDIUM" if reasons else "LOW", tuple(reasons) or (_("The owners hear it too."),)
    )


def _whose(team_id: Id | None) -> str:
    if team_id is None:
        return _("every team")
    names = {str(team.id): team.name for team in accounts.teams(system("alerts"))}
    return names.get(str(team_id), "?")


def _where(says: RouteDefinition) -> str:
    parts = [_("the owners by mail")] if says.owners else []
    if says.people:
        count = len(says.people)
        parts.append(ngettext("%(n)d chosen person by mail", "%(n)d chosen people by mail", count) % {"n": count})
    if says.channels:
        parts.append(", ".join(says.channels))
    return _(" and ").join(parts)
