"""Parquet: batches of typed columns in PostgreSQL's text form; a type that has no exact one is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.dataplane import lanes
from apps.dataplane.errors import Refused

from .dialect import require_names
from .opened import OpenedFile
from .pieces import Piece, Reject
from .settings import FileSettings
from .types import NAIVE, ZONED, fit

# What a file written by a publisher says of a column whose type Arrow does not know.
TYPE = b"lockgate.type"
ROWS = 16_384
MOST_UNPACKED = 256 * 1024**3

Text = Callable[[pa.Array], pa.Array]
_INTEGERS = {"int8": "smallint", "int16": "smallint", "int32": "integer", "int64": "bigint"} | {
    "uint8": "smallint", "uint16": "integer", "uint32": "bigint", "uint64": "numeric(20,0)"
}  # fmt: skip
_FLOATS = {"float": "real", "double": "double precision", "halffloat": "real"}


class ParquetTable:
    """A Parquet file. Rows are counted from 1, as lines are elsewhere."""

    def __init__(self, file: OpenedFile, settings: FileSettings) -> None:
        self._file = file
        try:
            self._parquet = pq.ParquetFile(file.seekable(), memory_map=False, pre_buffer=False)
        except (pa.ArrowException, OSError, ValueError):
            raise _unreadable(file.path) from None
        schema = self._parquet.schema_arrow
        self.names = tuple(schema.names)
        require_names(self.names, file.path)
        self.types: Mapping[str, str] | None = {field.name: type_of(field, file.path) for field in schema}
        self.rows = self._parquet.metadata.num_rows
        self._require_no_bomb()
        self.detected: Mapping[str, str] = {"format": "parquet", "rows": f"{self.rows:,}"}

    def _require_no_bomb(self) -> None:
        metadata = self._parquet.metadata
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        if sum(group.total_byte_size for group in groups) > MOST_UNPACKED:
            raise Refused(f"{self._file.path} is refused: it unpacks to more than {MOST_UNPACKED >> 30} GiB.")

    def pieces(self, columns: Sequence[str], reject: Reject) -> Iterator[Piece]:
        assert self.types is not None
        first = 1
        try:
            for batch in self._parquet.iter_batches(ROWS, columns=list(columns), use_threads=False):
                yield self._piece(batch.select(list(columns)), first, reject)
                first += batch.num_rows
        except (pa.ArrowException, OSError):
            raise _unreadable(self._file.path) from None

    def _piece(self, batch: pa.RecordBatch, first: int, reject: Reject) -> Piece:
        arrays, bad = [], np.zeros(batch.num_rows, bool)
        for field, values in zip(batch.schema, batch.columns, strict=True):
            text = to_text(values)
            wrong = pc.or_(pc.and_(pc.is_null(text), pc.is_valid(values)), pc.fill_null(_zero_byte(text), False))
            for row in np.flatnonzero(np.asarray(wrong.to_numpy(zero_copy_only=False), bool) & ~bad):
                reject(first + int(row), f"column {field.name} holds a value that has no exact form as text")
                bad[row] = True
            arrays.append(text)
        piece = Piece(
            pa.RecordBatch.from_arrays(arrays, names=batch.schema.names), np.arange(first, first + batch.num_rows)
        )
        return piece.where(pa.array(~bad)) if bad.any() else piece


def type_of(field: pa.Field, path: str) -> str:
    """PostgreSQL's type of a column. Raises Refused for one that has none without loss."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    said = (field.metadata or {}).get(TYPE, b"").decode("utf-8", "replace")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return said or "text"
    name = str(kind)
    found = _INTEGERS.get(name) or _FLOATS.get(name) or _other(kind)
    if not found:
        raise Refused(
            f"Column {field.name} of {path} is {name}, which has no exact form here.",
            remedy="Write it as text, or leave the column out of the file.",
        )
    return found


def _other(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind) and 0 <= kind.scale <= kind.precision:
        return f"numeric({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return ZONED if kind.tz else NAIVE
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return "bytea"
    simple = (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_date, "date"),
        (pa.types.is_time, "time without time zone"),
    )
    return next((name for holds, name in simple if holds(kind)), "")


def to_text(values: pa.Array) -> pa.Array:
    """PostgreSQL's text form; null also where a value has none, such as a nanosecond or the year 20,000."""
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_floating(kind):
        return _floats(values)
    if pa.types.is_boolean(kind):
        return pc.if_else(values, "t", "f")
    if pa.types.is_decimal(kind):
        return pa.array([None if one is None else format(one, "f") for one in values.to_pylist()], pa.string())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _moments(values)
    if pa.types.is_time(kind):
        return _times(values)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([None if one is None else "\\x" + one.hex() for one in values.to_pylist()], pa.string())
    return pc.cast(values, pa.string())


def _floats(values: pa.Array) -> pa.Array:
    wide = values if not pa.types.is_float16(values.type) else pc.cast(values, pa.float32())
    text = pc.cast(wide, pa.string())
    for ours, theirs in (("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")):
        text = pc.if_else(pc.equal(text, ours), theirs, text)
    return text


def _moments(values: pa.Array) -> pa.Array:
    """Dates and timestamps, without what microseconds and the years 1 to 9999 cannot hold."""
    kind = values.type
    target = pa.date32() if pa.types.is_date(kind) else pa.timestamp("us", getattr(kind, "tz", None))
    exact = pc.cast(values, target, safe=False)
    there = pc.equal(pc.cast(exact, kind, safe=False), values)
    text = pc.if_else(pc.fill_null(there, False), pc.cast(exact, pa.string()), pa.scalar(None, pa.string()))
    if pa.types.is_date(kind):
        return fit(text, "date")[0]
    zoned = ZONED if kind.tz else NAIVE
    years = pc.year(exact)
    known = pc.and_(pc.greater_equal(years, lanes.FIRST_YEAR), pc.less_equal(years, lanes.LAST_YEAR))
    usable = pc.fill_null(pc.and_(known, there), False)
    return lanes.encode(pc.if_else(usable, exact, pa.scalar(None, exact.type)), zoned)


def _times(values: pa.Array) -> pa.Array:
    whole = pc.cast(values, pa.time64("us"), safe=False)
    there = pc.fill_null(pc.equal(pc.cast(whole, values.type, safe=False), values), False)
    text = pc.replace_substring_regex(pc.cast(whole, pa.string()), r"(\.\d*[1-9])0+$|\.0+$", r"\1")
    return pc.if_else(there, text, pa.scalar(None, pa.string()))


def _zero_byte(text: pa.Array) -> pa.Array:
    return pc.match_substring(text, "\0")


def _unreadable(path: str) -> Refused:
    return Refused(
        f"{path} cannot be read as Parquet: it is broken, or no Parquet file.",
        remedy="Write the file again, and move it to its place when it is complete.",
        field="format",
    )
