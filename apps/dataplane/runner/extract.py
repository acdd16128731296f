"""Extract, check rows, treat, stage and settle: from the source's snapshot to signed parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.connectors.base import Reader, Rejected
from apps.dataplane.parts import ROW_ID
from apps.dataplane.plan import KeyRef, RowRule, RunPlan, StreamPlan
from apps.dataplane.quality import rows as row_rules
from apps.dataplane.quality import settle as settling

from .progress import Progress, Report
from .stage import Stage
from .treat import treated, unrepresentable
from .turned_away import TurnedAway, rules_by_row, sealed

NOT_REPRESENTABLE = "not-representable"


class Keys(Protocol):
    """What the extract worker may open."""

    def treatment(self, key: KeyRef) -> bytes: ...

    def quarantine(self) -> bytes: ...


@dataclass
class Counts:
    """The row equation of a stream before publish: read = staged + quarantined + rejected + excluded."""

    read: int = 0
    staged: int = 0
    quarantined: int = 0
    rejected: int = 0
    excluded: int = 0


@dataclass(frozen=True)
class ExtractReport:
    """What was read and where every row went, by stream; `rejected` are lines of files that were no rows."""

    counts: Mapping[str, Counts]
    turned_away: Mapping[str, TurnedAway]
    rejected: Mapping[str, Rejected] = field(default_factory=dict)


@dataclass
class Extraction:
    """One attempt to extract a plan. `day` is the date that `today` means in row rules."""

    plan: RunPlan
    reader: Reader
    stage: Stage
    keys: Keys
    day: date
    report: Report
    counts: dict[str, Counts] = field(default_factory=dict)
    turned_away: dict[str, TurnedAway] = field(default_factory=dict)
    rejected: dict[str, Rejected] = field(default_factory=dict)

    def run(self) -> ExtractReport:
        """All streams out of one snapshot, then settle over all of them."""
        for stream in self.plan.streams:
            self.counts[stream.name], self.turned_away[stream.name] = Counts(), TurnedAway()
            self._stream(stream)
        self._settle()
        return ExtractReport(self.counts, self.turned_away, self.rejected)

    def _stream(self, stream: StreamPlan) -> None:
        names = [column.name for column in stream.columns]
        counts = self.counts[stream.name]
        for batch in self.reader.read(stream.source, names, window=stream.window):
            row_ids = pa.array(np.arange(counts.read, counts.read + batch.num_rows), pa.int64())
            counts.read += batch.num_rows
            self._batch(stream, batch, row_ids)
            self.report(Progress("extract", stream.name, counts.read))
        self.rejected[stream.name] = lines = self.reader.rejected(stream.source)
        counts.read += lines.total
        counts.rejected += lines.total

    def _batch(self, stream: StreamPlan, batch: pa.RecordBatch, row_ids: pa.Array) -> None:
        counts = self.counts[stream.name]
        kept = self._kept(stream, batch)
        counts.excluded += int((~kept).sum())
        failed = self._failed(stream, batch)
        rejecting = [rule.id for rule in stream.row_checks if rule.on_fail == "reject"]
        rejected = kept & _any([failed[name] for name in rejecting], batch.num_rows)
        quarantined = kept & ~rejected & _any(list(failed.values()), batch.num_rows)
        counts.rejected += int(rejected.sum())
        self._turn_away(stream, batch, row_ids, failed, rejected, keep=False)
        self._turn_away(stream, batch, row_ids, failed, quarantined, keep=True)
        passing = pa.array(kept & ~rejected & ~quarantined)
        rows, ids = batch.filter(passing), row_ids.filter(passing)
        counts.staged += rows.num_rows
        self.stage.write(stream, "rows", treated(stream, rows, ids, self.keys))

    def _kept(self, stream: StreamPlan, batch: pa.RecordBatch) -> np.ndarray:
        kept = np.ones(batch.num_rows, bool)
        for rule in stream.filters:
            kept &= self._holds(stream, rule, batch)
        return kept

    def _failed(self, stream: StreamPlan, batch: pa.RecordBatch) -> dict[str, np.ndarray]:
        """By rule, the rows that break it; a value that no treatment could take counts as a broken rule."""
        failed = {rule.id: ~self._holds(stream, rule, batch) for rule in stream.row_checks}
        unfit = [_mask(mask) for mask in unrepresentable(stream, batch).values()]
        if unfit:
            failed[NOT_REPRESENTABLE] = _any(unfit, batch.num_rows)
        return failed

    def _holds(self, stream: StreamPlan, rule: RowRule, batch: pa.RecordBatch) -> np.ndarray:
        types = {column.name: column.type for column in stream.columns}
        return _mask(row_rules.holds(rule, batch, types, day=self.day))

    def _turn_away(
        self,
        stream: StreamPlan,
        batch: pa.RecordBatch,
        row_ids: pa.Array,
        failed: Mapping[str, np.ndarray],
        mask: np.ndarray,
        *,
        keep: bool,
    ) -> None:
        """Rejected rows are counted and gone; quarantined ones are encrypted and kept."""
        indexes = np.flatnonzero(mask)
        if not len(indexes):
            return
        chosen = pa.array(mask)
        rules = rules_by_row(failed, indexes)
        self._put_away(stream, batch.filter(chosen), row_ids.filter(chosen).to_pylist(), rules, keep=keep)

    def _put_away(
        self, stream: StreamPlan, rows: pa.RecordBatch, ids: list[int], rules: list[list[str]], *, keep: bool
    ) -> None:
        self.turned_away[stream.name].add(rows, ids, rules)
        if keep:
            self.counts[stream.name].quarantined += len(ids)
            place = f"run/{self.stage.run}/{stream.name}"
            table = sealed(rows, ids, rules, key=self.keys.quarantine(), place=place)
            self.stage.write(stream, "quarantine", table)

    def _settle(self) -> None:
        """Set logic over all staged rows; what falls is listed in a part of its own and quarantined as staged."""
        paths = {stream.name: self.stage.paths(stream.name, "rows") for stream in self.plan.streams}
        rules = {stream.name: stream.settle for stream in self.plan.streams if stream.settle}
        fallen = settling.settle(paths, rules) if rules else {}
        for stream in self.plan.streams:
            removed = fallen.get(stream.name)
            if removed is not None and removed.num_rows:
                self._remove(stream, removed)
            self.report(Progress("settle", stream.name, self.counts[stream.name].staged))

    def _remove(self, stream: StreamPlan, removed: pa.Table) -> None:
        self.stage.write(stream, "removed", removed.select(["row_id", "rule"]))
        self.counts[stream.name].staged -= removed.num_rows
        rules = dict(zip(removed["row_id"].to_pylist(), removed["rule"].to_pylist(), strict=True))
        for path in self.stage.paths(stream.name, "rows"):
            for batch in _batches(path):
                found = batch.filter(pc.is_in(batch.column(ROW_ID), value_set=removed["row_id"].combine_chunks()))
                if found.num_rows:
                    ids = found.column(ROW_ID).to_pylist()
                    rows = found.drop_columns([ROW_ID])
                    self._put_away(stream, rows, ids, [[rules[row]] for row in ids], keep=True)


def _batches(path: object) -> list[pa.RecordBatch]:
    import pyarrow.parquet as pq

    return list(pq.ParquetFile(path).iter_batches(batch_size=65_536))


def _mask(array: pa.Array) -> np.ndarray:
    return np.asarray(array.to_numpy(zero_copy_only=False), bool)


def _any(masks: list[np.ndarray], rows: int) -> np.ndarray:
    return np.logical_or.reduce(masks) if masks else np.zeros(rows, bool)
