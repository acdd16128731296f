"""Reads pipelines and their versions, each only for who may see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.core.paging import Page, sorted_page
from apps.dataplane import definition as definitions
from apps.dataplane.definition import PipelineDefinition
from apps.dataplane.errors import NotFound

from .models import Pipeline, PipelineVersion

ACTIVE, PAUSED = "active", "paused"
NEVER = "never"
ORDERS = {
    "name": "name",
    "team": "team__name",
    "due": "next_due_at",
    "created": "created_at",
    "source": "source__name",
    "destination": "destination__name",
}


@dataclass(frozen=True)
class Filters:
    """What the list shows; every field stands in the address. `sort` is a key of `ORDERS`, with `-` the other way.

    `source` and `destination` are connections as `team/short-name`; `last` is the state of the last run, or `never`.
    """

    q: str = ""
    team: str = ""
    state: str = ""
    source: str = ""
    destination: str = ""
    last: str = ""
    sort: str = ""


def pipelines(actor: Actor) -> QuerySet[Pipeline]:
    """Every pipeline that the actor may see, by team and name."""
    rows = Pipeline.objects.filter(archived_at=None).select_related("team", "source__team", "destination__team")
    if not access.everywhere(actor, "pipeline.view"):
        rows = rows.filter(team_id__in=access.teams(actor, "pipeline.view"))
    return rows.order_by("team__name", "name", "id")


def listed(
    actor: Actor, filters: Filters, *, last_state: Subquery | None = None, cursor: str = "", size: int = 50
) -> Page[Pipeline]:
    """A page of what fits the filters, in their order, by name where none is asked for.

    `last_state` asks for the state of a pipeline's last run, which stands on a floor above. Raises Denied for whoever
    may see none anywhere.
    """
    rows = _fitting(actor, filters)
    if filters.last and last_state is not None:
        rows = rows.annotate(last_state=last_state)
        rows = rows.filter(last_state=None) if filters.last == NEVER else rows.filter(last_state=filters.last)
    by = ORDERS.get(filters.sort.removeprefix("-"), "name")
    return sorted_page(rows, by=by, descending=filters.sort.startswith("-"), cursor=cursor, size=size)


def _fitting(actor: Actor, filters: Filters) -> QuerySet[Pipeline]:
    access.require(actor, "pipeline.view")
    rows = pipelines(actor)
    if filters.q:
        rows = rows.filter(Q(name__icontains=filters.q) | Q(slug__icontains=filters.q))
    if filters.team:
        rows = rows.filter(team__slug=filters.team)
    if filters.state in (ACTIVE, PAUSED):
        rows = rows.filter(paused_at__isnull=filters.state == ACTIVE)
    for end in ("source", "destination"):
        team, _slash, slug = getattr(filters, end).partition("/")
        if slug:
            rows = rows.filter(**{f"{end}__team__slug": team, f"{end}__slug": slug})
    return rows


@dataclass(frozen=True)
class Choices:
    """What the list can be filtered by: pairs of value and name."""

    teams: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    destinations: tuple[tuple[str, str], ...]


def choices(actor: Actor) -> Choices:
    """The teams and connections of the pipelines that the actor may see: one query."""
    teams, ends = set(), (set[tuple[str, str]](), set[tuple[str, str]]())
    fields = ("team__slug", "team__name", *(f"{end}__{name}" for end in ("source", "destination") for name in _END))
    for row in pipelines(actor).order_by().values_list(*fields).distinct():
        teams.add(row[:2])
        for end, (team, slug, name) in zip(ends, (row[2:5], row[5:8]), strict=True):
            end.add((f"{team}/{slug}", name))
    listed = [tuple(sorted(found, key=lambda pair: (pair[1], pair[0]))) for found in (teams, *ends)]
    return Choices(*listed)


_END = ("team__slug", "slug", "name")


def pipeline(actor: Actor, id: Id) -> Pipeline:
    """Raises NotFound."""
    try:
        found = pipelines(actor).filter(id=UUID(str(id))).first()
    except ValueError:
        found = None
    return _one(found, str(id))


def pipeline_named(actor: Actor, team: str, slug: str) -> Pipeline:
    """By the slugs of its team and its own. Raises NotFound."""
    return _one(pipelines(actor).filter(team__slug=team, slug=slug).first(), slug)


def definition_of(pipeline: Pipeline, version: int | None = None) -> PipelineDefinition:
    """What the active version, or the one named, says."""
    return definitions.parse(version_of(pipeline, version).definition)


def version_of(pipeline: Pipeline, version: int | None = None) -> PipelineVersion:
    """Raises NotFound for a version that never was."""
    number = version or pipeline.active_version
    found = PipelineVersion.objects.filter(pipeline=pipeline, number=number).first()
    if found is None:
        raise NotFound(_("Pipeline %(name)s has no version %(number)s.") % {"name": pipeline.name, "number": number})
    return found


def versions(pipeline: Pipeline) -> QuerySet[PipelineVersion]:
    """Newest first."""
    return PipelineVersion.objects.filter(pipeline=pipeline).order_by("-number")


def of_connection(connection_id: Id) -> list[Pipeline]:
    """The pipelines that read or write a connection."""
    rows = Pipeline.objects.filter(archived_at=None).filter(
        Q(source_id=connection_id) | Q(destination_id=connection_id)
    )
    return list(rows.order_by("id"))


def of_team(team_id: Id) -> list[Pipeline]:
    return list(Pipeline.objects.filter(team_id=team_id, archived_at=None).order_by("id"))


def due(at: datetime) -> list[Pipeline]:
    """Pipelines whose schedule has come."""
    rows = Pipeline.objects.filter(next_due_at__lte=at, paused_at=None, archived_at=None)
    return list(rows.order_by("next_due_at")[:100])


def _one(found: Pipeline | None, name: str) -> Pipeline:
    if found is None:
        raise NotFound(_("There is no pipeline %(name)s, or none that you may see.") % {"name": name})
    return found
