"""What every format gives: rows of text with the lines they came from, and a word for each line that is no row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apps.dataplane.connectors.base import Rejected, RejectedLine

from .types import fit

MOST_KEPT = 1_000


@dataclass(frozen=True)
class Piece:
    """Some rows of a file, every column a string; `lines` holds where each of them begins."""

    batch: pa.RecordBatch
    lines: NDArray[np.int64]

    def where(self, mask: pa.BooleanArray) -> Piece:
        return Piece(self.batch.filter(mask), self.lines[np.asarray(mask.to_numpy(zero_copy_only=False), bool)])


@dataclass
class Rejects:
    """Lines turned away: the first of them, and how many."""

    lines: list[RejectedLine] = field(default_factory=list)
    total: int = 0

    def add(self, file: str, line: int, reason: str) -> None:
        self.total += 1
        if len(self.lines) < MOST_KEPT:
            self.lines.append(RejectedLine(file, int(line), reason))

    def frozen(self) -> Rejected:
        return Rejected(tuple(self.lines), self.total)


Reject = Callable[[int, str], None]


class FileTable(Protocol):
    """A file opened as a table. `types` is None where the format has none and every value comes as written."""

    names: tuple[str, ...]
    types: Mapping[str, str] | None
    detected: Mapping[str, str]

    def pieces(self, columns: Sequence[str], reject: Reject) -> Iterator[Piece]:
        """The rows, in order. `reject` is told the line, and the reason without its text."""
        ...


def with_missing(batch: pa.RecordBatch, na: Mapping[str, Sequence[str]]) -> pa.RecordBatch:
    """The batch with nulls where a spelling of the column, or of `*`, says so."""
    if not na:
        return batch
    columns = []
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        spellings = na.get(name, na.get("*"))
        if spellings is None:
            columns.append(values)
            continue
        missing = pc.is_in(values, value_set=pa.array(list(spellings), pa.string()))
        columns.append(pc.if_else(missing, pa.scalar(None, pa.string()), values))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def fitted(piece: Piece, types: Mapping[str, str], reject: Reject) -> Piece:
    """The rows whose values all fit their types, in PostgreSQL's form; the others are rejected, each for one column."""
    columns, misfits = [], []
    for name, values in zip(piece.batch.schema.names, piece.batch.columns, strict=True):
        right, wrong = fit(values, types[name])
        columns.append(right)
        if wrong is not None:
            misfits.append((name, wrong))
    whole = Piece(pa.RecordBatch.from_arrays(columns, schema=piece.batch.schema), piece.lines)
    if not misfits:
        return whole
    bad = np.zeros(piece.batch.num_rows, bool)
    told: dict[int, str] = {}
    for name, wrong in misfits:
        mask = np.asarray(wrong.to_numpy(zero_copy_only=False), bool)
        told |= {int(row): f"the value of column {name} is no {types[name]}" for row in np.flatnonzero(mask & ~bad)}
        bad |= mask
    for row in sorted(told):
        reject(int(piece.lines[row]), told[row])
    return whole.where(pa.array(~bad))
