"""JSON lines: one object each line; nested values come as JSON text, and a line that is no object is rejected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from apps.dataplane.errors import Refused

from . import encodings
from .dialect import require_names
from .opened import OpenedFile
from .pieces import Piece, Reject, with_missing
from .settings import FileSettings

LONGEST_LINE = 16 * 1024 * 1024
ROWS = 16_384


class _Number(str):
    """A number as it is written, which no float would keep."""


class JsonLinesTable:
    """A file of JSON objects. Its columns are the keys that occur anywhere, in order of first appearance."""

    types: Mapping[str, str] | None = None

    def __init__(self, file: OpenedFile, settings: FileSettings) -> None:
        self._file, self._settings = file, settings
        start = file.stream(settings.compression)
        first = start.read(encodings.LOOKED_AT)
        whole = len(first) < encodings.LOOKED_AT
        self._encoding, how = encodings.settled(settings.encoding, first, whole=whole)
        self.detected: Mapping[str, str] = {
            "format": "jsonl",
            "compression": start.compression,
            "encoding": f"{self._encoding} ({how})",
        }
        self.names = self._keys()
        require_names(self.names, file.path)

    def pieces(self, columns: Sequence[str], reject: Reject) -> Iterator[Piece]:
        known, rows, lines = set(self.names), list[dict[str, str | None]](), list[int]()
        for number, line in self._lines():
            row = self._row(line, known)
            if isinstance(row, str):
                reject(number, row)
                continue
            rows.append(row)
            lines.append(number)
            if len(rows) >= ROWS:
                yield self._piece(rows, lines, columns)
                rows, lines = [], []
        if rows:
            yield self._piece(rows, lines, columns)

    def _piece(self, rows: list[dict[str, str | None]], lines: list[int], columns: Sequence[str]) -> Piece:
        arrays = [pa.array([row.get(name) for row in rows], pa.string()) for name in columns]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
        return Piece(with_missing(batch, self._settings.na), np.array(lines, np.int64))

    def _keys(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for _, line in self._lines():
            row = self._row(line, None)
            if not isinstance(row, str):
                found.update(dict.fromkeys(row))
        if not found:
            raise Refused(f"No line of {self._file.path} is a JSON object.", field="format")
        return tuple(found)

    def _row(self, line: bytes, known: set[str] | None) -> dict[str, str | None] | str:
        """The values as text, or why the line is no row. Keys are checked against those that are known."""
        try:
            pairs = json.loads(
                line.decode(), object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_refuse
            )
        except UnicodeDecodeError:
            return f"it is no {self._encoding} text"
        except (ValueError, RecursionError):
            return "it is no JSON"
        if not isinstance(pairs, _Pairs):
            return "it is no JSON object"
        row = {key: _text(value) for key, value in pairs}
        if len(row) != len(pairs):
            return "a key stands in it twice"
        if known is not None and not known.issuperset(row):
            return "it has a key that no column was made for"
        if any(value is not None and ("\0" in value or _half(value)) for value in row.values()):
            return "it holds a character that no database takes as text"
        return row

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """(number, text) of every line that is not blank."""
        stream = self._file.stream(self._settings.compression)
        kept, number = b"", 0
        for block in encodings.blocks(stream, self._encoding, path=self._file.path):
            *lines, kept = (kept + block).split(b"\n")
            for line in lines:
                number += 1
                if number > self._settings.skip_lines and line.strip():
                    yield number, line
            if len(kept) > LONGEST_LINE:
                raise Refused(f"{self._file.path}, line {number + 1}: it is longer than {LONGEST_LINE >> 20} MiB.")
        if kept.strip() and number + 1 > self._settings.skip_lines:
            yield number + 1, kept


class _Pairs(list[tuple[str, Any]]):
    """An object with its keys in order, and those that stand in it twice."""


def _refuse(name: str) -> None:
    raise ValueError(name)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else _nested(value)


def _nested(value: object) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, _Pairs):
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_nested(one)}" for key, one in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_nested, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _half(text: str) -> bool:
    """Half a surrogate pair, which JSON can escape and UTF-8 cannot hold."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)
