"""Which files make which dataset.

Folders such as `year=2024` are partitions: all files below the folder that holds them are one dataset, called like that
folder, and their values are columns. Of the other files each is one dataset, called like the file without its endings;
where the connection names a dataset, all files that match are that one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from apps.dataplane.errors import Refused
from apps.dataplane.plan import TableRef

from . import roots
from .paths import Entry, files
from .settings import AUTO, FileSettings

HERE = "."
FORMATS = {
    "csv": "csv",
    "txt": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "parquet": "parquet",
    "pq": "parquet",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "xlsx": "excel",
    "xlsm": "excel",
}
PACKED = ("gz", "gzip", "bz2", "xz", "zst", "zstd")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Member:
    """One file of a dataset. `path` starts at the root; `partitions` are the (column, value) that its folders say."""

    entry: Entry
    path: str
    partitions: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class FileSet:
    """The files of one dataset, in order of name. `problem` says why they are none, empty where they are."""

    ref: TableRef
    members: tuple[Member, ...]
    problem: str = ""

    @property
    def partitions(self) -> tuple[str, ...]:
        return tuple(column for column, _ in self.members[0].partitions)


def found(settings: FileSettings) -> dict[TableRef, FileSet]:
    """Every dataset that the connection's pattern matches now, by name."""
    root = roots.folder(settings.root)
    grouped: dict[TableRef, list[Member]] = defaultdict(list)
    for entry in files(root, settings.path, settings.pattern):
        if settings.format == AUTO and _format(entry.path) == "" and not settings.dataset and not entry.why_not:
            continue
        ref, partitions = _place(entry.path, settings.dataset)
        path = f"{settings.path}/{entry.path}" if settings.path else entry.path
        grouped[ref].append(Member(entry, path, partitions))
    return {ref: FileSet(ref, tuple(members), _problem(members, settings)) for ref, members in sorted_refs(grouped)}


def sorted_refs(grouped: dict[TableRef, list[Member]]) -> Sequence[tuple[TableRef, list[Member]]]:
    return sorted(grouped.items(), key=lambda one: (one[0].schema, one[0].table))


def one(settings: FileSettings, ref: TableRef) -> FileSet | None:
    """The named dataset as it is now."""
    return found(settings).get(ref)


def usable(files: FileSet) -> FileSet:
    """The same. Raises Refused for one that has a problem."""
    if files.problem:
        raise Refused(
            f"Dataset {files.ref} cannot be read: {files.problem}.", remedy="Mend it in the folder and discover again."
        )
    return files


def format_of(settings: FileSettings, path: str) -> str:
    """csv, tsv, jsonl, parquet or excel. Raises Refused when the name does not tell."""
    said = settings.format if settings.format != AUTO else _format(path)
    if not said:
        raise Refused(
            f"The name of {path} does not tell its format.", field="format", remedy="Choose the format of these files."
        )
    return said


def _format(path: str) -> str:
    *_, name = path.split("/")
    endings = name.lower().split(".")[1:]
    if endings and endings[-1] in PACKED:
        endings.pop()
    return FORMATS.get(endings[-1], "") if endings else ""


def _place(path: str, dataset: str) -> tuple[TableRef, tuple[tuple[str, str | None], ...]]:
    *folders, name = path.split("/")
    first = next((index for index, folder in enumerate(folders) if _partition(folder)), len(folders))
    partitions = tuple(pair for pair in map(_partition, folders[first:]) if pair)
    if dataset:
        return TableRef(HERE, dataset), partitions
    if partitions:
        *above, table = folders[:first] or [_stem(name)]
        return TableRef("/".join(above) or HERE, table), partitions
    return TableRef("/".join(folders) or HERE, _stem(name)), ()


def _partition(folder: str) -> tuple[str, str | None] | None:
    column, sign, value = folder.partition("=")
    if not sign or not column:
        return None
    return unquote(column), None if value == NO_VALUE else unquote(value)


def _stem(name: str) -> str:
    endings = name.split(".")
    if len(endings) > 1 and endings[-1].lower() in PACKED:
        endings.pop()
    if len(endings) > 1 and endings[-1].lower() in FORMATS:
        endings.pop()
    return ".".join(endings) or name


def _problem(members: Sequence[Member], settings: FileSettings) -> str:
    for member in members:
        if member.entry.why_not:
            return f"{member.path}: {member.entry.why_not}"
    names = {tuple(column for column, _ in member.partitions) for member in members}
    if len(names) > 1:
        return "its files lie in folders with different partitions"
    if len(members) > 1 and not settings.dataset and not members[0].partitions:
        return f"{members[0].path} and {members[1].path} would both be this dataset"
    return ""
