"""Publishes a run's rows as files: whole files, made current together with the record that it was done."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO, Self
from uuid import uuid4

import pyarrow as pa

from apps.dataplane.connectors.base import Backend, PublishedState
from apps.dataplane.errors import Fenced, Refused, Unreachable
from apps.dataplane.plan import ColumnSchema, KeptPosition, SettleRule, TableRef, TableSchema

from . import roots, writing
from .destination import Place, require_ours, schema_at
from .manifest import Book, Manifest, Written
from .settings import FileSettings

_WHOLE = "Files are written whole: a run replaces them, and cannot add to them or change rows in them."
_REPLACE = "Choose the mode replace, or a database as the destination."


class Publisher:
    """One publication. Leaving it without `commit()` leaves nothing behind.

    Calls in order: `state`, then per stream `create` or `delete_all`, `load`; `record_state`, `commit`. Each file is
    replaced by one rename; of several, a reader may see the first one new and the second one old for a moment.
    """

    backend_pid: Backend | None = None

    def __init__(self, settings: FileSettings, credentials: None = None, *, purpose: str = "publish") -> None:
        self._settings = settings
        self._root = roots.folder(settings.root)
        self._book = Book(self._root, settings.path)
        self._columns: dict[TableRef, tuple[ColumnSchema, ...]] = {}
        self._written: dict[TableRef, Written] = {}
        self._temporary: dict[str, str] = {}
        self._decision: Manifest | None = None

    def __enter__(self) -> Self:
        with _told("prepare the folder"):
            self._book.prepare()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError), self._book.opened() as folder:
            for name in self._temporary:
                # What is decided is carried out, if not by us then by the next one.
                if self._book.awaits(name, folder):
                    continue
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)

    def state(self, pipeline: str, *, fence: int | None = None) -> PublishedState | None:
        """What was published last. Raises Fenced when `fence` is given and a higher one has published."""
        with _told("read the record of what was published"):
            found = self._book.current(pipeline)
        if found is not None and fence is not None:
            _require_fence(found, fence)
        return found.state if found else None

    def positions(self, pipeline: str) -> dict[str, KeptPosition]:
        found = self._book.read(pipeline)
        return dict(found.positions) if found else {}

    def schema(self, ref: TableRef) -> TableSchema | None:
        """The dataset as it is now; None when there is no file of that name."""
        return schema_at(self._settings, ref)

    def lock(self, ref: TableRef) -> None:
        """A file is never changed, only replaced: there is nothing to keep others from."""
        require_ours(self._settings, ref)

    def create(self, ref: TableRef, columns: Sequence[ColumnSchema], key: Sequence[str] = ()) -> None:
        Place(self._settings, ref)
        self._columns[ref] = tuple(ColumnSchema(column.name, column.type) for column in columns)

    def delete_all(self, ref: TableRef) -> int:
        """The next file takes the place of this one at the commit. Refuses one that Lockgate did not write."""
        require_ours(self._settings, ref)
        there = self.schema(ref)
        if there is None:
            raise Refused(f"Could not replace {ref}: there is no such file.", remedy="Plan the run again.")
        self._columns[ref] = there.columns
        return there.estimated_rows

    def is_empty(self, ref: TableRef) -> bool:
        return self.schema(ref) is None

    def load(self, ref: TableRef, columns: Sequence[str], batches: Iterator[pa.RecordBatch]) -> int:
        """Writes the rows of all batches to a file that nobody sees yet, and returns their number."""
        if ref not in self._columns:
            raise Refused(_WHOLE, remedy=_REPLACE)
        known = {column.name: column for column in self._columns[ref]}
        described = tuple(known[name] for name in columns)
        place, name = Place(self._settings, ref), f"tmp-{uuid4().hex}"
        self._temporary[name] = place.file
        with _told(f"write {place.file}"), self._book.opened() as folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, 0o644, dir_fd=folder), "wb") as file:
                hashed = _Hashed(file)
                rows = self._rows(hashed, described, batches)
                file.flush()
                os.fsync(file.fileno())
        self._written[ref] = Written(ref, place.file, described, rows, hashed.bytes, hashed.digest.hexdigest())
        return rows

    def merge(
        self, ref: TableRef, columns: Sequence[str], key: Sequence[str], batches: Iterator[pa.RecordBatch]
    ) -> int:
        raise Refused(_WHOLE, remedy=_REPLACE)

    def breaks(self, ref: TableRef, rule: SettleRule, target: TableRef) -> bool:
        raise Refused(_WHOLE, remedy=_REPLACE)

    def record_state(
        self,
        pipeline: str,
        run: str,
        fence: int,
        plan_hash: str,
        positions: Mapping[str, KeptPosition] | None = None,
    ) -> None:
        """What `commit` decides. Raises Fenced when a higher fence has published."""
        before = self._book.read(pipeline)
        if before is not None:
            _require_fence(before, fence)
        now = datetime.now(UTC).isoformat()
        moves = tuple(self._temporary.items())
        tables = tuple(self._written.values())
        self._decision = Manifest(pipeline, run, fence, plan_hash, now, tables, dict(positions or {}), moves)

    def commit(self) -> None:
        """Makes it all current. A retried commit of the same run, fence and plan changes nothing."""
        decision = self._decision
        if decision is None:
            raise RuntimeError("record_state comes before commit")
        with _told("make the files current"), self._book.locked(decision.pipeline):
            self._book.finish(decision.pipeline)
            before = self._book.read(decision.pipeline)
            if before is not None:
                _require_fence(before, decision.fence)
            if before is None or _mark(before) != _mark(decision):
                self._book.decide(decision)
        self._decision = None

    def _rows(self, file: Any, columns: Sequence[ColumnSchema], batches: Iterator[pa.RecordBatch]) -> int:
        out = writing.writer(self._settings, file, columns)
        names, rows = [column.name for column in columns], 0
        for batch in batches:
            out.write(batch.select(names))
            rows += batch.num_rows
        out.close()
        return rows


class _Hashed:
    """Hashes and counts what is written through it."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.bytes = 0

    def write(self, content: Any) -> int:
        piece = memoryview(content).cast("B")
        self._file.write(piece)
        self.digest.update(piece)
        self.bytes += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """The file is closed by whoever opened it."""

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _mark(manifest: Manifest) -> tuple[str, int, str]:
    return manifest.run, manifest.fence, manifest.plan_hash


def _require_fence(found: Manifest, fence: int) -> None:
    if found.fence > fence:
        raise Fenced(f"Fence {found.fence} has published here already; this worker holds {fence}.")


class _told:
    """Turns the operating system's refusals into one sentence each."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise Unreachable(
                f"Could not {self._doing}: {(error.strerror or 'the system refused').lower()}.",
                step="write",
                field="path",
                remedy="Look at the space left and at the rights of the user that runs Lockgate.",
            ) from None
