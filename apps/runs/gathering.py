"""Gathers what a plan depends on: definition, policies, classifications, fingerprints and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from apps.dataplane import __version__
from apps.dataplane.definition import PipelineDefinition
from apps.dataplane.errors import PublishRefused, Refusal
from apps.dataplane.plan import ColumnPlan, RunPlan, TableRef, TableSchema
from apps.dataplane.planner import Inputs, StreamFacts, facts_of, plan_columns
from apps.pipelines import planning
from apps.pipelines import selectors as pipelines
from apps.policies import selectors as policies
from apps.sources import definition as stored
from apps.sources import selectors as sources

from .models import Fingerprint, Run


def inputs(run: Run, *, live: Callable[[TableRef], TableSchema | None]) -> Inputs:
    """Everything the plan of this run depends on, as it is now. `live` looks at the source's tables."""
    definition = pipelines.definition_of(run.pipeline, run.pipeline_version)
    fingerprints = _fingerprints(run)
    return Inputs(
        pipeline=str(run.pipeline_id),
        pipeline_version=run.pipeline_version,
        team=str(run.team_id),
        definition=definition,
        source=sources.endpoint(run.pipeline.source_id),
        destination=sources.endpoint(run.pipeline.destination_id),
        policies=policies.active(run.team_id),
        streams=_stream_facts(run, definition, live, fingerprints),
        key_versions=planning.key_versions(),
        code_version=__version__,
    )


def required_now(run: Run, plan: RunPlan) -> dict[str, tuple[ColumnPlan, ...]]:
    """By stream, the columns as the policies and classifications active now would have them.

    Raises PublishRefused when the pipeline's version or a connection's is no longer the approved one.
    """
    _require_still_approved(run, plan)
    active, versions = policies.active(run.team_id), planning.key_versions()
    definition = pipelines.definition_of(run.pipeline, run.pipeline_version)
    zone = sources.endpoint(run.pipeline.destination_id).zone
    required: dict[str, tuple[ColumnPlan, ...]] = {}
    for stream in definition.streams:
        schema = sources.stored_schema(run.pipeline.source_id, stream.source)
        tags = planning.tags_of(run.pipeline.source_id, stream.source)
        columns = schema.columns if schema else ()
        facts = facts_of(stream, columns, tags)
        decided = plan_columns(
            columns, facts, zone=zone, purpose=definition.purpose, policies=active, key_versions=versions
        )
        required[stream.name] = tuple(column for column in decided if not isinstance(column, Refusal))
    return required


def _require_still_approved(run: Run, plan: RunPlan) -> None:
    run.pipeline.refresh_from_db()
    moved = (
        (run.pipeline.active_version != plan.pipeline_version, "the pipeline"),
        (run.pipeline.archived_at is not None, "the pipeline"),
        (sources.endpoint(run.pipeline.source_id) != plan.source, "the source connection"),
        (sources.endpoint(run.pipeline.destination_id) != plan.destination, "the destination connection"),
    )
    what = next((name for differs, name in moved if differs), None)
    if what:
        raise PublishRefused(
            f"The approved version of {what} changed since the run was planned. Nothing was written.",
            remedy="Start the run again: it is planned by the version approved now.",
        )


def _stream_facts(
    run: Run,
    definition: PipelineDefinition,
    live: Callable[[TableRef], TableSchema | None],
    fingerprints: Mapping[str, TableSchema | None],
) -> dict[str, StreamFacts]:
    source = run.pipeline.source_id
    return {
        stream.name: StreamFacts(
            live=live(stream.source),
            known=sources.stored_schema(source, stream.source),
            destination=fingerprints[stream.name],
            tags=planning.tags_of(source, stream.source),
        )
        for stream in definition.streams
    }


def _fingerprints(run: Run) -> dict[str, TableSchema | None]:
    rows = Fingerprint.objects.filter(run=run)
    return {row.stream: stored.table_schema(row.live_schema) if row.live_schema else None for row in rows}
