"""Gathers what a plan depends on: definition, policies, classifications, fingerprints and keys."""

from __future__ import annotations

from collections.abc import Iterable

from apps.dataplane import __version__, increments
from apps.dataplane.connectors import connector
from apps.dataplane.connectors.base import Reader
from apps.dataplane.definition import PipelineDefinition, StreamDefinition
from apps.dataplane.errors import PublishRefused, Refusal
from apps.dataplane.plan import ColumnPlan, KeptPosition, RunPlan, TableRef, TableSchema, Window
from apps.dataplane.planner import Inputs, StreamFacts, facts_of, plan_columns
from apps.grants import selectors as grants
from apps.pipelines import planning
from apps.pipelines import selectors as pipelines
from apps.policies import selectors as policies
from apps.sources import definition as stored
from apps.sources import selectors as sources

from .models import Fingerprint, Run


def inputs(run: Run, *, reader: Reader) -> Inputs:
    """Everything the plan of this run depends on, as it is now. `reader` looks at the source."""
    definition = pipelines.definition_of(run.pipeline, run.pipeline_version)
    return Inputs(
        pipeline=str(run.pipeline_id),
        pipeline_version=run.pipeline_version,
        team=str(run.team_id),
        definition=definition,
        source=sources.endpoint(run.pipeline.source_id),
        destination=sources.endpoint(run.pipeline.destination_id),
        policies=policies.active(run.team_id),
        streams=_stream_facts(run, definition, reader),
        key_versions=planning.key_versions(),
        code_version=__version__,
        reload=run.reload,
        consistency=connector(run.pipeline.source.kind).consistency,
    )


def required_now(run: Run, plan: RunPlan) -> dict[str, tuple[ColumnPlan, ...]]:
    """By stream, the columns as the policies and classifications active now would have them.

    Raises PublishRefused when the pipeline's version or a connection's is no longer the approved one.
    """
    _require_still_approved(run, plan)
    require_no_hold(
        run, [stream.destination for stream in plan.streams if stream.method in ("delete_insert", "upsert")]
    )
    return _required(run, plan)


def require_no_hold(run: Run, tables: Iterable[TableRef]) -> None:
    """A hold may have been placed since the plan was made. Raises PublishRefused."""
    for table, titles in grants.held(run.pipeline.destination_id, tables).items():
        raise PublishRefused(
            f"{table} is under legal hold ({', '.join(titles)}), so its rows stay as they are. Nothing was written.",
            remedy="Ask for the release of the hold first.",
        )


def required_for(run: Run, plan: RunPlan) -> dict[str, tuple[ColumnPlan, ...]]:
    """As `required_now` for the rows of an earlier run, whose pipeline version need not be the active one any more.

    Raises PublishRefused when they would go to another place, or into another zone, than they went to then.
    """
    then, now = plan.destination, sources.endpoint(run.pipeline.destination_id)
    if (then.connection, then.zone, then.region) != (now.connection, now.zone, now.region):
        raise PublishRefused(
            f"Run {run.number} published into zone {then.zone}, and its destination is now another. "
            "Nothing was changed.",
            remedy="Start a new run instead.",
        )
    return _required(run, plan)


def _required(run: Run, plan: RunPlan) -> dict[str, tuple[ColumnPlan, ...]]:
    active, versions = policies.active(run.team_id), planning.key_versions()
    definition = pipelines.definition_of(run.pipeline, plan.pipeline_version)
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


def _stream_facts(run: Run, definition: PipelineDefinition, reader: Reader) -> dict[str, StreamFacts]:
    source = run.pipeline.source_id
    seen = {row.stream: row for row in Fingerprint.objects.filter(run=run)}
    held = grants.held(run.pipeline.destination_id, [stream.destination for stream in definition.streams])
    facts = {}
    for stream in definition.streams:
        known, row = sources.stored_schema(source, stream.source), seen[stream.name]
        live = reader.schema(stream.source, known)
        destination = stored.table_schema(row.live_schema) if row.live_schema else None
        # A table that is gone, or is loaded anew, has no delta: its stream begins at the beginning.
        kept = None if run.reload or destination is None else _kept(row)
        facts[stream.name] = StreamFacts(
            live=live,
            known=known,
            destination=destination,
            tags=planning.tags_of(source, stream.source),
            window=_window(stream, live, kept, reader),
            kept=kept,
            held=held.get(stream.destination, ()),
        )
    return facts


def _window(
    stream: StreamDefinition, live: TableSchema | None, kept: KeptPosition | None, reader: Reader
) -> Window | None:
    """What an incremental stream would read; None where nobody can be asked, and the planner then says why."""
    if live is None or not increments.askable(stream, live):
        return None
    # A position that another cursor left means nothing to this one; the planner refuses, naming what moved.
    fits = kept is not None and increments.follows(stream, kept)
    return reader.window(stream.source, stream.increment, (kept.position or None) if kept and fits else None)


def _kept(row: Fingerprint) -> KeptPosition | None:
    return KeptPosition(**row.position) if row.position else None
