"""Counts what a bounded set of rows holds, column by column; of a sensitive column shapes and counts alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .classify import shapes
from .classify.suggesting import kind
from .plan import ColumnSchema

MOST_PATTERNS = 8
BINS = 12
LONGEST_BOUND = 64

Measured = list[tuple[float, str]]


@dataclass(frozen=True)
class ColumnProfile:
    """What was seen of one column. Values stand in `minimum` and `maximum` alone: of numbers and dates, not sensitive.

    `patterns` are pairs of a shape and how often it was seen, the commonest first; `histogram` counts values in equal
    steps from `minimum` to `maximum`.
    """

    name: str
    type: str
    sensitive: bool
    nulls: int
    distinct: int
    min_length: int | None
    max_length: int | None
    minimum: str | None
    maximum: str | None
    patterns: tuple[tuple[str, int], ...]
    histogram: tuple[int, ...]


def profile(columns: Sequence[ColumnSchema], rows: pa.Table, *, readable: Collection[str]) -> tuple[ColumnProfile, ...]:
    """A profile of each column that `rows` (text, as a connector samples it) holds, in the order of `columns`.

    `readable` names the columns that somebody decided are not sensitive; of all others no value is kept.
    """
    present = set(rows.column_names)
    return tuple(
        _column(one, rows.column(one.name), sensitive=one.name not in readable)
        for one in columns
        if one.name in present
    )


def without_values(column: dict[str, Any]) -> dict[str, Any]:
    """A stored column profile of a column that has become sensitive: what shapes and counts say remains."""
    return {**column, "sensitive": True, "minimum": None, "maximum": None, "histogram": []}


def _column(column: ColumnSchema, values: pa.ChunkedArray, *, sensitive: bool) -> ColumnProfile:
    lengths = pc.min_max(pc.utf8_length(values)).as_py()
    texts = values.to_pylist()
    seen = Counter(one for one in shapes(texts) if one is not None)
    measured = [] if sensitive else _measured(kind(column.type), texts)
    return ColumnProfile(
        name=column.name,
        type=column.type,
        sensitive=sensitive,
        nulls=values.null_count,
        distinct=pc.count_distinct(values).as_py(),
        min_length=lengths["min"],
        max_length=lengths["max"],
        minimum=min(measured)[1][:LONGEST_BOUND] if measured else None,
        maximum=max(measured)[1][:LONGEST_BOUND] if measured else None,
        patterns=tuple(sorted(seen.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_PATTERNS]),
        histogram=_histogram([size for size, _text in measured]),
    )


def _measured(kind_: str, texts: Sequence[str | None]) -> Measured:
    """Each value as a number to compare by and as it was written; none where the column is neither number nor date."""
    size = {"number": _number, "date": _moment, "timestamp": _moment}.get(kind_)
    if size is None:
        return []
    found = ((size(text), text) for text in texts if text is not None)
    return [(one, text) for one, text in found if one is not None]


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _moment(text: str) -> float | None:
    """Seconds since 1970; a moment without a zone counts as UTC. What no calendar knows (`infinity`) is left out."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _histogram(sizes: Sequence[float]) -> tuple[int, ...]:
    if not sizes:
        return ()
    low, high = min(sizes), max(sizes)
    # Halves, because the whole distance of two extreme numbers can be more than a float holds.
    span = high / 2 - low / 2
    if span <= 0:
        return (len(sizes),)
    counts = [0] * BINS
    for size in sizes:
        counts[min(BINS - 1, int((size / 2 - low / 2) / span * BINS))] += 1
    return tuple(counts)
