"""Which later runs read what a run had published: directly, or through tables that such runs wrote in turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from apps.dataplane.plan import RunPlan, plan_from_json
from apps.sources import selectors as sources

from . import steps
from .models import Recall, Run, Step, Taint

if TYPE_CHECKING:
    from apps.pipelines.models import Pipeline

MOST = 1000
Table = tuple[str, str]


@dataclass(frozen=True)
class Reading:
    """A run that read a table which the recalled run, or a run that read it, had written."""

    run: Run
    through: str


def readers_of(run: Run) -> list[Reading]:
    """In the order in which they ended; published ones only, for no other has left anything. At most `MOST`."""
    places, found = _Places(), list[Reading]()
    tainted = set(_written(run, places))
    for later in _later(run, places):
        through = next((table for table in _read(later, places) if table in tainted), None)
        if through:
            found.append(Reading(later, through[1]))
            tainted.update(_written(later, places))
        if len(found) == MOST:
            break
    return found


def taint_late(run: Run) -> None:
    """A run that was reading while a recall went on, and publishes now that the recall has listed its readers."""
    recalls = Recall.objects.filter(state=Recall.DONE, ended_at__gt=run.started_at)
    for recall in recalls.select_related("run__pipeline__source", "run__pipeline__destination"):
        places = _Places()
        gone = set(_written(recall.run, places))
        through = next((table for table in _read(run, places) if table in gone), None)
        if through and run.pipeline_id != recall.run.pipeline_id:
            Taint.objects.get_or_create(recall=recall, run=run, defaults={"through": through[1][:300]})


@dataclass
class _Places:
    """Where a connection leads: two connections to one database are one place."""

    known: dict[UUID, str] = field(default_factory=dict)

    def source(self, pipeline: Pipeline) -> str:
        if pipeline.source_id not in self.known:
            self.known[pipeline.source_id] = sources.active(pipeline.source).settings.place
        return self.known[pipeline.source_id]

    def destination(self, pipeline: Pipeline) -> str:
        if pipeline.destination_id not in self.known:
            self.known[pipeline.destination_id] = sources.active(pipeline.destination).settings.place
        return self.known[pipeline.destination_id]


def _later(run: Run, places: _Places) -> Iterable[Run]:
    """What was published since, by pipelines that lead on from its destination, however many tables away."""
    began = Step.objects.filter(run=run, name=steps.PUBLISH).values_list("started_at", flat=True).first()
    rows = Run.objects.filter(state=Run.PUBLISHED, ended_at__gt=began or run.created_at).exclude(id=run.id)
    rows = rows.select_related("pipeline__team", "pipeline__source", "pipeline__destination")
    ways = [one.pipeline for one in rows.order_by("pipeline_id").distinct("pipeline_id")]
    reached, before = {places.destination(run.pipeline)}, set[str]()
    while reached != before:
        before = set(reached)
        reached |= {places.destination(way) for way in ways if places.source(way) in before}
    reading = [way.id for way in ways if places.source(way) in reached]
    return rows.filter(pipeline_id__in=reading).order_by("ended_at").iterator(200)


def _plan(run: Run) -> RunPlan | None:
    return plan_from_json(run.plan) if run.plan else None


def _written(run: Run, places: _Places) -> list[Table]:
    plan, place = _plan(run), places.destination(run.pipeline)
    return [(place, str(stream.destination)) for stream in plan.streams] if plan else []


def _read(run: Run, places: _Places) -> list[Table]:
    plan, place = _plan(run), places.source(run.pipeline)
    return [(place, str(stream.source)) for stream in plan.streams] if plan else []
