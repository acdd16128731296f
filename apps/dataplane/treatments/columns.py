"""Brings Arrow columns of every layout into one, or refuses their type by name."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from .base import refuse_type

TEXT = "text (utf8, large_utf8, utf8_view, also dictionary or run-end encoded) and integers"
TEMPORAL = "date32 and timestamp, also dictionary or run-end encoded"


def as_text(column: pa.Array | pa.ChunkedArray, kind: str) -> pa.Array:
    """One utf8 array without offset quirks. Integers become their decimal digits, as PostgreSQL writes them."""
    plain = plain_array(column)
    if not (_is_text(plain.type) or pa.types.is_integer(plain.type) or pa.types.is_null(plain.type)):
        raise refuse_type(kind, f"Arrow {plain.type}", TEXT)
    return plain if plain.type == pa.string() else plain.cast(pa.string())


def as_temporal(column: pa.Array | pa.ChunkedArray, kind: str) -> pa.Array:
    """One date32 or timestamp array."""
    plain = plain_array(column)
    if not (pa.types.is_date32(plain.type) or pa.types.is_timestamp(plain.type)):
        raise refuse_type(kind, f"Arrow {plain.type}", TEMPORAL)
    return plain


def plain_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array without chunks, dictionary or runs, so that its validity is that of its values."""
    single = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    while pa.types.is_dictionary(single.type) or pa.types.is_run_end_encoded(single.type):
        runs = pa.types.is_run_end_encoded(single.type)
        single = pc.run_end_decode(single) if runs else single.dictionary_decode()
    return single


def all_the_same(column: pa.Array | pa.ChunkedArray, value: str) -> pa.Array:
    """`value` wherever `column`, of any Arrow type, is not null."""
    return pc.if_else(plain_array(column).is_valid(), value, pa.scalar(None, pa.string()))


def by_value(column: pa.Array, treat: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """`treat` over the column, or only over its distinct values where values repeat. `treat` sees no null."""
    if _repeats(column):
        encoded = column.dictionary_encode()
        return treat(encoded.dictionary).take(encoded.indices)
    if not column.null_count:
        return treat(column)
    valid = column.is_valid()
    place = pc.subtract(pc.cumulative_sum(valid.cast(pa.int64())), 1)
    return treat(column.drop_null()).take(pc.if_else(valid, place, None))


def count_failing(column: pa.Array, holds: pa.Array, expected: str) -> str | None:
    """None when `holds` is true for every value that is not null, else one reason such as `3 of 500 values …`."""
    values = len(column) - column.null_count
    failing = values - (pc.sum(pc.and_(holds, column.is_valid())).as_py() or 0)
    return f"{failing} of {values} values {expected}" if failing else None


def _is_text(type_: pa.DataType) -> bool:
    return any(check(type_) for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


_SAMPLE = 2048


def _repeats(column: pa.Array) -> bool:
    """Whether a sample of the column says that encoding it pays; either answer gives the same result."""
    if len(column) <= _SAMPLE:
        return False
    step = len(column) // _SAMPLE
    sample = column.take(pa.array(range(0, step * _SAMPLE, step), pa.int64()))
    return bool(pc.count_distinct(sample).as_py() * 2 < len(sample) - sample.null_count)
