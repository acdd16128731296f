"""The data directory: its layout, who holds it, and whether it can be written at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apps.dataplane.errors import LockgateError

FOLDERS = ("pg", "keys", "parts", "quarantine", "logs", "broker", "run", "mail", "files")
NEEDED_BYTES = 512 << 20


class CannotStart(LockgateError):
    """Lockgate cannot start; the sentence says why and what to do."""

    code = "cannot-start"


@dataclass(frozen=True)
class DataDirectory:
    """Where one installation keeps everything. Every folder is 0700."""

    root: Path

    @property
    def pg(self) -> Path:
        return self.root / "pg"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def broker(self) -> Path:
        return self.root / "broker"

    @property
    def run(self) -> Path:
        return self.root / "run"


def prepare(root: Path, *, needed_bytes: int = NEEDED_BYTES) -> DataDirectory:
    """Create what is missing and prove that it can be written. Raises CannotStart."""
    data = DataDirectory(root.absolute())
    with explained(data.root):
        if not data.root.exists():
            data.root.mkdir(parents=True)
            # Started by root, PostgreSQL runs as another user, who has to pass through here; the folders stay closed.
            data.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for name in FOLDERS:
            _closed_folder(data.root / name)
        probe = data.run / "probe"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    free = shutil.disk_usage(data.root).free
    if free < needed_bytes:
        raise CannotStart(
            f"The disk that holds {data.root} is full: {free >> 20} MiB are free and Lockgate needs "
            f"{needed_bytes >> 20} MiB to start; free some space or choose another place with --data."
        )
    return data


def _closed_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != 0o700:
        folder.chmod(0o700)


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into one sentence each."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise CannotStart(full(place)) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT):
            raise CannotStart(
                f"The data directory {place} cannot be written ({error.strerror}); "
                "choose another with --data or give this user the right to write there."
            ) from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST):
            raise CannotStart(f"{place} is no directory; choose another data directory with --data.") from error
        raise


@contextmanager
def held(data: DataDirectory, *, url: str) -> Iterator[None]:
    """Hold the data directory for this process alone. Raises CannotStart naming the address of whoever holds it."""
    with explained(data.root):
        file = (data.run / "supervisor.lock").open("a+")
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise CannotStart(_held_by(lock.read(), data)) from error
        lock.truncate(0)
        lock.write(json.dumps({"url": url, "pid": os.getpid()}))
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def is_full(error: OSError) -> bool:
    """Whether the system refused because a disk or a quota is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def full(place: Path) -> str:
    return f"The disk that holds {place} is full; free some space or choose another place with --data."


def holder(data: DataDirectory) -> str:
    """The address of the Lockgate that holds the data directory; "" when none does."""
    try:
        return str(json.loads((data.run / "supervisor.lock").read_text())["url"])
    except (OSError, ValueError):
        return ""


def _held_by(text: str, data: DataDirectory) -> str:
    try:
        holder = json.loads(text)
    except ValueError:
        return f"Another Lockgate is just starting or stopping on {data.root}; wait a moment and start again."
    return f"Lockgate is already running at {holder['url']} (process {holder['pid']}) on {data.root}."


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
