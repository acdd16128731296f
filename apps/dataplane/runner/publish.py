"""Publishes verified parts: everything in one transaction at the destination, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from apps.dataplane import lanes, treatments
from apps.dataplane.canonical import canonical_hash
from apps.dataplane.connectors.base import Publisher
from apps.dataplane.content import ContentHash
from apps.dataplane.errors import PublishRefused
from apps.dataplane.plan import ColumnPlan, ColumnSchema, KeptPosition, RunPlan, StreamPlan

from .progress import Progress, Report
from .staged import Staged

_AGAIN = "Start the run again: it is planned by the rules and tables of then."


@dataclass(frozen=True)
class PublishReport:
    """Rows written and their content hash, by stream. `already`: an earlier attempt had committed."""

    rows: Mapping[str, int]
    content: Mapping[str, str]
    already: bool


@dataclass
class Publication:
    """One attempt to publish. `required` holds, by stream, the columns as the policies active now would have them."""

    staged: Staged
    required: Mapping[str, tuple[ColumnPlan, ...]]
    expected: Mapping[str, int]
    publisher: Publisher
    report: Report
    content: dict[str, ContentHash] = field(default_factory=dict)

    def run(self) -> PublishReport:
        """Raises PartRejected or PublishRefused before anything is written, Fenced when another attempt is ahead."""
        plan, fence = self.staged.plan, self.staged.fence
        state = self.publisher.state(plan.pipeline, fence=fence)
        already = bool(state and (state.run, state.fence, state.plan_hash) == (self.staged.run, fence, plan.hash))
        self.staged.verify()
        if already:
            return self._report(self._hashed(), already=True)
        self._require_policies()
        before = self.publisher.positions(plan.pipeline)
        for stream in reversed(plan.streams):
            self._require_position(stream, before.get(stream.name))
            self._make_room(stream)
        rows = {stream.name: self._load(stream) for stream in plan.streams}
        self._require_counts(rows)
        prove(self.publisher, plan)
        positions = positions_after(plan, self.staged.run, before)
        self.publisher.record_state(plan.pipeline, self.staged.run, fence, plan.hash, positions)
        self.publisher.commit()
        return self._report(rows, already=False)

    def _require_policies(self) -> None:
        """The parts were treated by the plan's map; what is required now is derived anew, and must be the same."""
        for stream in self.staged.plan.streams:
            now = {column.name: column for column in self.required[stream.name]}
            for column in stream.columns:
                if not same_treatment(column, now.get(column.name)):
                    raise PublishRefused(
                        f"Column {stream.source}.{column.name} was staged as {column.treatment}, which is not what the "
                        f"active policies require now. Nothing was written.",
                        remedy=_AGAIN,
                    )

    def _require_position(self, stream: StreamPlan, kept: KeptPosition | None) -> None:
        """A delta fits what is there only when it begins where the last one ended."""
        if not stream.incremental or stream.window is None or stream.window.kind == "whole":
            return
        if stream.window.since != (canonical_hash(dict(kept.position)) if kept and kept.position else ""):
            raise PublishRefused(
                f"Rows were added to {stream.destination} since the run was planned, or taken out of it. "
                "Nothing was written.",
                remedy=_AGAIN,
            )

    def _make_room(self, stream: StreamPlan) -> None:
        if stream.method != "create":
            self.publisher.lock(stream.destination)
        live = self.publisher.schema(stream.destination)
        if (live.hash if live else "") != stream.destination_fingerprint:
            raise PublishRefused(
                f"Destination table {stream.destination} changed since the run was planned. Nothing was written.",
                remedy=_AGAIN,
            )
        if stream.method == "create":
            self.publisher.create(stream.destination, [created(column) for column in stream.written], stream.key)
        elif stream.method == "delete_insert":
            self.publisher.delete_all(stream.destination)
        elif stream.method == "insert" and _at_the_beginning(stream):
            self._require_empty(stream)

    def _require_empty(self, stream: StreamPlan) -> None:
        """Rows that no append of this stream has left there would become double."""
        if not self.publisher.is_empty(stream.destination):
            raise PublishRefused(
                f"Destination table {stream.destination} holds rows that this stream has not appended. "
                "Nothing was written.",
                remedy="Start a run that loads the table anew, or empty the table.",
            )

    def _load(self, stream: StreamPlan) -> int:
        self.content[stream.name] = ContentHash()
        return load(self.publisher, stream, self._verified(stream))

    def _verified(self, stream: StreamPlan) -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in self._batches(stream):
            for column in stream.written:
                require_treated(stream, column, batch.column(column.destination))
            yield batch
            done += batch.num_rows
            self.report(Progress("publish", stream.name, done))

    def _batches(self, stream: StreamPlan) -> Iterator[pa.RecordBatch]:
        names = [column.destination for column in stream.written]
        for table in self.staged.rows(stream.name):
            for batch in table.select(names).combine_chunks().to_batches():
                self.content[stream.name].add(batch)
                yield batch

    def _hashed(self) -> dict[str, int]:
        """The rows of an earlier attempt that committed: counted and hashed from its parts, not written again."""
        rows = {}
        for stream in self.staged.plan.streams:
            self.content[stream.name] = ContentHash()
            rows[stream.name] = sum(batch.num_rows for batch in self._batches(stream))
        return rows

    def _require_counts(self, rows: Mapping[str, int]) -> None:
        for name, count in self.expected.items():
            if rows[name] != count:
                raise PublishRefused(
                    f"Stream {name} has {rows[name]} rows to publish, but {count} were staged. Nothing was written.",
                    remedy=_AGAIN,
                )

    def _report(self, rows: Mapping[str, int], *, already: bool) -> PublishReport:
        return PublishReport(rows, {name: content.text for name, content in self.content.items()}, already)


def load(publisher: Publisher, stream: StreamPlan, rows: Iterator[pa.RecordBatch]) -> int:
    """Gets a stream's rows into its table as its method says; how many."""
    names = [column.destination for column in stream.written]
    if stream.method == "upsert":
        return publisher.merge(stream.destination, names, stream.key, rows)
    return publisher.load(stream.destination, names, rows)


def prove(publisher: Publisher, plan: RunPlan) -> None:
    """Rules that the staged rows alone cannot settle, looked up in the tables as they would be."""
    for stream in plan.streams:
        for rule in stream.proofs:
            target = plan.stream(rule.target).destination if rule.target else stream.destination
            if publisher.breaks(stream.destination, rule, target):
                what = "refer to nothing" if rule.kind == "references" else "are there twice"
                raise PublishRefused(
                    f"With the new rows, rows of {stream.destination} {what} (rule {rule.id}). Nothing was written.",
                    remedy="Mend the rows at the source, or start a run that loads the table anew.",
                )


def positions_after(plan: RunPlan, run: str, before: Mapping[str, KeptPosition]) -> dict[str, KeptPosition]:
    """How far each incremental stream has come once this plan is published."""
    after = {}
    for stream in plan.streams:
        if stream.mode == "replace":
            continue
        position = stream.window.position if stream.window else None
        if position is None and stream.incremental and stream.name in before:
            position = before[stream.name].position
        # Also without a position: the binding says by which treatments the rows there were written.
        after[stream.name] = KeptPosition(run, stream.binding, position or {})
    return after


def _at_the_beginning(stream: StreamPlan) -> bool:
    return stream.window is None or not stream.window.since


def same_treatment(planned: ColumnPlan, now: ColumnPlan | None) -> bool:
    """Whether a column would be treated now as it was planned, under the same key."""
    return now is not None and (planned.treatment, planned.key) == (now.treatment, now.key)


def created(column: ColumnPlan) -> ColumnSchema:
    """The column of a destination table that is made to fit."""
    return ColumnSchema(column.destination, column.destination_type)


def require_treated(stream: StreamPlan, column: ColumnPlan, values: pa.Array) -> None:
    """Raises PublishRefused for values that cannot be the treatment's output."""
    if treatments.wants(column.treatment) == "temporal":
        values, _ = lanes.decode(values, column.destination_type)
    reason = treatments.looks_treated(column.treatment, values)
    if reason:
        raise PublishRefused(
            f"Column {stream.name}.{column.destination} does not look like {column.treatment}: {reason}. "
            "Nothing was written.",
            remedy="Look at the worker that staged it before running again.",
        )
