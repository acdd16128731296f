"""Publishes verified parts: everything in one transaction at the destination, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from apps.dataplane import lanes, treatments
from apps.dataplane.connectors.postgres import Publisher
from apps.dataplane.content import ContentHash
from apps.dataplane.errors import PublishRefused
from apps.dataplane.plan import ColumnPlan, ColumnSchema, StreamPlan

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
        for stream in reversed(plan.streams):
            self._make_room(stream)
        rows = {stream.name: self._load(stream) for stream in plan.streams}
        self._require_counts(rows)
        self.publisher.record_state(plan.pipeline, self.staged.run, fence, plan.hash)
        self.publisher.commit()
        return self._report(rows, already=False)

    def _require_policies(self) -> None:
        """The parts were treated by the plan's map; what is required now is derived anew, and must be the same."""
        for stream in self.staged.plan.streams:
            now = {column.name: column for column in self.required[stream.name]}
            for column in stream.columns:
                if not _same_treatment(column, now.get(column.name)):
                    raise PublishRefused(
                        f"Column {stream.source}.{column.name} was staged as {column.treatment}, which is not what the "
                        f"active policies require now. Nothing was written.",
                        remedy=_AGAIN,
                    )

    def _make_room(self, stream: StreamPlan) -> None:
        if stream.method == "delete_insert":
            self.publisher.lock(stream.destination)
        live = self.publisher.schema(stream.destination)
        if (live.hash if live else "") != stream.destination_fingerprint:
            raise PublishRefused(
                f"Destination table {stream.destination} changed since the run was planned. Nothing was written.",
                remedy=_AGAIN,
            )
        if stream.method == "create":
            self.publisher.create(stream.destination, [_created(column) for column in stream.written])
        else:
            self.publisher.delete_all(stream.destination)

    def _load(self, stream: StreamPlan) -> int:
        self.content[stream.name] = ContentHash()
        names = [column.destination for column in stream.written]
        return self.publisher.load(stream.destination, names, self._verified(stream))

    def _verified(self, stream: StreamPlan) -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in self._batches(stream):
            for column in stream.written:
                _require_treated(stream, column, batch.column(column.destination))
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


def _same_treatment(planned: ColumnPlan, now: ColumnPlan | None) -> bool:
    return now is not None and (planned.treatment, planned.key) == (now.treatment, now.key)


def _created(column: ColumnPlan) -> ColumnSchema:
    return ColumnSchema(column.destination, column.destination_type)


def _require_treated(stream: StreamPlan, column: ColumnPlan, values: pa.Array) -> None:
    if treatments.wants(column.treatment) == "temporal":
        values, _ = lanes.decode(values, column.destination_type)
    reason = treatments.looks_treated(column.treatment, values)
    if reason:
        raise PublishRefused(
            f"Column {stream.name}.{column.destination} does not look like {column.treatment}: {reason}. "
            "Nothing was written.",
            remedy="Look at the worker that staged it before running again.",
        )
