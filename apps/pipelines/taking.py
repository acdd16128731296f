"""Which pipelines read and write which tables: what pages of sources show beside a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Q

from apps.core.actor import Actor
from apps.dataplane.definition import parse
from apps.dataplane.plan import TableRef

from . import selectors
from .models import Pipeline, PipelineVersion


@dataclass(frozen=True)
class Way:
    """One stream of an active pipeline: from this table to that."""

    pipeline_id: UUID
    team: str
    slug: str
    name: str
    paused: bool
    stream: str
    source_id: UUID
    source: TableRef
    destination_id: UUID
    destination: TableRef


def ways(actor: Actor, connection_ids: Iterable[UUID]) -> tuple[Way, ...]:
    """The streams that start or end at one of these connections, of pipelines that the actor may see; two queries."""
    ends = list(connection_ids)
    rows = selectors.pipelines(actor).filter(Q(source_id__in=ends) | Q(destination_id__in=ends))
    found = {row.id: row for row in rows}
    active = PipelineVersion.objects.filter(pipeline_id__in=found, number=F("pipeline__active_version"))
    documents = active.order_by("pipeline__name", "pipeline_id").values_list("pipeline_id", "definition")
    return tuple(way for id, document in documents for way in _ways(found[id], document))


def _ways(pipeline: Pipeline, document: dict[str, object]) -> Iterable[Way]:
    for stream in parse(document).streams:
        yield Way(
            pipeline_id=pipeline.id,
            team=pipeline.team.slug,
            slug=pipeline.slug,
            name=pipeline.name,
            paused=pipeline.paused_at is not None,
            stream=stream.name,
            source_id=pipeline.source_id,
            source=stream.source,
            destination_id=pipeline.destination_id,
            destination=stream.destination,
        )
