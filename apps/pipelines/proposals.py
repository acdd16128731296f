"""What a change of kind `pipeline` may propose, and what approving it would mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import yaml
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.actor import system
from apps.core.governed import Consequence, Current
from apps.core.ids import Id
from apps.dataplane import definition as definitions
from apps.dataplane.canonical import Json
from apps.dataplane.definition import PipelineDefinition
from apps.dataplane.errors import Invalid
from apps.dataplane.plan import RowRule, SettleRule
from apps.sources import selectors as sources

from . import scheduling, selectors
from .models import Pipeline

ACTION = "pipeline.propose"
PLANNER = system("planner")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,58}[a-z0-9])?")


def normalise(proposal: Mapping[str, Any], *, team_id: Id) -> dict[str, Any]:
    """The canonical `{slug, name, source, destination, definition}`. Raises Invalid naming the field."""
    unknown = set(proposal) - {"slug", "name", "source", "destination", "definition"}
    if unknown:
        raise Invalid(_("%(field)s is unknown here.") % {"field": sorted(unknown)[0]}, field=sorted(unknown)[0])
    slug, name = str(proposal.get("slug") or ""), str(proposal.get("name") or "").strip()
    if not _SLUG.fullmatch(slug):
        raise Invalid(_("A short name has 1 to 60 small letters, digits, - and _."), field="slug")
    if not name or len(name) > 120 or not name.isprintable():
        raise Invalid(_("A name has 1 to 120 printable characters."), field="name")
    definition = definitions.parse(proposal.get("definition") or {})
    if definition.schedule:
        scheduling.validate(definition.schedule)
    ends = {end: _connection(proposal.get(end), end, team_id) for end in ("source", "destination")}
    return {"slug": slug, "name": name, **ends, "definition": definitions.as_document(definition)}


def _connection(value: object, field: str, team_id: Id) -> str:
    try:
        known = sources.connections(PLANNER).filter(id=UUID(str(value)), team_id=str(team_id)).exists()
    except ValueError:
        known = False
    if not known:
        raise Invalid(_("Choose a connection of this team."), field=field)
    return str(value)


def target(proposal: Mapping[str, Any], *, team_id: Id) -> str:
    """`pipeline/<id>`, or `pipeline/new/<team id>/<slug>` for one that does not exist yet."""
    found = Pipeline.objects.filter(team_id=str(team_id), slug=proposal["slug"]).first()
    return f"pipeline/{found.id}" if found else f"pipeline/new/{team_id}/{proposal['slug']}"


def current(target: str) -> Current:
    """What is active, in the form of a proposal."""
    pipeline = found(target)
    return Current(pipeline.active_version, as_proposal(pipeline)) if pipeline else Current(0, None)


def as_proposal(pipeline: Pipeline, version: int | None = None) -> dict[str, Any]:
    """A version in the form of a proposal; proposing it again rolls back to it."""
    return {
        "slug": pipeline.slug,
        "name": pipeline.name,
        "source": str(pipeline.source_id),
        "destination": str(pipeline.destination_id),
        "definition": definitions.as_document(selectors.definition_of(pipeline, version)),
    }


def at(target: str, version: int) -> dict[str, Any] | None:
    """An earlier version as a proposal; None before the first."""
    pipeline = found(target)
    return as_proposal(pipeline, version) if pipeline and version else None


def found(target: str) -> Pipeline | None:
    kind, _slash, rest = target.partition("/")
    if kind != "pipeline":
        return None
    if rest.startswith("new/"):
        team, _slash, slug = rest.removeprefix("new/").partition("/")
        return Pipeline.objects.filter(team_id=team, slug=slug).first()
    return Pipeline.objects.filter(id=rest).first()


def text(proposal: Mapping[str, Any]) -> str:
    """Stable YAML for the diff."""
    plain: Json = json.loads(json.dumps(proposal))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id) -> Consequence:
    """One sentence: what would be copied where, and which checks would go."""
    definition = definitions.parse(after["definition"])
    where = _where(after)
    if before is None:
        count = len(definition.streams)
        sentence = ngettext(
            "After approval, %(count)s table can be copied %(where)s by the masking policies in force.",
            "After approval, %(count)s tables can be copied %(where)s by the masking policies in force.",
            count,
        ) % {"count": count, "where": where}
        return Consequence(_("New pipeline %(name)s") % {"name": after["name"]}, sentence, "MEDIUM", (_("widens"),))
    reasons = tuple(_reasons(before, after, definitions.parse(before["definition"]), definition))
    risk = "HIGH" if reasons else "LOW"
    said = "; ".join(reasons) or _("its checks and tables stay, and what is masked is decided by policies")
    sentence = _("After approval, pipeline %(name)s changes: %(said)s.") % {"name": after["name"], "said": said}
    return Consequence(_("Change pipeline %(name)s") % {"name": after["name"]}, sentence, risk, reasons)  # type: ignore[arg-type]


def _reasons(
    before: Mapping[str, Any], after: Mapping[str, Any], old: PipelineDefinition, new: PipelineDefinition
) -> list[str]:
    reasons = []
    if before["destination"] != after["destination"]:
        reasons.append(_("it writes to another connection"))
    if before["source"] != after["source"]:
        reasons.append(_("it reads from another connection"))
    added = {str(stream.source) for stream in new.streams} - {str(stream.source) for stream in old.streams}
    if added:
        reasons.append(_("it also copies %(tables)s") % {"tables": ", ".join(sorted(added))})
    gone = _checks(old) - _checks(new)
    if gone:
        reasons.append(
            _("it no longer checks %(checks)s as before") % {"checks": ", ".join(sorted({c for c, _d in gone}))}
        )
    return reasons


def _checks(definition: PipelineDefinition) -> set[tuple[str, str]]:
    """Every condition with its full text: one that is only loosened counts as gone."""
    found = {(f"{check.stream}/{check.id}", repr(check)) for check in definition.output_checks}
    for stream in definition.streams:
        rules: tuple[RowRule | SettleRule, ...] = (*stream.filters, *stream.row_checks, *stream.settle)
        found |= {(f"{stream.name}/{rule.id}", repr(rule)) for rule in rules}
    return found


def _where(proposal: Mapping[str, Any]) -> str:
    ends = sources.connections(PLANNER).filter(id__in=[proposal["source"], proposal["destination"]])
    names = {str(end.id): end.name for end in ends}
    zone = sources.endpoint(proposal["destination"]).zone
    return _("from %(source)s to %(destination)s (zone %(zone)s)") % {
        "source": names[proposal["source"]],
        "destination": names[proposal["destination"]],
        "zone": zone,
    }
