"""CSV and TSV: records of a text file as rows of text; what is malformed is rejected by line and number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
from numpy.typing import NDArray

from apps.dataplane.errors import Refused

from . import dialect, encodings
from .opened import OpenedFile
from .pieces import Piece, Reject, with_missing
from .records import Records, records
from .settings import FileSettings


class CsvTable:
    """A text file of records. Its values come as they are written; `missing` ones are null."""

    types: Mapping[str, str] | None = None

    def __init__(self, file: OpenedFile, settings: FileSettings) -> None:
        self._file, self._settings = file, settings
        start = file.stream(settings.compression)
        first = start.read(encodings.LOOKED_AT)
        whole = len(first) < encodings.LOOKED_AT
        self._encoding, how = encodings.settled(settings.encoding, first, whole=whole)
        sample = b"".join(encodings.blocks(_Held(first), self._encoding, path=file.path))
        self._newline_is_return = b"\n" not in sample and b"\r" in sample
        self.layout = dialect.layout(settings, self._plain(sample), path=file.path)
        self.names = self.layout.names
        self.detected: Mapping[str, str] = {
            "format": "tsv" if self.layout.dialect.delimiter == "\t" else "csv",
            "compression": start.compression,
            "encoding": f"{self._encoding} ({how})",
            **dialect.told(self.layout),
        }

    def pieces(self, columns: Sequence[str], reject: Reject) -> Iterator[Piece]:
        place = {name: index for index, name in enumerate(self.names)}
        indices = [place[name] for name in columns]
        for found in self._records():
            kept = self._sound(found, reject)
            if kept.any():
                batch = self._parsed(found, kept, indices, columns)
                yield Piece(with_missing(batch, self._settings.na), found.lines[kept])

    def _records(self) -> Iterator[Records]:
        stream = self._file.stream(self._settings.compression)
        blocks = (self._plain(block) for block in encodings.blocks(stream, self._encoding, path=self._file.path))
        skipped = self.layout.skipped
        found = records(
            _without_lines(blocks, skipped), self.layout.dialect, name=self._file.path, first_line=1 + skipped
        )
        return _without_header(found) if self.layout.header else found

    def _plain(self, text: bytes) -> bytes:
        """Lines that end with a carriage return alone, as old systems wrote them."""
        return text.replace(b"\r", b"\n") if self._newline_is_return else text

    def _sound(self, found: Records, reject: Reject) -> NDArray[np.bool_]:
        """Which records are rows. Blank lines are none, unless the file has one column."""
        width = len(self.names)
        blank = (found.starts == found.ends) if width > 1 else np.zeros(len(found), bool)
        short = found.fields != width
        unreadable = _unreadable(found)
        for row in np.flatnonzero((short | found.odd | unreadable) & ~blank):
            reject(int(found.lines[row]), self._reason(found, int(row), bool(unreadable[row])))
        return ~(blank | short | found.odd | unreadable)

    def _reason(self, found: Records, row: int, unreadable: bool) -> str:
        if unreadable:
            return f"it is no {self._encoding} text"
        if found.odd[row]:
            return "text follows a closing quote, or a carriage return stands in the midst of the line"
        count = int(found.fields[row])
        return f"it has {count} field{'s' if count != 1 else ''} instead of {len(self.names)}"

    def _parsed(
        self, found: Records, kept: NDArray[np.bool_], indices: Sequence[int], columns: Sequence[str]
    ) -> pa.RecordBatch:
        body = _joined(found, kept)
        quote = self.layout.dialect.quote
        places = [str(place) for place in range(len(self.names))]
        try:
            table = csv.read_csv(
                pa.BufferReader(body),
                csv.ReadOptions(column_names=places, block_size=len(body) + 1, use_threads=False),
                csv.ParseOptions(
                    delimiter=self.layout.dialect.delimiter,
                    quote_char=quote or False,
                    newlines_in_values=bool(quote),
                    ignore_empty_lines=False,
                ),
                csv.ConvertOptions(
                    column_types={place: pa.string() for place in places},
                    include_columns=[str(index) for index in indices],
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            # Arrow quotes the row that it stumbled over.
            error.args = ()
            table = None
        if table is None or table.num_rows != int(kept.sum()):
            raise Refused(
                f"{self._file.path} could not be read near line {found.lines[0]}: its rows do not add up.",
                remedy="Say how its fields are separated and quoted, instead of letting it be found out.",
            )
        whole = table.combine_chunks()
        arrays = [column.chunk(0) if column.num_chunks else pa.nulls(0, pa.string()) for column in whole.columns]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))


class _Held:
    """Bytes that are at hand already, to be read as a stream."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int) -> bytes:
        content, self._content = self._content, b""
        return content


def _joined(found: Records, kept: NDArray[np.bool_]) -> bytes | memoryview:
    if kept.all():
        return memoryview(found.body)[int(found.starts[0]) : int(found.ends[-1])]
    return b"\n".join(found.body[found.starts[row] : found.ends[row]] for row in np.flatnonzero(kept)) + b"\n"


def _unreadable(found: Records) -> NDArray[np.bool_]:
    """Records that are no UTF-8, or hold a zero byte, which no database takes as text."""
    bad = np.zeros(len(found), bool)
    try:
        found.body.decode()
        if b"\0" not in found.body:
            return bad
    except UnicodeDecodeError:
        pass
    for row in range(len(found)):
        text = found.body[found.starts[row] : found.ends[row]]
        try:
            text.decode()
            bad[row] = b"\0" in text
        except UnicodeDecodeError:
            bad[row] = True
    return bad


def _without_lines(blocks: Iterator[bytes], lines: int) -> Iterator[bytes]:
    for block in blocks:
        while lines and b"\n" in block:
            block = block.partition(b"\n")[2]
            lines -= 1
        if not lines:
            yield block
            break
    yield from blocks


def _without_header(found: Iterator[Records]) -> Iterator[Records]:
    """The first record that is not blank names the columns."""
    for piece in found:
        named = np.flatnonzero(piece.starts < piece.ends)
        if len(named):
            first = int(named[0]) + 1
            rest = piece.after(first)
            yield from chain([rest] if len(rest) else [], found)
            return
