"""A folder's own memory of what was published into it: one manifest for each pipeline, changed in one atomic step.

A publication first writes its files under names that nobody looks at, then its manifest as `next`: with that it is
decided, and whoever comes by carries it out (each file by one rename) and makes `next` the manifest.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.dataplane.connectors.base import PublishedState
from apps.dataplane.errors import NotFound, Refused, Unreachable
from apps.dataplane.plan import ColumnSchema, KeptPosition, TableRef, TableSchema, as_json

from . import paths

FOLDER = ".lockgate"
PATIENCE = 30.0
FORMAT = 1
OLD_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class Written:
    """One dataset of a publication: its file below the folder, what it holds, and how it can be recognised."""

    ref: TableRef
    file: str
    columns: tuple[ColumnSchema, ...]
    rows: int
    size: int
    sha256: str

    @property
    def schema(self) -> TableSchema:
        return TableSchema(self.ref, self.columns, estimated_rows=self.rows)


@dataclass(frozen=True)
class Manifest:
    """What was published last for a pipeline. `moves` are the renames that carry it out."""

    pipeline: str
    run: str
    fence: int
    plan_hash: str
    published_at: str
    tables: tuple[Written, ...]
    positions: Mapping[str, KeptPosition]
    moves: tuple[tuple[str, str], ...] = ()
    format: int = FORMAT

    @property
    def state(self) -> PublishedState:
        rows = sum(table.rows for table in self.tables)
        return PublishedState(self.run, self.fence, self.plan_hash, rows, datetime.fromisoformat(self.published_at))


class Book:
    """The manifests of one folder, reached through a descriptor of the folder."""

    def __init__(self, root: Path, path: str) -> None:
        self._root, self._path = root, path
        self._folder = f"{path}/{FOLDER}" if path else FOLDER

    def prepare(self) -> None:
        """Makes the folder of the manifests, and clears away what died before it was decided."""
        with paths.open_folder(self._root, self._path) as folder, suppress(FileExistsError):
            os.mkdir(FOLDER, 0o700, dir_fd=folder)
        with self.opened() as folder:
            for name in os.listdir(folder):
                if name.startswith("tmp-") and _age(name, folder) > OLD_SECONDS and not self.awaits(name, folder):
                    os.unlink(name, dir_fd=folder)

    @contextmanager
    def opened(self) -> Iterator[int]:
        with paths.open_folder(self._root, self._folder) as folder:
            yield folder

    @contextmanager
    def locked(self, pipeline: str) -> Iterator[None]:
        """One publication of a pipeline at a time decides; the lock of a process that died is gone with it."""
        with self.opened() as folder:
            lock = os.open(_name(pipeline, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            _take(lock)
            yield
        finally:
            os.close(lock)

    def current(self, pipeline: str) -> Manifest | None:
        """What was published last, carried out if that was still to do."""
        with self.locked(pipeline):
            self.finish(pipeline)
            return self._read(_name(pipeline, "json"))

    def decide(self, manifest: Manifest) -> None:
        """Makes it the pipeline's publication; the caller holds the lock and has looked at what is there."""
        with self.opened() as folder:
            self._write(folder, "tmp-" + _name(manifest.pipeline, "next"), manifest)
            # A link is made only where none is: the one moment in which it is decided.
            os.link(
                "tmp-" + _name(manifest.pipeline, "next"),
                _name(manifest.pipeline, "next"),
                src_dir_fd=folder,
                dst_dir_fd=folder,
            )
            os.unlink("tmp-" + _name(manifest.pipeline, "next"), dir_fd=folder)
            os.fsync(folder)
        self.finish(manifest.pipeline)

    def read(self, pipeline: str) -> Manifest | None:
        """What was published last; what is decided counts, also while it is still to be carried out."""
        return self._read(_name(pipeline, "next")) or self._read(_name(pipeline, "json"))

    def everything(self) -> tuple[Manifest, ...]:
        """The manifests of all pipelines; none where nothing was published here."""
        try:
            with self.opened() as folder:
                names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
        except NotFound:
            return ()
        return tuple(found for name in names if (found := self._read(name)))

    def finish(self, pipeline: str) -> None:
        """Carries out what was decided; the caller holds the lock."""
        decided = self._read(_name(pipeline, "next"))
        if decided is None:
            return
        with self.opened() as hidden, paths.open_folder(self._root, self._path) as folder:
            for source, target in decided.moves:
                *parents, name = target.split("/")
                with made(folder, parents) as place:
                    # Whoever carried it out before, and died, has moved it already.
                    with suppress(FileNotFoundError):
                        os.rename(source, name, src_dir_fd=hidden, dst_dir_fd=place)
                    os.fsync(place)
            os.rename(_name(pipeline, "next"), _name(pipeline, "json"), src_dir_fd=hidden, dst_dir_fd=hidden)
            os.fsync(hidden)

    def _read(self, name: str) -> Manifest | None:
        try:
            descriptor = paths.open_file(self._root, f"{self._folder}/{name}")
        except NotFound:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return _parsed(file.read(), name)

    def _write(self, folder: int, name: str, manifest: Manifest) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(as_json(manifest), ensure_ascii=False, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())

    def awaits(self, name: str, folder: int) -> bool:
        """Whether a decided publication still has to move it."""
        waiting = (one for one in os.listdir(folder) if one.endswith(".next") and not one.startswith("tmp-"))
        decided = filter(None, map(self._read, waiting))
        return any(source == name for one in decided for source, _ in one.moves)


@contextmanager
def made(folder: int, names: list[str]) -> Iterator[int]:
    """A descriptor of a folder below, made where it is missing; no link is followed."""
    here = os.dup(folder)
    try:
        for name in names:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=here)
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)


def _name(pipeline: str, ending: str) -> str:
    """Pipelines are called by ids; whatever else comes is made safe as a file name."""
    safe = pipeline if pipeline.replace("-", "").isalnum() and pipeline.isascii() else ""
    return f"{safe or hashlib.sha256(pipeline.encode()).hexdigest()}.{ending}"


def _take(lock: int) -> None:
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > limit:
                raise Unreachable(
                    "Another publication of this pipeline is just being decided in that folder.",
                    step="write",
                    remedy="Try again; if it goes on, look for a worker that hangs.",
                ) from None
            time.sleep(0.05)


def _parsed(text: bytes, name: str) -> Manifest:
    try:
        said: dict[str, Any] = json.loads(text)
        if said.pop("format") != FORMAT:
            raise ValueError
        tables = tuple(
            Written(
                TableRef(**one["ref"]),
                one["file"],
                tuple(ColumnSchema(**column) for column in one["columns"]),
                one["rows"],
                one["size"],
                one["sha256"],
            )
            for one in said.pop("tables")
        )
        positions = {stream: KeptPosition(**one) for stream, one in said.pop("positions").items()}
        moves = tuple((source, target) for source, target in said.pop("moves"))
        return Manifest(tables=tables, positions=positions, moves=moves, **said)
    except (ValueError, TypeError, KeyError):
        raise Refused(
            f"The record of what was published here ({FOLDER}/{name}) cannot be read, so nothing is written.",
            remedy="Restore it, or publish into another folder.",
        ) from None


def _age(name: str, folder: int) -> float:
    return time.time() - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
