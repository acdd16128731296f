"""Where a connection to files leads and how they are read: validated, with the form field named when it is wrong."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, ClassVar

from apps.dataplane.connectors.base import Fact, sendable
from apps.dataplane.errors import Invalid

AUTO = "auto"
FORMATS = (AUTO, "csv", "tsv", "jsonl", "parquet", "excel")
COMPRESSIONS = (AUTO, "none", "gzip", "bz2", "xz", "zstd")
HEADERS = (AUTO, "yes", "no")
# What a reader and a publisher call every column.
EVERY = "*"
LONGEST_PATH = 500
MOST_SPELLINGS = 20
_ROOT = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")
_DATASET = re.compile(r"[^/\\\0\r\n\t]{1,120}")
_ENCODING = re.compile(r"[A-Za-z0-9_-]{1,40}")
# As the form calls them.
_LABELS = {
    "root": "Folder of this machine",
    "path": "Path below it",
    "pattern": "Which files",
    "dataset": "One dataset of all of them",
    "na": "Missing values",
}


@dataclass(frozen=True)
class FileSettings:
    """The governed part of a connection to files.

    `dataset` makes one dataset of all files that match; without it each file is one. `na` maps a column, or `*`, to the
    spellings that mean "no value" there; a column without an entry knows only the empty field that is not quoted.
    """

    placing: ClassVar[frozenset[str]] = frozenset({"root", "path", "pattern"})

    root: str
    path: str = ""
    pattern: str = "*"
    dataset: str = ""
    format: str = AUTO
    compression: str = AUTO
    encoding: str = AUTO
    delimiter: str = AUTO
    quote: str = AUTO
    header: str = AUTO
    skip_lines: int = 0
    na: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sheet: str = ""

    @property
    def address(self) -> str:
        return f"{self.root}:/{self.path}"

    @property
    def place(self) -> str:
        return f"{self.pattern} in {self.address}"

    @property
    def facts(self) -> tuple[Fact, ...]:
        said = self.as_json()
        labels = {one: one.replace("_", " ").capitalize() for one in said} | _LABELS
        shown = {**said, "na": na_text(self.na).replace("\n", "; ")} if self.na else said
        return tuple(Fact(name, labels[name], str(shown[name]), free=True) for name in said)

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> FileSettings:
        """Raises Invalid, naming the field."""
        known = {item.name for item in fields(cls)}
        for name in settings:
            if name not in known:
                raise Invalid(f"Connections to files have no setting named {name!r}.", field=str(name))
        return cls(
            root=_root(settings.get("root")),
            path=relative(settings.get("path", ""), "path"),
            pattern=_pattern(settings.get("pattern", "*")),
            dataset=_dataset(settings.get("dataset", "")),
            format=_one_of(settings.get("format", AUTO), "format", FORMATS),
            compression=_one_of(settings.get("compression", AUTO), "compression", COMPRESSIONS),
            encoding=_encoding(settings.get("encoding", AUTO)),
            delimiter=_character(settings.get("delimiter", AUTO), "delimiter"),
            quote=_character(settings.get("quote", AUTO), "quote", absent="none"),
            header=_one_of(settings.get("header", AUTO), "header", HEADERS),
            skip_lines=_count(settings.get("skip_lines", 0)),
            na=_spellings(settings.get("na", {})),
            sheet=_sheet(settings.get("sheet", "")),
        )

    def as_json(self) -> dict[str, Any]:
        """Root, path and pattern, and what differs from its default."""
        said: dict[str, Any] = {"root": self.root, "path": self.path, "pattern": self.pattern}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in said and item.name != "na" and value != item.default:
                said[item.name] = value
        if self.na:
            said["na"] = {column: list(spellings) for column, spellings in self.na.items()}
        return said

    def weaker_than(self, before: FileSettings) -> frozenset[str]:
        return frozenset()


def relative(value: object, where: str) -> str:
    """A path below a root, with / between its parts and none at its ends."""
    if not isinstance(value, str) or len(value) > LONGEST_PATH or not sendable(value) or not value.isprintable():
        raise Invalid(f"The {where} must be a path of at most {LONGEST_PATH} characters.", field=where)
    if value.startswith(("/", "~")) or "\\" in value or ".." in PurePosixPath(value).parts:
        raise Invalid(
            f"The {where} must stay below its root.",
            field=where,
            remedy="Write it from the root on, with / between folders and without .. in it.",
        )
    return "/".join(part for part in PurePosixPath(value).parts if part != ".")


def na_text(na: Mapping[str, tuple[str, ...]]) -> str:
    """The spellings as a form shows them, a column each line."""
    return "\n".join(f"{column} = {', '.join(spellings)}" for column, spellings in na.items())


def _root(value: object) -> str:
    if not isinstance(value, str) or not _ROOT.fullmatch(value):
        raise Invalid("Choose one of the folders that connections may reach.", field="root")
    return value


def _pattern(value: object) -> str:
    pattern = relative(value, "pattern")
    if not pattern or pattern.count("**") > 4:
        raise Invalid(
            "The pattern says which files are meant.", field="pattern", remedy="Write *.csv, or **/*.csv for folders."
        )
    return pattern


def _dataset(value: object) -> str:
    if not isinstance(value, str) or (value and (not _DATASET.fullmatch(value) or not value.isprintable())):
        raise Invalid("The dataset's name has 1 to 120 printable characters without / and \\.", field="dataset")
    return value


def _one_of(value: object, where: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise Invalid(f"The {where} must be one of {', '.join(known)}.", field=where)
    return str(value)


def _encoding(value: object) -> str:
    if value == AUTO:
        return AUTO
    if not isinstance(value, str) or not _ENCODING.fullmatch(value):
        raise Invalid("This encoding is unknown.", field="encoding", remedy="Write utf-8, cp1252 or another name.")
    try:
        found = codecs.lookup(value)
        # Codecs such as zip or rot13 are none of text.
        "a".encode(found.name).decode(found.name)
    except (LookupError, ValueError, TypeError, AssertionError):
        remedy = "Write utf-8, cp1252 or another name."
        raise Invalid("This encoding is unknown.", field="encoding", remedy=remedy) from None
    return found.name


def _character(value: object, where: str, *, absent: str = "") -> str:
    if value == AUTO or (absent and value == absent):
        return str(value)
    plain = {"\\t": "\t", "tab": "\t"}.get(value, value) if isinstance(value, str) else value
    if not isinstance(plain, str) or len(plain) != 1 or not plain.isascii() or plain.isalnum() or plain in "\r\n\0":
        raise Invalid(f"The {where} must be one character such as ; or a tab.", field=where)
    return str(plain)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10_000:
        raise Invalid("The number of lines to skip must be from 0 to 10,000.", field="skip_lines")
    return value


def _spellings(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping) or len(value) > 1000:
        raise _wrong_spellings()
    found: dict[str, tuple[str, ...]] = {}
    for column, spellings in value.items():
        if not isinstance(column, str) or not column or not isinstance(spellings, list | tuple):
            raise _wrong_spellings()
        if len(spellings) > MOST_SPELLINGS or not all(_is_spelling(one) for one in spellings):
            raise _wrong_spellings()
        found[column] = tuple(dict.fromkeys(spellings))
    return found


def _is_spelling(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 40 and sendable(value)


def _wrong_spellings() -> Invalid:
    return Invalid(
        f"Missing values are up to {MOST_SPELLINGS} short spellings for a column.",
        field="na",
        remedy="Write a column each line, such as  speed = NA, -  or  * = NA  for every column.",
    )


def _sheet(value: object) -> str:
    if not isinstance(value, str) or len(value) > 31 or not sendable(value):
        raise Invalid("The name of a sheet has at most 31 characters.", field="sheet")
    return value
