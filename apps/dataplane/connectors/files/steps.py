"""The test of a connection to files: reach the folder, list what matches, then read or write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

from apps.dataplane.connectors.base import Purpose, Step, TestStep
from apps.dataplane.errors import LockgateError, Unreachable

from . import datasets, paths, roots, tables
from .settings import FileSettings

MOST_LOOKED_AT = 5
_SEPARATORS = {",": "commas", ";": "semicolons", "|": "bars", "\t": "tabs", "tab": "tabs"}


def test(settings: FileSettings, credentials: None, *, purpose: Purpose) -> Iterator[TestStep]:
    """Yields each step as it ends and stops at the first failure. Leaves nothing behind."""
    attempts: tuple[tuple[Step, Callable[[], str]], ...] = (
        ("reach", lambda: _reach(settings, purpose)),
        ("list", lambda: _list(settings)),
        (purpose, lambda: _read(settings) if purpose == "read" else _write(settings)),
    )
    for step, attempt in attempts:
        if step == "list" and purpose == "write":
            continue
        done = _timed(step, attempt)
        yield done
        if not done.ok:
            return


test.__test__ = False  # type: ignore[attr-defined]


def _timed(step: Step, attempt: Callable[[], str]) -> TestStep:
    start = time.monotonic()
    field = remedy = ""
    try:
        sentence, ok = attempt(), True
    except LockgateError as error:
        sentence, ok, remedy = error.sentence, False, error.remedy
        field = error.field or {"reach": "path", "list": "pattern"}.get(step, "format")
    return TestStep(step, ok, sentence, field, remedy, round((time.monotonic() - start) * 1000))


def _reach(settings: FileSettings, purpose: Purpose) -> str:
    with paths.open_folder(roots.folder(settings.root), settings.path):
        return f"Reached the folder {settings.address}."


def _list(settings: FileSettings) -> str:
    found = datasets.found(settings)
    if not found:
        raise Unreachable(
            f"No file in {settings.address} matches {settings.pattern}, or its format is unknown.",
            step="list",
            field="pattern",
            remedy="Put a file there, mend the pattern, or choose the format if the names do not tell it.",
        )
    number, several = sum(len(files.members) for files in found.values()), len(found)
    files = "1 file" if number == 1 else f"{number:,} files"
    return f"{files} found, which {'is 1 dataset' if several == 1 else f'are {several:,} datasets'}."


def _read(settings: FileSettings) -> str:
    """Looks the first datasets through, and says what will matter most: what would be rejected or misunderstood."""
    found = list(datasets.found(settings).values())
    said, hints = [], []
    for files in found[:MOST_LOOKED_AT]:
        seen = tables.look(settings, datasets.usable(files))
        said.append(f"{files.ref.table}: {_in_words(seen)}")
        worth_telling = [seen.detected[name] for name in ("missing", "rejected") if name in seen.detected]
        hints += [f"In {files.ref.table}, {one}." for one in worth_telling]
    more = f" {len(found) - MOST_LOOKED_AT:,} more were not looked at." if len(found) > MOST_LOOKED_AT else ""
    return "\n".join([f"Read {'; '.join(said)}.{more}", *hints])


def _in_words(seen: tables.Look) -> str:
    detected = seen.detected
    facts = [detected["format"], detected.get("encoding", "").partition(" (")[0]]
    if detected.get("compression", "none") != "none":
        facts.append(detected["compression"])
    if "delimiter" in detected:
        facts.append(f"fields separated by {_SEPARATORS.get(detected['delimiter'], detected['delimiter'])}")
    facts.append(f"{len(seen.names)} columns")
    facts.append(f"{seen.rows:,} rows" if seen.whole else f"more than {seen.rows:,} rows")
    return ", ".join(fact for fact in facts if fact)


def _write(settings: FileSettings) -> str:
    """Does what a publication does first, and takes it back."""
    name = f".lockgate-test-{uuid4().hex}"
    with paths.open_folder(roots.folder(settings.root), settings.path) as folder:
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
            try:
                os.write(descriptor, b"lockgate\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            raise Unreachable(
                f"No file can be written to {settings.address}: {(error.strerror or 'the system refused').lower()}.",
                step="write",
                field="path",
                remedy="Give the user that runs Lockgate the right to write there, or choose another folder.",
            ) from None
    return f"Lockgate can write files to {settings.address}; nothing was left behind."
