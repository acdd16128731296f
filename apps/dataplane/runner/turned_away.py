"""Rows that a rule turned away: encrypted whole, counted by rule, and shown as shapes only."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from apps.dataplane.classify import shape
from apps.dataplane.crypto.rows import encrypt_rows

SHOWN = 50


@dataclass
class TurnedAway:
    """Counts by rule and the shapes of the first rows of each, for one stream."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    shapes: dict[str, list[dict[str, object]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, rows: pa.RecordBatch, row_ids: Sequence[int], rules: Sequence[Sequence[str]]) -> None:
        """`rules` names, row by row, every rule that turned the row away."""
        for index, names in enumerate(rules):
            for name in names:
                self.counts[name] += 1
                if len(self.shapes[name]) < SHOWN:
                    self.shapes[name].append({"row": int(row_ids[index]), "columns": _shapes(rows.slice(index, 1))})


def rules_by_row(failed: Mapping[str, np.ndarray], rows: np.ndarray) -> list[list[str]]:
    """For each row index in `rows`, the rules whose mask holds there, in order."""
    return [[name for name, mask in failed.items() if mask[row]] for row in rows]


def sealed(
    rows: pa.RecordBatch, row_ids: Sequence[int], rules: Sequence[Sequence[str]], *, key: bytes, place: str
) -> pa.Table:
    """The body of a quarantine part: every column of each row encrypted together, bound to its place and row id."""
    documents = [json.dumps(row, ensure_ascii=False).encode() for row in rows.to_pylist()]
    return pa.table(
        {
            "row_id": pa.array(row_ids, pa.int64()),
            "rules": pa.array(rules, pa.list_(pa.string())),
            "sealed": pa.array(encrypt_rows(key, documents, place=place, row_ids=row_ids), pa.binary()),
        }
    )


def _shapes(row: pa.RecordBatch) -> dict[str, str | None]:
    values = row.to_pylist()[0]
    return {name: None if value is None else shape(value) for name, value in values.items()}
