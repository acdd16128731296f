"""Writes rows of text as CSV, TSV, JSON lines or Parquet: exactly, each value as PostgreSQL writes it (truths in full).

CSV keeps null (nothing) and the empty text ("") apart. It is data for programs: nothing is put before a value that a
spreadsheet would take for a formula, for that would be another value.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.dataplane.errors import Refused
from apps.dataplane.plan import ColumnSchema

from .parquet_table import TYPE
from .settings import AUTO, FileSettings
from .types import NAIVE, ZONED

ENDINGS = {"csv": ".csv", "tsv": ".tsv", "jsonl": ".jsonl", "parquet": ".parquet"}
PACKED = {"none": "", "gzip": ".gz", "bz2": ".bz2", "xz": ".xz", "zstd": ".zst"}
_PARQUET = {"none": "none", "gzip": "gzip", "zstd": "zstd"}
_DECIMAL = re.compile(r"numeric\((\d+),(\d+)\)")
# Their text needs no quotes in CSV and is a number in JSON.
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_PLAIN = ("boolean", "date", NAIVE, ZONED, "uuid")
_ARROW: Mapping[str, pa.DataType] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    NAIVE: pa.timestamp("us"),
    ZONED: pa.timestamp("us", "UTC"),
}


class Writer(Protocol):
    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


def ending(settings: FileSettings) -> str:
    """How the names of written files end. Raises Refused for a format or compression that is only read."""
    kind, packed = _format(settings), _compression(settings)
    return ENDINGS[kind] + ("" if kind == "parquet" else PACKED[packed])


def writer(settings: FileSettings, file: BinaryIO, columns: Sequence[ColumnSchema]) -> Writer:
    """A writer of these columns to an open file; closing it leaves the file open."""
    kind, packed = _format(settings), _compression(settings)
    if kind == "parquet":
        return _Parquet(file, columns, _PARQUET[packed])
    return _Lines(_packing(file, packed), file, columns, _JSON if kind == "jsonl" else _csv(kind))


def _format(settings: FileSettings) -> str:
    kind = "csv" if settings.format == AUTO else settings.format
    if kind not in ENDINGS:
        raise Refused(
            "Excel files are read, not written.", field="format", remedy="Choose CSV, JSON lines or Parquet to write."
        )
    return kind


def _compression(settings: FileSettings) -> str:
    parquet = _format(settings) == "parquet"
    packed = {AUTO: "zstd" if parquet else "none"}.get(settings.compression, settings.compression)
    if parquet and packed not in _PARQUET:
        raise Refused(
            f"Parquet files are not written with {packed}.", field="compression", remedy="Choose zstd, gzip or none."
        )
    return packed


def _packing(file: BinaryIO, packed: str) -> Any:
    if packed == "gzip":
        # Without the time in its header the same rows give the same bytes.
        return gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="")
    if packed == "bz2":
        return bz2.BZ2File(file, "wb")
    if packed == "xz":
        return lzma.LZMAFile(file, "wb")
    if packed == "zstd":
        return pa.CompressedOutputStream(pa.PythonFile(file, mode="w"), "zstd")
    return file


Encode = Callable[[pa.RecordBatch, Sequence[ColumnSchema]], bytes]


class _Lines:
    """Lines of text; the first may name the columns."""

    def __init__(self, out: Any, file: BinaryIO, columns: Sequence[ColumnSchema], encode: Encode) -> None:
        self._out, self._file, self._columns, self._encode = out, file, columns, encode
        if encode is not _JSON:
            names = pa.RecordBatch.from_arrays(
                [pa.array([column.name]) for column in columns], names=[column.name for column in columns]
            )
            self._out.write(encode(names, [ColumnSchema(column.name, "text") for column in columns]))

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._out.write(self._encode(batch, self._columns))

    def close(self) -> None:
        if self._out is not self._file:
            self._out.close()


def _csv(kind: str) -> Encode:
    delimiter = "\t" if kind == "tsv" else ","
    # A leading or trailing blank is a part of the value that readers like to lose.
    quoted = r'["\r\n' + delimiter + r"]|^\s|\s$|^$"

    def encode(batch: pa.RecordBatch, columns: Sequence[ColumnSchema]) -> bytes:
        cells = []
        for column, values in zip(columns, batch.columns, strict=True):
            text = _text(values)
            if _bare(column.type) not in (*_NUMBERS, *_PLAIN):
                escaped = pc.replace_substring(text, '"', '""')
                wrapped = pc.binary_join_element_wise('"', escaped, '"', "")
                text = pc.if_else(pc.match_substring_regex(text, quoted), wrapped, text)
            elif column.type == "boolean":
                text = pc.replace_substring_regex(pc.replace_substring_regex(text, "^t$", "true"), "^f$", "false")
            cells.append(pc.fill_null(text, ""))
        lines = pc.binary_join_element_wise(*cells, delimiter) if len(cells) > 1 else cells[0]
        return _joined(lines)

    return encode


def _json(batch: pa.RecordBatch, columns: Sequence[ColumnSchema]) -> bytes:
    cells = []
    for column, values in zip(columns, batch.columns, strict=True):
        name = json.dumps(column.name, ensure_ascii=False)
        kind = _bare(column.type)
        cells.append([f"{name}: {_value(value, kind)}" for value in _text(values).to_pylist()])
    return "".join("{" + ", ".join(row) + "}\n" for row in zip(*cells, strict=True)).encode()


_JSON: Encode = _json


def _value(value: str | None, kind: str) -> str:
    if value is None:
        return "null"
    if kind == "boolean":
        return {"t": "true", "f": "false"}.get(value, json.dumps(value))
    if kind in _NUMBERS and _JSON_NUMBER.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


class _Parquet:
    """Typed columns where Arrow has the type, else text that remembers it."""

    def __init__(self, file: BinaryIO, columns: Sequence[ColumnSchema], compression: str) -> None:
        self._columns = columns
        self._schema = pa.schema(
            [pa.field(column.name, arrow_type(column.type), metadata={TYPE: column.type}) for column in columns]
        )
        self._out = pq.ParquetWriter(file, self._schema, compression=compression)

    def write(self, batch: pa.RecordBatch) -> None:
        arrays = [_typed(_text(values), column) for values, column in zip(batch.columns, self._columns, strict=True)]
        self._out.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._out.close()


def arrow_type(kind: str) -> pa.DataType:
    found = _DECIMAL.fullmatch(kind)
    if found and 1 <= int(found[1]) <= 38 and int(found[2]) <= int(found[1]):
        return pa.decimal128(int(found[1]), int(found[2]))
    return _ARROW.get(_bare(kind), pa.string())


def _typed(values: pa.Array, column: ColumnSchema) -> pa.Array:
    kind = arrow_type(column.type)
    if pa.types.is_string(kind):
        return values
    try:
        if pa.types.is_boolean(kind):
            return pc.equal(values, "t")
        if pa.types.is_timestamp(kind) and kind.tz:
            return pc.cast(pc.replace_substring_regex(values, r"\+00$", "Z"), kind)
        return pc.cast(values, kind)
    except pa.ArrowInvalid as error:
        error.args = ()
    raise Refused(
        f"A value of column {column.name} has no form in Parquet as {column.type}.",
        remedy="Write CSV, or leave out infinite dates and numbers that are none.",
    )


def _text(values: pa.Array) -> pa.Array:
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    return values if pa.types.is_string(values.type) else pc.cast(values, pa.string())


def _joined(lines: pa.Array) -> bytes:
    ended = pc.binary_join_element_wise(lines, "\n", "")
    whole = pa.concat_arrays([ended])
    first, last = whole.offset, whole.offset + len(whole)
    offsets = memoryview(whole.buffers()[1]).cast("i")
    return bytes(memoryview(whole.buffers()[2])[offsets[first] : offsets[last]])


def _bare(kind: str) -> str:
    return re.sub(r"\([^)]*\)", "", kind).strip()
