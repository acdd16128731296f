"""Excel: the rows of one sheet as text, read row by row from a workbook that was checked for being a bomb."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
from openpyxl.utils.exceptions import InvalidFileException

from apps.dataplane.errors import Refused

from .dialect import require_names
from .opened import MOST_RATIO, OpenedFile
from .pieces import Piece, Reject, with_missing
from .settings import FileSettings

MOST_UNZIPPED = 512 * 1024 * 1024
MOST_ENTRIES = 5_000
RATIO_FROM = 16 * 1024 * 1024
ROWS = 8_192
ZONELESS_MIDNIGHT = dt.time()
_ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")


class ExcelTable:
    """One sheet. The first row that is not empty, after those to skip, names the columns."""

    types: Mapping[str, str] | None = None

    def __init__(self, file: OpenedFile, settings: FileSettings) -> None:
        self._file, self._settings = file, settings
        _require_no_bomb(file)
        with self._sheets() as (values, _):
            self._sheet = values.title
            self._header_row, self.names = self._named(values)
        self.detected: Mapping[str, str] = {
            "format": "excel",
            "sheet": self._sheet,
            "header": f"row {self._header_row}" if self._header_row else "none",
        }

    def pieces(self, columns: Sequence[str], reject: Reject) -> Iterator[Piece]:
        place = {name: index for index, name in enumerate(self.names)}
        indices = [place[name] for name in columns]
        first = (self._header_row or self._settings.skip_lines) + 1
        with self._sheets() as (values, formulas):
            numbered = enumerate(
                zip(values.iter_rows(min_row=first, values_only=True), formulas.iter_rows(min_row=first), strict=True),
                start=first,
            )
            while chunk := list(islice(self._rows(numbered, reject), ROWS)):
                lines = np.array([number for number, _ in chunk], np.int64)
                arrays = [pa.array([row[index] for _, row in chunk], pa.string()) for index in indices]
                batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
                yield Piece(with_missing(batch, self._settings.na), lines)

    def _rows(self, numbered: Iterator[Any], reject: Reject) -> Iterator[tuple[int, list[str | None]]]:
        width = len(self.names)
        for number, (values, cells) in numbered:
            row = [_text(value) for value in values]
            reason = _why_not(row, cells, width)
            if reason:
                reject(number, reason)
            elif any(value is not None for value in row):
                yield number, (row + [None] * width)[:width]

    def _named(self, sheet: Any) -> tuple[int, tuple[str, ...]]:
        skip, header = self._settings.skip_lines, self._settings.header
        for number, values in enumerate(sheet.iter_rows(min_row=skip + 1, values_only=True), start=skip + 1):
            texts = [_text(value) for value in values]
            while texts and texts[-1] is None:
                texts.pop()
            if not texts:
                continue
            named = header == "yes" or (header == "auto" and all(isinstance(one, str | None) for one in values))
            if not named:
                return 0, tuple(f"column_{place}" for place in range(1, len(texts) + 1))
            names = tuple((text or "").strip() or f"column_{place}" for place, text in enumerate(texts, start=1))
            require_names(names, self._file.path)
            return number, names
        raise Refused(f"Sheet {sheet.title} of {self._file.path} is empty.", field="sheet")

    @contextmanager
    def _sheets(self) -> Iterator[tuple[Any, Any]]:
        """The sheet with the stored results of its formulas, and with the formulas themselves."""
        books = []
        try:
            # openpyxl parses with defusedxml, which is installed: no entity is ever expanded.
            books.append(openpyxl.load_workbook(self._file.seekable(), read_only=True, data_only=True))
            books.append(openpyxl.load_workbook(self._file.seekable(), read_only=True, data_only=False))
            name = self._settings.sheet or books[0].sheetnames[0]
            if name not in books[0].sheetnames:
                raise Refused(
                    f"{self._file.path} has no sheet of that name.",
                    field="sheet",
                    remedy=f"Its sheets are {', '.join(books[0].sheetnames[:10])}.",
                )
            sheets = tuple(book[name] for book in books)
            for sheet in sheets:
                # What a workbook says of its own size may be wrong.
                sheet.reset_dimensions()
            yield sheets[0], sheets[1]
        except (zipfile.BadZipFile, InvalidFileException, KeyError, EOFError):
            raise _unreadable(self._file.path) from None
        finally:
            for book in books:
                book.close()


def _require_no_bomb(file: OpenedFile) -> None:
    """By the zip's own directory, which zipfile then holds it to."""
    try:
        with zipfile.ZipFile(file.seekable()) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise _unreadable(file.path) from None
    size, packed = sum(one.file_size for one in entries), sum(one.compress_size for one in entries)
    grows = size > RATIO_FROM and size > MOST_RATIO * max(packed, 1)
    if grows or size > MOST_UNZIPPED or len(entries) > MOST_ENTRIES:
        raise Refused(
            f"{file.path} is refused: unzipped it is {size >> 20:,} MiB in {len(entries):,} entries, which no workbook "
            f"of that size comes to.",
            remedy=f"At most {MOST_UNZIPPED >> 20} MiB are read; save the sheet as CSV.",
        )


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        midnight = value.time() == ZONELESS_MIDNIGHT
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _why_not(row: Sequence[str | None], cells: Sequence[Any], width: int) -> str:
    if any(value is not None for value in row[width:]):
        return f"it has values beyond the {width} columns"
    if any(value in _ERRORS for value in row):
        return "a cell holds an error of Excel"
    if any(value is None and cell.value is not None for value, cell in zip(row, cells, strict=False)):
        return "a cell holds a formula whose result was not saved"
    return ""


def _unreadable(path: str) -> Refused:
    return Refused(
        f"{path} cannot be read as an Excel workbook.", remedy="Save it as .xlsx, without a password.", field="format"
    )
