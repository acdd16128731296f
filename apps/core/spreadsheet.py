"""Writes CSV that a spreadsheet opens without running any of it: a cell that looks like a formula becomes text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone

# What spreadsheets take for the beginning of a formula, with the characters that they skip before it (OWASP).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def cell(value: Any) -> str:
    """A value as text; what could be taken for a formula gets an apostrophe before it, a negative number does not."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    text = str(value).replace("\x00", "\ufffd")
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def line(cells: Sequence[Any]) -> str:
    """One record, quoted as RFC 4180 has it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([cell(value) for value in cells])
    return out.getvalue()


def lines(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A whole table, record by record."""
    yield line(head)
    for row in rows:
        yield line(row)


def answer(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A table as a file to keep; for tables that fit into memory."""
    text = "\ufeff" + "".join(lines([str(title) for title in head], rows))
    return attachment(HttpResponse(text, content_type="text/csv; charset=utf-8"), name)


def attachment(response: Any, name: str) -> Any:
    """Let the browser save it under this name of ours."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
