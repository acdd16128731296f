"""Opens files below an allowed root, component by component: no link is followed, and nothing but a file is opened."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apps.dataplane.errors import LockgateError, NotFound, Refused, Unreachable

MOST_FILES = 20_000
DEEPEST = 24
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"))


@dataclass(frozen=True)
class Entry:
    """A name found below a root, with / between its parts; `why_not` says why it cannot be read, empty where it can."""

    path: str
    size: int
    why_not: str = ""


def open_file(root: Path, path: str) -> int:
    """A descriptor of a regular file, opened for reading: what is read is what was checked.

    Raises NotFound, Refused for a link, pipe, socket, device or folder, Unreachable where the system refuses.
    """
    parts = _parts(path)
    with _folder(root, parts[:-1], path) as folder:
        # Without O_NONBLOCK opening a pipe would wait for somebody to write to it.
        descriptor = _opened(parts[-1], _FLAGS | os.O_NONBLOCK, folder, path)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _no_file(path, mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def open_folder(root: Path, path: str) -> Iterator[int]:
    """A descriptor of a folder below the root ("" for the root itself), reached without following a link."""
    with _folder(root, _parts(path) if path else (), path or ".") as folder:
        yield folder


def files(root: Path, path: str, pattern: str) -> tuple[Entry, ...]:
    """What matches below `path`, in order of name. Names that begin with . or _ are passed over.

    `*` and `?` stay within a folder, `**` takes any number of them. Raises Refused for more than 20,000 files.
    """
    matches = _compiled(pattern)
    depth = DEEPEST if "**" in pattern else pattern.count("/")
    found: list[Entry] = []
    with open_folder(root, path) as folder:
        for entry in _walk(folder, "", depth):
            if matches.fullmatch(entry.path):
                found.append(entry)
            if len(found) > MOST_FILES:
                raise Refused(
                    f"More than {MOST_FILES:,} files match {pattern}.", remedy="Narrow the path or the pattern."
                )
    return tuple(sorted(found, key=lambda entry: entry.path))


def _walk(folder: int, before: str, depth: int) -> Iterator[Entry]:
    with os.scandir(folder) as entries:
        found = sorted((entry for entry in entries if not entry.name.startswith((".", "_"))), key=lambda one: one.name)
    for entry in found:
        name = before + entry.name
        if not _printable(entry.name):
            yield Entry(_shown(name), 0, "its name is no printable UTF-8 text")
        elif entry.is_dir(follow_symlinks=False):
            if depth:
                yield from _below(folder, entry.name, name, depth)
        else:
            yield _entry(entry, name)


def _below(folder: int, name: str, path: str, depth: int) -> Iterator[Entry]:
    try:
        inner = os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=folder)
    except OSError as error:
        yield Entry(path, 0, f"the folder cannot be opened: {_said(error)}")
        return
    try:
        yield from _walk(inner, f"{path}/", depth - 1)
    finally:
        os.close(inner)


def _entry(entry: os.DirEntry[str], path: str) -> Entry:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Entry(path, 0, _said(error))
    why_not = "" if stat.S_ISREG(status.st_mode) else f"it is {_kind(status.st_mode)}"
    return Entry(path, status.st_size, why_not)


@contextmanager
def _folder(root: Path, parts: tuple[str, ...], path: str) -> Iterator[int]:
    try:
        # The root itself is the administrator's, so a link that leads there is theirs as well.
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Unreachable(
            f"The folder that LOCKGATE_FILE_ROOTS names cannot be opened: {_said(error)}.",
            step="reach",
            field="root",
            remedy="Ask whoever runs Lockgate to mount it and give this user the right to it.",
        ) from None
    try:
        for part in parts:
            inner = _opened(part, _FLAGS | os.O_DIRECTORY, folder, path)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _opened(name: str, flags: int, folder: int, path: str) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        raise NotFound(f"There is no {path}.", remedy="Check the path and the pattern.", field="path") from None
    except OSError as error:
        raise _not_opened(name, folder, path, error) from None


def _not_opened(name: str, folder: int, path: str, error: OSError) -> LockgateError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR):
        try:
            return _no_file(path, os.lstat(name, dir_fd=folder).st_mode)
        except OSError:
            pass
    return Unreachable(
        f"{path} cannot be opened: {_said(error)}.",
        step="read",
        field="path",
        remedy="Give the user that runs Lockgate the right to read it.",
    )


def _no_file(path: str, mode: int) -> Refused:
    return Refused(
        f"{path} is not read: a part of it is {_kind(mode)}, and only files and folders are followed.",
        remedy="Put the file itself below the root.",
    )


def _parts(path: str) -> tuple[str, ...]:
    parts = tuple(path.split("/"))
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise Refused(f"{_shown(path)} does not stay below its root.", remedy="Write it without .. and empty parts.")
    return parts


def _compiled(pattern: str) -> re.Pattern[str]:
    """Shell patterns, a folder at a time."""
    text = ""
    for part in pattern.split("/"):
        text += "(?:[^/]+/)*" if part == "**" else _part(part) + "/"
    return re.compile(text.removesuffix("/") + ("[^/]+" if pattern.endswith("**") else ""))


def _part(part: str) -> str:
    pieces = {"*": "[^/]*", "?": "[^/]"}
    return "".join(pieces.get(letter, re.escape(letter)) for letter in part)


def _kind(mode: int) -> str:
    return next((said for holds, said in _KINDS if holds(mode)), "a device")


def _said(error: OSError) -> str:
    return (error.strerror or "the system refused").lower()


def _printable(name: str) -> bool:
    return name.isprintable() and not any("\ud800" <= letter <= "\udfff" for letter in name)


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() and not "\ud800" <= letter <= "\udfff" else "?" for letter in name)
