"""The form of a connection to files: its fields, and the way between what is typed and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.dataplane.connectors.base import FormField
from apps.dataplane.errors import Invalid

from . import roots
from .settings import COMPRESSIONS, EVERY, FORMATS, HEADERS, FileSettings, na_text

_FOUND = {"auto": "Find out", "none": "None", "yes": "The first line", "no": "None: call them column_1, column_2, …"}


def fields() -> tuple[FormField, ...]:
    """In order; the roots are those of this process."""
    allowed = tuple((name, name) for name in roots.names())
    return (
        FormField(
            "root",
            "Folder of this machine",
            "Whoever runs Lockgate says which folders there are (LOCKGATE_FILE_ROOTS). Without that it is files, the "
            "folder of that name in the data directory: put files there to begin.",
            widget="select",
            choices=allowed,
            initial=allowed[0][0] if allowed else "",
            required=True,
        ),
        FormField("path", "Path below it", "Empty for the folder itself; else such as landing/crm", longest=500),
        FormField(
            "pattern",
            "Which files",
            "* for every file here, *.csv for some, **/*.parquet for folders below as well. Folders such as year=2024 "
            "become columns.",
            initial="*",
            required=True,
            purposes=("read",),
            longest=500,
        ),
        FormField(
            "dataset",
            "One dataset of all of them",
            "A name, when the files are pieces of one table. Empty: each file is a dataset, called like the file.",
            purposes=("read",),
            longest=120,
        ),
        FormField(
            "na",
            "Missing values",
            "How a missing value is written: NA for every column, or a column each line, such as  speed = NA, -  "
            "An empty field without quotes always counts.",
            widget="textarea",
            purposes=("read",),
            longest=4000,
        ),
        FormField(
            "format",
            "Format",
            "When writing, “Find out” means CSV.",
            widget="select",
            choices=_choices(FORMATS),
            initial="auto",
        ),
        FormField("compression", "Compression", widget="select", choices=_choices(COMPRESSIONS), initial="auto"),
        *_advanced(),
    )


def _advanced() -> tuple[FormField, ...]:
    reading: dict[str, Any] = {"advanced": True, "purposes": ("read",)}
    return (
        FormField("encoding", "Encoding", "auto, utf-8, cp1252, …", initial="auto", longest=40, **reading),
        FormField("delimiter", "Between fields", "auto, or one character; tab for a tab", initial="auto", **reading),
        FormField("quote", "Around fields", "auto, none, or one character", initial="auto", **reading),
        FormField("header", "Names of columns", widget="select", choices=_choices(HEADERS), initial="auto", **reading),
        FormField("skip_lines", "Lines to skip first", widget="number", initial="0", longest=5, **reading),
        FormField("sheet", "Sheet of an Excel file", "Empty: the first one", longest=31, **reading),
    )


def document(values: Mapping[str, str]) -> dict[str, Any]:
    """The settings document of what the form holds. Raises Invalid naming the field."""
    said: dict[str, Any] = {}
    for field in fields():
        value = values.get(field.name, "").strip("\r\n ")
        if value:
            said[field.name] = _READ.get(field.name, str)(value)
    settings = FileSettings.from_json(said)
    roots.folder(settings.root)
    return settings.as_json()


def values(settings: FileSettings) -> dict[str, str]:
    """What the form holds for these settings."""
    held = {field.name: str(getattr(settings, field.name)) for field in fields()}
    shown = {"\t": "tab"}
    return held | {"na": na_text(settings.na), "delimiter": shown.get(settings.delimiter, settings.delimiter)}


def _choices(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _FOUND.get(name, name)) for name in names)


def _spellings(text: str) -> dict[str, list[str]]:
    """`column = NA, -` each line; a line without = is for every column."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        column, sign, spellings = line.rpartition(" = ") if " = " in line else line.rpartition("=")
        if line.strip():
            name = column.strip() if sign else EVERY
            found.setdefault(name, []).extend(one.strip() for one in spellings.split(","))
    return found


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise Invalid("The number of lines to skip must be from 0 to 10,000.", field="skip_lines")
    return int(text)


_READ: Mapping[str, Any] = {"na": _spellings, "skip_lines": _number}
