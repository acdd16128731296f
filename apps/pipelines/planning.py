"""What a pipeline would do with each column, from what is stored: for pages and reviews, before anything runs.

The plan of a run is compiled from live tables by `runs`; both ask the same pure planner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.core.ids import Id
from apps.dataplane import planner
from apps.dataplane.definition import PipelineDefinition, StreamDefinition
from apps.dataplane.errors import Refusal
from apps.dataplane.plan import ColumnPlan, TableRef
from apps.dataplane.policy import PolicyText
from apps.keys import selectors as keys
from apps.policies import selectors as policies_
from apps.sources import selectors as sources

from . import selectors
from .models import Pipeline

Tags = tuple[str, ...] | None
# (connection id, schema, table, column) -> what a proposal would classify it as.
Classifications = Mapping[tuple[str, str, str, str], Tags]
Planned = tuple[ColumnPlan | Refusal, ...]


@dataclass(frozen=True)
class Wiring:
    """A definition between its two connections; it need not be stored."""

    team_id: UUID
    source_id: UUID
    destination_id: UUID
    definition: PipelineDefinition


def wiring_of(pipeline: Pipeline) -> Wiring:
    """The active version of a pipeline."""
    return Wiring(pipeline.team_id, pipeline.source_id, pipeline.destination_id, selectors.definition_of(pipeline))


def stored_plan(
    wiring: Wiring,
    *,
    classifications: Classifications | None = None,
    policies: Sequence[PolicyText] | None = None,
    zone: str | None = None,
) -> dict[str, Planned]:
    """By stream, every column as last discovered with its treatment and why, or why it is refused.

    `classifications`, `policies` and the destination's `zone`, where given, stand for what a proposal would make
    active. An undiscovered table has no columns.
    """
    active = policies_.active(wiring.team_id) if policies is None else policies
    place = zone or sources.endpoint(wiring.destination_id).zone
    versions = key_versions()
    return {
        stream.name: _columns(wiring, stream, classifications or {}, place, active, versions)
        for stream in wiring.definition.streams
    }


def key_versions() -> dict[str, int]:
    """The active version of each key domain."""
    return {domain: keys.active_version(domain) for domain in keys.domains()}


def tags_of(connection_id: Id, ref: TableRef) -> dict[str, Tags]:
    """What each column of a table is classified as; None: unclassified."""
    return {fact.name: fact.tags for fact in sources.facts(connection_id, ref)}


def _columns(
    wiring: Wiring,
    stream: StreamDefinition,
    classifications: Classifications,
    zone: str,
    policies: Sequence[PolicyText],
    versions: Mapping[str, int],
) -> Planned:
    schema = sources.stored_schema(wiring.source_id, stream.source)
    if schema is None:
        return ()
    tags = tags_of(wiring.source_id, stream.source)
    place = (str(wiring.source_id), stream.source.schema, stream.source.table)
    tags = {name: classifications.get((*place, name), held) for name, held in tags.items()}
    facts = planner.facts_of(stream, schema.columns, tags)
    purpose = wiring.definition.purpose
    return tuple(
        planner.plan_columns(
            schema.columns, facts, zone=zone, purpose=purpose, policies=policies, key_versions=versions
        )
    )
