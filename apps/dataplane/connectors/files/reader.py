"""Reads datasets of files in bounded memory; a file that changes meanwhile is refused by name."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from apps.dataplane.canonical import canonical_hash
from apps.dataplane.connectors.base import BATCH_BYTES, BATCH_ROWS, Backend, Rejected
from apps.dataplane.errors import Invalid, NotFound, Refused
from apps.dataplane.plan import ColumnSchema, Increment, TableRef, TableSchema, Window

from . import datasets, tables
from .datasets import FileSet, Member
from .opened import Identity
from .pieces import Piece, Rejects, fitted
from .settings import FileSettings


class Reader:
    """One look at some files: each is identified by size and content before it is read, and must be the same after.

    >>> with Reader(settings) as reader:
    ...     for batch in reader.read(TableRef(".", "flights"), ("carrier", "tailnum")): ...
    """

    def __init__(self, settings: FileSettings, credentials: None = None, *, purpose: str = "extract") -> None:
        self._settings = settings
        self._found: dict[TableRef, FileSet] | None = None
        self._types: dict[TableRef, Mapping[str, str]] = {}
        self._identities: dict[str, Identity] = {}
        self._rejects: dict[TableRef, Rejects] = {}
        self.backend_pids: tuple[Backend, ...] = ()

    def __enter__(self) -> Self:
        self._found = datasets.found(self._settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._found = None

    def schema(self, ref: TableRef, known: TableSchema | None = None) -> TableSchema | None:
        """The dataset as it is now: its columns from the files; their types as `known`, else as they look.

        Raises Refused for a dataset that cannot be read.
        """
        files = self._open.get(ref)
        if files is None:
            return None
        datasets.usable(files)
        declared = {column.name: column.type for column in known.columns} if known else {}
        names = tables.names_of(self._settings, files)
        if declared and set(names) <= set(declared) and self._untyped(files):
            schema = self._as_known(files, names, declared, known)
        else:
            seen = tables.look(self._settings, files)
            kept = declared if self._untyped(files) else {}
            columns = tuple(ColumnSchema(name, kept.get(name, seen.types[name])) for name in seen.names)
            schema = TableSchema(ref, columns, estimated_rows=seen.rows, detected=seen.detected)
        self._types[ref] = {column.name: column.type for column in schema.columns}
        return schema

    def _as_known(
        self, files: FileSet, names: Sequence[str], declared: Mapping[str, str], known: TableSchema | None
    ) -> TableSchema:
        columns = tuple(ColumnSchema(name, declared[name]) for name in names)
        rows = known.estimated_rows if known else 0
        return TableSchema(files.ref, columns, estimated_rows=rows, detected=known.detected if known else {})

    def _untyped(self, files: FileSet) -> bool:
        return datasets.format_of(self._settings, files.members[0].path) != "parquet"

    def window(self, ref: TableRef, increment: Increment, position: Mapping[str, Any] | None) -> Window:
        """The files that `position` does not list with the same content; afterwards it lists them too.

        With a cursor there is nothing that files could be asked for: the planner refuses it.
        """
        published = dict((position or {}).get("files", {}))
        since = canonical_hash(dict(position)) if position else ""
        now = {member.path: self._identify(member) for member in self._usable(ref).members}
        new = tuple(path for path, one in now.items() if published.get(path) != _position(one))
        after = published | {path: _position(now[path]) for path in new}
        return Window(kind="files", files=new, since=since, position={"files": after})

    def read(
        self,
        ref: TableRef,
        columns: Sequence[str],
        *,
        window: Window | None = None,
        batch_rows: int = BATCH_ROWS,
        batch_bytes: int = BATCH_BYTES,
    ) -> Generator[pa.RecordBatch]:
        """Batches of string columns in PostgreSQL's text form; an empty dataset gives none.

        Lines that are no rows, and rows with a value that does not fit its column's type, are rejected: see `rejected`.
        Raises Refused when a file changed, also after batches were given out.
        """
        if not columns:
            raise Invalid(f"No column of {ref} was asked for.")
        if ref not in self._types:
            self.schema(ref)
        files = self._usable(ref)
        members = files.members
        if window is not None and window.kind == "files":
            members = tuple(member for member in members if member.path in window.files)
            _require_all(window, members)
        self._rejects[ref] = Rejects()
        yield from _batches(self._pieces(ref, members, columns), columns, batch_rows, batch_bytes)

    def rejected(self, ref: TableRef) -> Rejected:
        """The lines that reading this dataset has turned away so far."""
        return self._rejects.get(ref, Rejects()).frozen()

    def _pieces(self, ref: TableRef, members: Sequence[Member], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        types = self._types[ref]
        for member in members:
            before = self._identify(member)
            with tables.open_member(self._settings, member) as file:
                rejects = self._rejects[ref]

                def reject(line: int, reason: str, path: str = member.path, rejects: Rejects = rejects) -> None:
                    rejects.add(path, line, reason)

                for piece in tables.rows(self._settings, member, file, columns, reject):
                    whole = self._fitted(member, piece, types, reject)
                    if whole.batch.num_rows:
                        yield whole.batch
                file.require_same(before)

    def _fitted(self, member: Member, piece: Piece, types: Mapping[str, str], reject: Any) -> Piece:
        if datasets.format_of(self._settings, member.path) == "parquet":
            return piece
        return fitted(piece, types, reject)

    def _identify(self, member: Member) -> Identity:
        if member.path not in self._identities:
            with tables.open_member(self._settings, member) as file:
                self._identities[member.path] = file.identity()
        return self._identities[member.path]

    def _usable(self, ref: TableRef) -> FileSet:
        files = self._open.get(ref)
        if files is None:
            raise NotFound(f"There is no dataset {ref}.", remedy="Discover the connection again.")
        return datasets.usable(files)

    @property
    def _open(self) -> dict[TableRef, FileSet]:
        if self._found is None:
            raise RuntimeError("the reader is not open")
        return self._found


def _position(identity: Identity) -> list[Any]:
    return [identity.size, identity.sha256]


def _require_all(window: Window, members: Sequence[Member]) -> None:
    gone = sorted(set(window.files) - {member.path for member in members})
    if gone:
        raise Refused(f"{gone[0]} went away while the run was planned.", remedy="Run the pipeline again.")


def _batches(
    pieces: Iterator[pa.RecordBatch], columns: Sequence[str], batch_rows: int, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The same rows in batches as large as allowed; only a single row may be larger."""
    schema = pa.schema([pa.field(name, pa.string()) for name in columns])
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for piece in pieces:
        for part in _parts(piece.cast(schema), batch_rows, batch_bytes):
            bytes_of_it = part.nbytes
            if held and (rows + part.num_rows > batch_rows or size + bytes_of_it > batch_bytes):
                yield _one(held, schema)
                held, rows, size = [], 0, 0
            held.append(part)
            rows, size = rows + part.num_rows, size + bytes_of_it
    if held:
        yield _one(held, schema)


def _parts(piece: pa.RecordBatch, batch_rows: int, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Cut in halves until each is small enough."""
    # Quarters of a batch fill one without leaving much of it empty.
    most = max(1, batch_rows // 4)
    if piece.num_rows > 1 and (piece.num_rows > most or piece.nbytes > batch_bytes):
        half = piece.num_rows // 2
        yield from _parts(piece.slice(0, half), batch_rows, batch_bytes)
        yield from _parts(piece.slice(half), batch_rows, batch_bytes)
    elif piece.num_rows:
        yield piece


def _one(held: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    if len(held) == 1:
        return held[0]
    arrays = [pa.concat_arrays([batch.column(index) for batch in held]) for index in range(len(schema))]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
