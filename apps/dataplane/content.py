"""The content hash of what was written: canonical cell bytes, version 1, and a hash of rows that no order changes.

A cell is a netstring of PostgreSQL's text form (`5:hello,`), NULL is `-,`; a row is its cells in plan order. The digest
of a set of rows is their number and the sum modulo 2**256 of each row's SHA-256: unlike XOR it does not lose pairs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

VERSION = 1
_MODULUS = 1 << 256


@dataclass
class ContentHash:
    """Add batches in any order and size; the result is the same."""

    rows: int = 0
    total: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Rows of string columns, in the plan's column order."""
        self.rows += batch.num_rows
        self.total = (self.total + _sum_of_digests(_row_bytes(batch))) % _MODULUS

    def merged(self, other: ContentHash) -> ContentHash:
        return ContentHash(self.rows + other.rows, (self.total + other.total) % _MODULUS)

    @property
    def text(self) -> str:
        """`1:<rows>:<64 hex digits>`; the first number is the version of the cell bytes."""
        return f"{VERSION}:{self.rows}:{self.total:064x}"


def _row_bytes(batch: pa.RecordBatch) -> pa.Array:
    cells = [_cells(column) for column in batch.columns]
    return pc.binary_join_element_wise(*cells, b"") if cells else pa.array([b""] * batch.num_rows, pa.binary())


def _cells(column: pa.Array) -> pa.Array:
    raw = column.cast(pa.binary())
    length = pc.binary_length(raw).cast(pa.string()).cast(pa.binary())
    framed = pc.binary_join_element_wise(length, raw, b":")
    closed = pc.binary_join_element_wise(framed, b",", b"")
    return pc.fill_null(closed, b"-,")


def _sum_of_digests(rows: pa.Array) -> int:
    digests = b"".join(hashlib.sha256(row).digest() for row in rows.to_pylist())
    limbs = np.frombuffer(digests, ">u4").reshape(-1, 8).sum(axis=0, dtype=np.uint64)
    return sum(int(limb) << 32 * (7 - place) for place, limb in enumerate(limbs))
