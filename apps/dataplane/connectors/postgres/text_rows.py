"""Rows between COPY's CSV and Arrow string columns, exact both ways: NULL, '' and a literal \\N stay three things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.csv as csv

from apps.dataplane.errors import Refused

# What the server sends: NULL is an unquoted \N, so a text that reads \N comes quoted.
SENDING = "FORMAT csv, NULL '\\N', ENCODING 'UTF8'"
# What it receives: every value is quoted, so an unquoted nothing is NULL.
RECEIVING = "FORMAT csv, NULL '', ENCODING 'UTF8'"
WRITTEN = csv.WriteOptions(include_header=False, quoting_style="needed")
SLICE_BYTES = 4 * 1024 * 1024

Buffer = bytes | bytearray | memoryview


def batches(
    rows: Iterable[Buffer], columns: Sequence[str], *, batch_rows: int, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Record batches of string columns from CSV records, one for each item of `rows`, as COPY sends them.

    A batch holds at most `batch_rows` rows, and at most `batch_bytes` bytes of CSV unless one row alone is larger.
    """
    held: list[Buffer] = []
    size = 0
    for row in rows:
        if held and (len(held) >= batch_rows or size + len(row) > batch_bytes):
            yield parse(held, columns)
            held, size = [], 0
        held.append(row)
        size += len(row)
    if held:
        yield parse(held, columns)


def parse(rows: Sequence[Buffer], columns: Sequence[str]) -> pa.RecordBatch:
    """One record batch of exactly these CSV records."""
    body = b"".join(rows)
    # Positions instead of names: the reader gives every character of a name a chance to mean something.
    places = [str(place) for place in range(len(columns))]
    try:
        table = csv.read_csv(
            pa.BufferReader(body),
            # One block: a record never straddles two.
            csv.ReadOptions(column_names=places, block_size=len(body) + 1, use_threads=False),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types={place: pa.string() for place in places},
                null_values=["\\N"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        # Arrow quotes the row that it stumbled over.
        error.args = ()
        raise _unreadable() from None
    if table.num_rows != len(rows):
        raise _unreadable()
    arrays = [_whole(column) for column in table.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=text_schema(columns))


def text_schema(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([pa.field(name, pa.string()) for name in columns])


def written(batch: pa.RecordBatch) -> Iterator[pa.Buffer]:
    """A batch of string columns as CSV, in pieces of a few MiB so that a large batch is never held twice."""
    plain = pa.RecordBatch.from_arrays(
        [_strings(column) for column in batch.columns], schema=text_schema(batch.schema.names)
    )
    rows = max(1, plain.num_rows * SLICE_BYTES // max(1, plain.nbytes))
    for start in range(0, plain.num_rows, rows):
        sink = pa.BufferOutputStream()
        csv.write_csv(plain.slice(start, rows), sink, WRITTEN)
        yield sink.getvalue()


def _strings(column: pa.Array) -> pa.Array:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        # What other types look like as text is the lane's business (`lanes.encode`), not a guess made here.
        raise TypeError(f"the text lane loads strings only, not {column.type}")
    return column.cast(pa.string())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _unreadable() -> Refused:
    return Refused(
        "Could not read the table: its rows are not valid UTF-8 text in as many columns as were asked for.",
        remedy="Check the encoding of the source database (SQL_ASCII holds any bytes).",
    )
