"""Opens a file in its format, and looks it through: its columns, their types, its rows and what would be rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.errors import Refused
from apps.dataplane.plan import ColumnSchema, TableSchema

from . import roots
from .csv_table import CsvTable
from .datasets import FileSet, Member, format_of
from .excel_table import ExcelTable
from .jsonl_table import JsonLinesTable
from .opened import OpenedFile
from .parquet_table import ParquetTable
from .pieces import FileTable, Piece, Reject, Rejects
from .settings import FileSettings
from .types import Inference

_OPEN: Mapping[str, Callable[[OpenedFile, FileSettings], FileTable]] = {
    "csv": CsvTable,
    "tsv": CsvTable,
    "jsonl": JsonLinesTable,
    "parquet": ParquetTable,
    "excel": ExcelTable,
}
# Of larger datasets the first part is looked at, and the page says so.
LOOKED_THROUGH = 256 * 1024 * 1024
# Spellings that often mean "no value"; they are suggested, never assumed.
USUAL_MISSING = ("NA", "N/A", "n/a", "NULL", "null", "None", "nan", "NaN", "-", "\\N", "#N/A", "?", ".")
_SUGGESTED = pa.array(list(USUAL_MISSING))


def opened(file: OpenedFile, settings: FileSettings) -> FileTable:
    return _OPEN[format_of(settings, file.path)](file, settings)


def open_member(settings: FileSettings, member: Member) -> OpenedFile:
    return OpenedFile(roots.folder(settings.root), member.path)


@dataclass
class Look:
    """What looking through a dataset found out."""

    names: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    detected: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    whole: bool = True


def names_of(settings: FileSettings, files: FileSet) -> tuple[str, ...]:
    """The columns that every file of the dataset has, in the order of the first; partitions last. Raises Refused."""
    first: tuple[str, ...] = ()
    for member in files.members:
        with open_member(settings, member) as file:
            names = opened(file, settings).names
        first = first or names
        _require_same(first, names, files.members[0].path, member.path)
    return _with_partitions(first, files)


def look(settings: FileSettings, files: FileSet) -> Look:
    """Reads the files, up to 256 MiB of them. Raises Refused."""
    seen = Look()
    rejects, guesses = Rejects(), dict[str, _Guess]()
    size = 0
    for member in files.members:
        with open_member(settings, member) as file:
            table = opened(file, settings)
            _take_up(seen, files, member, table)
            if table.types is None and size < LOOKED_THROUGH:
                for piece in table.pieces(table.names, _into(rejects, member.path)):
                    seen.rows += piece.batch.num_rows
                    size += piece.batch.nbytes
                    _guess(guesses, piece.batch)
                    if size >= LOOKED_THROUGH:
                        seen.whole = False
                        break
            elif table.types is None:
                seen.whole = False
            else:
                seen.rows += int(table.detected.get("rows", "0").replace(",", ""))
    seen.types |= {name: guess.type for name, guess in guesses.items()}
    seen.types |= _partition_types(files)
    seen.detected |= _told(seen, files, rejects, guesses)
    return seen


def schema_of(files: FileSet, seen: Look) -> TableSchema:
    columns = tuple(ColumnSchema(name, seen.types[name]) for name in seen.names)
    return TableSchema(files.ref, columns, estimated_rows=seen.rows, detected=seen.detected)


@dataclass
class _Guess:
    """What a column of mere text seems to be, and what it would be if usual spellings of a missing value were none."""

    plain: Inference = field(default_factory=Inference)
    without: Inference = field(default_factory=Inference)
    spellings: set[str] = field(default_factory=set)

    def add(self, values: pa.Array) -> None:
        self.plain.add(values)
        missing = pc.is_in(values, value_set=_SUGGESTED)
        if pc.any(missing).as_py():
            self.spellings.update(pc.unique(values.filter(missing)).to_pylist())
            values = pc.if_else(missing, pa.scalar(None, pa.string()), values)
        self.without.add(values)

    @property
    def type(self) -> str:
        return self.plain.type

    @property
    def hides(self) -> bool:
        return bool(self.spellings) and self.plain.type == "text" and self.without.type != "text"


def _guess(guesses: dict[str, _Guess], batch: pa.RecordBatch) -> None:
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        guesses.setdefault(name, _Guess()).add(values)


def _take_up(seen: Look, files: FileSet, member: Member, table: FileTable) -> None:
    if not seen.names:
        seen.names = _with_partitions(table.names, files)
        seen.types = dict.fromkeys(table.names, "text") | dict(table.types or {})
        seen.detected = dict(table.detected)
        return
    _require_same(seen.names[: len(table.names)], table.names, files.members[0].path, member.path)
    for name, kind in (table.types or {}).items():
        if seen.types[name] != kind:
            raise Refused(
                f"Column {name} is {seen.types[name]} in {files.members[0].path}, but {kind} in {member.path}.",
                remedy="Write both files with the same types, or make them two datasets.",
            )


def _require_same(first: Sequence[str], names: Sequence[str], here: str, there: str) -> None:
    if set(first) != set(names):
        odd = sorted(set(first) ^ set(names))[0]
        raise Refused(
            f"{there} has other columns than {here}: {odd} is in one of them only.",
            remedy="Give all files of a dataset the same columns, or make them several datasets.",
        )


def _with_partitions(names: Sequence[str], files: FileSet) -> tuple[str, ...]:
    twice = next((name for name in files.partitions if name in names), None)
    if twice:
        raise Refused(
            f"Dataset {files.ref} has {twice} both as a column of its files and as a folder.",
            remedy="Rename the folders, or leave the column out of the files.",
        )
    return (*names, *files.partitions)


def _partition_types(files: FileSet) -> dict[str, str]:
    found = {}
    for index, name in enumerate(files.partitions):
        inference = Inference()
        inference.add(pa.array([member.partitions[index][1] for member in files.members], pa.string()))
        found[name] = inference.type
    return found


def _into(rejects: Rejects, path: str) -> Reject:
    return lambda line, reason: rejects.add(path, line, reason)


def _told(seen: Look, files: FileSet, rejects: Rejects, guesses: Mapping[str, _Guess]) -> dict[str, str]:
    said = {"files": f"{len(files.members):,}"}
    if seen.whole:
        said["rows"] = f"{seen.rows:,}"
    else:
        said["looked_at"] = f"the first {seen.rows:,} rows ({LOOKED_THROUGH >> 20} MiB)"
    if files.partitions:
        said["partitions"] = ", ".join(files.partitions)
    if rejects.total:
        said["rejected"] = f"{rejects.total:,} lines are no rows; the first: {rejects.lines[0]}"
    return said | _suggestion(guesses)


def _suggestion(guesses: Mapping[str, _Guess]) -> dict[str, str]:
    """Columns that a spelling of "no value" makes text of, and what to write so that it does not."""
    hidden = {name: guess for name, guess in guesses.items() if guess.hides}
    if not hidden:
        return {}
    spellings = sorted({spelling for guess in hidden.values() for spelling in guess.spellings})
    named = ", ".join(list(hidden)[:6]) + (f" and {len(hidden) - 6} more" if len(hidden) > 6 else "")
    return {
        "missing": f"{named} would be numbers or dates but for {', '.join(spellings)}: if that means a missing value, "
        f"write {', '.join(spellings)} under “Missing values” of the connection",
    }


def rows(
    settings: FileSettings, member: Member, file: OpenedFile, columns: Sequence[str], reject: Reject
) -> Iterator[Piece]:
    """The rows of one file with its partitions' values beside them; `columns` in the order asked for."""
    table, values = opened(file, settings), dict(member.partitions)
    own = [name for name in columns if name not in values]
    for piece in table.pieces(own or table.names[:1], reject):
        arrays = {name: piece.batch.column(name) for name in own}
        count = piece.batch.num_rows
        arrays |= {name: pa.array([value] * count, pa.string()) for name, value in values.items() if name in columns}
        batch = pa.RecordBatch.from_arrays([arrays[name] for name in columns], names=list(columns))
        yield Piece(batch, piece.lines)
