"""Reads runs and what belongs to them, each only for who may see it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.paging import Page, page
from apps.dataplane.errors import NotFound
from apps.dataplane.plan import RunPlan, plan_from_json

from .models import LogLine, Manifest, Part, Quarantine, Run, Step


@dataclass(frozen=True)
class Filters:
    """What the list of runs shows; every field stands in the address."""

    state: str = ""
    pipeline: str = ""
    trigger: str = ""


def runs(actor: Actor) -> QuerySet[Run]:
    """Every run that the actor may see."""
    rows = Run.objects.select_related("pipeline__team")
    if actor.kind != "system" and not actor.organisation & access.ACTIONS["run.view"]:
        rows = rows.filter(team_id__in=[team for team in actor.teams if access.allowed(actor, "run.view", team)])
    return rows


def listed(actor: Actor, filters: Filters, *, cursor: str = "", size: int = 50) -> Page[Run]:
    """A page of runs, newest first."""
    rows = runs(actor)
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.pipeline:
        rows = rows.filter(pipeline__slug=filters.pipeline)
    if filters.trigger:
        rows = rows.filter(trigger=filters.trigger)
    return page(rows, by="number", cursor=cursor, size=size)


def run(actor: Actor, number: int) -> Run:
    """Raises NotFound."""
    found = runs(actor).filter(number=number).first()
    if found is None:
        raise NotFound(_("There is no run %(number)s, or none that you may see.") % {"number": number})
    return found


def steps(run: Run) -> list[Step]:
    """In order."""
    return list(Step.objects.filter(run=run).order_by("position"))


def log_after(run: Run, last: int = 0, limit: int = 500) -> list[LogLine]:
    """Lines of the log after the one with id `last`, oldest first."""
    return list(LogLine.objects.filter(run=run, id__gt=last).order_by("id")[:limit])


def quarantine(run: Run) -> list[Quarantine]:
    """What each rule turned away, by stream."""
    return list(Quarantine.objects.filter(run=run).order_by("stream", "rule"))


def parts(run: Run) -> list[Part]:
    """The parts of the attempt that counts."""
    return list(Part.objects.filter(run=run, fence=run.fence).order_by("stream", "kind", "ordinal"))


def manifest(run: Run) -> Manifest | None:
    """The manifest with its signature, where the notary has signed."""
    return Manifest.objects.filter(run=run).select_related("signature").first()


def plan(run: Run) -> RunPlan | None:
    """The frozen plan; None before planning, or when planning was refused."""
    return plan_from_json(run.plan) if run.plan else None
