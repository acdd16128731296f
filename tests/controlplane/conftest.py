"""Data directories that any user may pass through, and whole installations without Lockgate's own processes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.embedded import datadir
from controlplane.embedded.datadir import DataDirectory


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in which an installation may be made; pytest's own is closed to the user PostgreSQL runs as."""
    directory = Path(tempfile.mkdtemp(prefix="lockgate-place-"))
    directory.chmod(0o711)
    yield directory
    for pointer in directory.rglob("elsewhere.json"):
        shutil.rmtree(json.loads(pointer.read_text())["directory"], ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def data(place: Path) -> DataDirectory:
    return datadir.prepare(place / "data")


@pytest.fixture
def bare_environment() -> dict[str, str]:
    """This process's environment without any setting of Lockgate."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LOCKGATE_", "DJANGO_"))}
