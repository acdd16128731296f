"""Compiles a run plan, or refuses naming every column and stream at fault: an allow-list, never a guess.

Pure: the caller gathers what is active and what is live (`Inputs`); the same inputs always give the same plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from . import increments, lanes, treatments
from .definition import PipelineDefinition, StreamDefinition
from .destination import problems_at
from .errors import Invalid, PlanRefused, Refusal
from .parts import ROW_ID
from .plan import (
    SNAPSHOT,
    ColumnPlan,
    ColumnSchema,
    EndpointRef,
    KeptPosition,
    KeyRef,
    PolicyRef,
    RunPlan,
    SettleRule,
    StreamPlan,
    TableSchema,
    Window,
)
from .policy import ColumnFacts, Decision, PolicyText, decide
from .quality import gate, rows

LANE = "text"


@dataclass(frozen=True)
class StreamFacts:
    """What is known of one stream's tables.

    `live` and `destination` are the tables as they are now (None: absent); `known` is the source table as last
    discovered; `tags` what each known column was classified as (None, or missing: unclassified). `window` is what an
    incremental stream would read, `kept` the position at the destination that it starts from; None: nobody asked.
    `held` titles the legal holds on the destination table.
    """

    live: TableSchema | None
    known: TableSchema | None
    destination: TableSchema | None
    tags: Mapping[str, tuple[str, ...] | None]
    window: Window | None = None
    kept: KeptPosition | None = None
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """Everything a plan depends on. `key_versions` maps each key domain to its active version.

    `reload`: incremental streams read everything once more and replace what is there. `consistency`: how far what is
    read of several tables belongs together, in words.
    """

    pipeline: str
    pipeline_version: int
    team: str
    definition: PipelineDefinition
    source: EndpointRef
    destination: EndpointRef
    policies: tuple[PolicyText, ...]
    streams: Mapping[str, StreamFacts]
    key_versions: Mapping[str, int]
    code_version: str
    reload: bool = False
    consistency: str = SNAPSHOT


@dataclass
class _Draft:
    """Refusals are collected, so that one attempt names everything that has to be mended."""

    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, code: str, subject: str, sentence: str, remedy: str) -> None:
        self.refusals.append(Refusal(code, subject, sentence, remedy))


def compile_plan(inputs: Inputs) -> RunPlan:
    """The plan of one run. Raises PlanRefused with every reason found."""
    draft = _Draft()
    streams = [_stream(stream, inputs, draft) for stream in inputs.definition.streams]
    planned = tuple(stream for stream in streams if stream)
    if len(planned) == len(streams):
        _check_gate(planned, inputs.definition, draft)
        _check_settle(planned, draft)
    if draft.refusals:
        raise PlanRefused(draft.refusals)
    return RunPlan(
        pipeline=inputs.pipeline,
        pipeline_version=inputs.pipeline_version,
        team=inputs.team,
        source=inputs.source,
        destination=inputs.destination,
        purpose=inputs.definition.purpose,
        streams=planned,
        output_checks=inputs.definition.output_checks,
        policies=tuple(PolicyRef(policy.slug, policy.version, policy.hash) for policy in inputs.policies),
        consistency=inputs.consistency,
        lane=LANE,
        code_version=inputs.code_version,
    )


def plan_columns(
    columns: Sequence[ColumnSchema],
    facts: Mapping[str, ColumnFacts],
    *,
    zone: str,
    purpose: str,
    policies: Sequence[PolicyText],
    key_versions: Mapping[str, int],
) -> Iterator[ColumnPlan | Refusal]:
    """Each column's treatment and why, or why not; also for pages and reviews, before anything runs."""
    for column in columns:
        decision = decide(facts[column.name], zone=zone, purpose=purpose, policies=policies)
        if isinstance(decision, Refusal):
            yield decision
        else:
            yield _column(column, facts[column.name], decision, key_versions)


def facts_of(
    stream: StreamDefinition, columns: Sequence[ColumnSchema], tags: Mapping[str, tuple[str, ...] | None]
) -> dict[str, ColumnFacts]:
    """What policies look at, for each column of a stream's source table."""
    return {
        column.name: ColumnFacts(stream.source, column.name, column.type, tags.get(column.name)) for column in columns
    }


def _stream(stream: StreamDefinition, inputs: Inputs, draft: _Draft) -> StreamPlan | None:
    facts = inputs.streams[stream.name]
    before = len(draft.refusals)
    if facts.live is None:
        draft.refuse(
            "source-missing",
            stream.name,
            f"Source table {stream.source} does not exist, or may not be read.",
            "Create it, grant SELECT on it, or change the pipeline.",
        )
        return None
    _check_drift(stream, facts, draft)
    columns = _columns(stream, facts.live, inputs, draft)
    _check_rows(stream, facts.live, draft)
    draft.refusals.extend(problems_at(stream, facts.live, facts.destination, columns))
    draft.refusals.extend(
        increments.problems(
            stream,
            facts.live,
            facts.destination,
            columns,
            window=facts.window,
            kept=None if inputs.reload else facts.kept,
        )
    )
    if len(draft.refusals) > before:
        return None
    return _stream_plan(stream, facts, facts.live, columns, inputs)


def _stream_plan(
    stream: StreamDefinition, facts: StreamFacts, live: TableSchema, columns: tuple[ColumnPlan, ...], inputs: Inputs
) -> StreamPlan:
    implied = increments.implied_settle(stream, live)
    settle, proofs = increments.settled_where(stream, inputs.definition)
    return StreamPlan(
        name=stream.name,
        source=stream.source,
        destination=stream.destination,
        mode=stream.mode,  # type: ignore[arg-type]
        method=increments.method(stream, facts.destination, reload=inputs.reload),
        columns=columns,
        filters=stream.filters,
        row_checks=(*stream.row_checks, *increments.implied_checks(stream, live)),
        settle=(*implied, *settle),
        drift="hold",
        source_schema_hash=live.hash,
        destination_fingerprint=facts.destination.hash if facts.destination else "",
        estimated_rows=live.estimated_rows,
        key=stream.key,
        window=replace(facts.window, ordered=bool(implied)) if facts.window else None,
        binding=increments.binding(stream, columns) if stream.mode != "replace" else "",
        proofs=proofs,
    )


def _columns(stream: StreamDefinition, live: TableSchema, inputs: Inputs, draft: _Draft) -> tuple[ColumnPlan, ...]:
    facts = facts_of(stream, live.columns, inputs.streams[stream.name].tags)
    planned = plan_columns(
        live.columns,
        facts,
        zone=inputs.destination.zone,
        purpose=inputs.definition.purpose,
        policies=inputs.policies,
        key_versions=inputs.key_versions,
    )
    columns = []
    for column in planned:
        if isinstance(column, Refusal):
            draft.refusals.append(column)
        else:
            columns.append(column)
    return tuple(columns)


def _column(
    column: ColumnSchema, facts: ColumnFacts, decision: Decision, key_versions: Mapping[str, int]
) -> ColumnPlan | Refusal:
    spec = decision.treatment
    try:
        type_after = treatments.output_type(spec, column.type)
    except Invalid as error:
        return Refusal("type", facts.path, f"Column {facts.path}: {error.sentence}", error.remedy)
    version = key_versions.get(decision.domain)
    if column.name == ROW_ID:
        sentence = f"Column {facts.path} has a name that Lockgate keeps for itself."
        return Refusal("reserved-name", facts.path, sentence, "Rename the column at the source, or copy a view of it.")
    if decision.domain and version is None:
        sentence = f"Column {facts.path} needs a key of domain {decision.domain!r}, and there is none."
        return Refusal("no-key", facts.path, sentence, "Name another key domain in the policy, or create this one.")
    key = KeyRef(decision.domain, version) if decision.domain and version else None
    kept = column.name if type_after else ""
    return ColumnPlan(column.name, column.type, facts.tags or (), spec, key, kept, type_after, decision.why)


def _check_holds(stream: StreamDefinition, facts: StreamFacts, inputs: Inputs, draft: _Draft) -> None:
    """Rows under legal hold stay as they are: new ones may come, none may go or change."""
    method = increments.method(stream, facts.destination, reload=inputs.reload)
    if facts.held and method in ("delete_insert", "upsert"):
        what = "replace" if method == "delete_insert" else "write over"
        sentence = (
            f"{stream.destination} is under legal hold ({', '.join(facts.held)}); this run would {what} its rows."
        )
        draft.refuse("held", stream.name, sentence, "Ask for the release of the hold, or append to another table.")


def _check_drift(stream: StreamDefinition, facts: StreamFacts, draft: _Draft) -> None:
    """A column that nobody classified is refused as unclassified; what is gone or retyped is named here."""
    assert facts.live is not None
    if facts.known is None:
        draft.refuse(
            "undiscovered",
            stream.name,
            f"Source table {stream.source} was never discovered.",
            "Discover the connection, then classify the table's columns.",
        )
        return
    for known in facts.known.columns:
        live = facts.live.column(known.name)
        subject = f"{stream.source}.{known.name}"
        if live is None:
            draft.refuse("dropped", subject, f"Column {subject} is gone since the last discovery.", _REDISCOVER)
        elif live.type != known.type:
            sentence = f"Column {subject} changed from {known.type} to {live.type} since the last discovery."
            draft.refuse("retyped", subject, sentence, _REDISCOVER)


_REDISCOVER = "Discover the connection again and look at the drift."


def _check_rows(stream: StreamDefinition, live: TableSchema, draft: _Draft) -> None:
    types = {column.name: column.type for column in live.columns}
    for rule in (*stream.filters, *stream.row_checks):
        try:
            rows.validate(rule, types)
        except Invalid as error:
            draft.refuse("rule", f"{stream.name}/{rule.id}", f"Rule {rule.id}: {error.sentence}", error.remedy)


def _check_settle(streams: Sequence[StreamPlan], draft: _Draft) -> None:
    by_name = {stream.name: stream for stream in streams}
    for stream in streams:
        for rule in (*stream.settle, *stream.proofs):
            for owner, columns in ((stream, rule.columns), (by_name.get(rule.target, stream), rule.to)):
                for name in columns:
                    _check_settled(rule, owner, name, draft)


def _check_settled(rule: SettleRule, stream: StreamPlan, name: str, draft: _Draft) -> None:
    column = next((column for column in stream.written if column.destination == name), None)
    if column is None:
        sentence = f"Rule {rule.id} looks at {stream.name}.{name}, which does not reach the destination."
        draft.refuse("rule", f"{stream.name}/{rule.id}", sentence, "Name a column that is written.")
    elif not treatments.unique_kept(column.treatment):
        sentence = f"Rule {rule.id} compares {stream.name}.{name}, but {column.treatment} makes different values alike."
        draft.refuse("rule", f"{stream.name}/{rule.id}", sentence, "Compare a column that passes or becomes a token.")


def _check_gate(streams: Sequence[StreamPlan], definition: PipelineDefinition, draft: _Draft) -> None:
    types = {s.name: {c.destination: lanes.duckdb_type(c.destination_type) for c in s.written} for s in streams}
    for check in definition.output_checks:
        try:
            gate.validate_check(check, types[check.stream])
        except Invalid as error:
            draft.refuse("check", f"{check.stream}/{check.id}", f"Check {check.id}: {error.sentence}", error.remedy)
