"""Where a published dataset lies, and what is there now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.dataplane.errors import Invalid, NotFound, Refused
from apps.dataplane.plan import KeptPosition, TableRef, TableSchema

from . import roots, tables, writing
from .datasets import HERE, FileSet, Member
from .manifest import Book, Written
from .paths import Entry
from .reader import Reader
from .settings import FileSettings, relative


@dataclass(frozen=True)
class Place:
    """The file of a destination dataset, below the connection's folder. Raises Refused for a name that has none."""

    settings: FileSettings
    ref: TableRef

    def __post_init__(self) -> None:
        for part in self.file.split("/"):
            if part.startswith((".", "_")) or not part or len(part.encode()) > 200 or not part.isprintable():
                raise self._unusable()
        if "/" in self.ref.table or not _is_below(self.file):
            raise self._unusable()

    @property
    def file(self) -> str:
        name = self.ref.table + writing.ending(self.settings)
        return name if self.ref.schema in ("", HERE) else f"{self.ref.schema}/{name}"

    @property
    def path(self) -> str:
        return f"{self.settings.path}/{self.file}" if self.settings.path else self.file

    def _unusable(self) -> Refused:
        return Refused(
            f"No file can be called {str(self.ref)[:80]!r}.",
            remedy="Use printable names that do not begin with . or _; the schema is a folder, . is the own one.",
        )


def _is_below(path: str) -> bool:
    try:
        return relative(path, "table") == path
    except Invalid:
        return False


def schema_at(settings: FileSettings, ref: TableRef) -> TableSchema | None:
    """The file that a publication into this dataset would replace: as it was published, else as it looks."""
    place = Place(settings, ref)
    size = _size(settings, place)
    if size is None:
        return None
    written = _written(settings, place)
    if written is not None and written.size == size:
        return TableSchema(ref, written.columns, estimated_rows=written.rows)
    files = FileSet(ref, (Member(Entry(place.file, size), place.path),))
    return tables.schema_of(files, tables.look(settings, files))


def inspect(settings: FileSettings, credentials: None, refs: Iterable[TableRef]) -> dict[TableRef, TableSchema | None]:
    """The named datasets as they are now, those that are read as well as those that are written; None for none."""
    refs = tuple(refs)
    with Reader(settings) as reader:
        return {ref: _published(settings, ref) or reader.schema(ref) or _any(settings, ref) for ref in refs}


def positions(settings: FileSettings, credentials: None, pipeline: str) -> dict[str, KeptPosition]:
    """By stream, how far incremental streams have come."""
    found = Book(roots.folder(settings.root), settings.path).read(pipeline)
    return dict(found.positions) if found else {}


def require_ours(settings: FileSettings, ref: TableRef) -> None:
    """Refuses to replace a file that no publication has written."""
    place = Place(settings, ref)
    if _size(settings, place) is not None and _written(settings, place) is None:
        raise Refused(
            f"{place.path} was not written by Lockgate, so it is not replaced.",
            remedy="Move it away, or publish under another name.",
        )


def _published(settings: FileSettings, ref: TableRef) -> TableSchema | None:
    """The file's schema if a publication wrote it: its types are known, and not inferred."""
    place = _place(settings, ref)
    written = _written(settings, place) if place else None
    return schema_at(settings, ref) if written else None


def _any(settings: FileSettings, ref: TableRef) -> TableSchema | None:
    return schema_at(settings, ref) if _place(settings, ref) else None


def _place(settings: FileSettings, ref: TableRef) -> Place | None:
    """None where the connection is read from only: its format, or the dataset's name, cannot be written."""
    try:
        return Place(settings, ref)
    except Refused:
        return None


def _written(settings: FileSettings, place: Place) -> Written | None:
    book = Book(roots.folder(settings.root), settings.path)
    for manifest in book.everything():
        for table in manifest.tables:
            if table.file == place.file:
                return table
    return None


def _size(settings: FileSettings, place: Place) -> int | None:
    try:
        with tables.open_member(settings, Member(Entry(place.file, 0), place.path)) as file:
            return file.size
    except NotFound:
        return None
