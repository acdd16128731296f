"""A folder that connections may reach, and what is said about the files in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.dataplane.connectors.base import Rejected
from apps.dataplane.connectors.files import FileSettings, Reader, discover, roots
from apps.dataplane.plan import TableRef, TableSchema


@dataclass
class Folder:
    """The allowed root `files`."""

    path: Path

    def put(self, name: str, content: str | bytes) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def settings(self, **changed: Any) -> FileSettings:
        return FileSettings.from_json({"root": "files", **changed})

    def found(self, **changed: Any) -> dict[str, TableSchema]:
        return {str(schema.ref): schema for schema in discover(self.settings(**changed))}

    def types(self, name: str, /, **changed: Any) -> dict[str, str]:
        return {column.name: column.type for column in self.found(**changed)[name].columns}

    def read(self, name: str = "t", schema: str = ".", /, **changed: Any) -> tuple[list[dict[str, Any]], Rejected]:
        ref = TableRef(schema, name)
        with Reader(self.settings(**changed)) as reader:
            live = reader.schema(ref)
            assert live is not None
            batches = list(reader.read(ref, [column.name for column in live.columns]))
            return [row for batch in batches for row in batch.to_pylist()], reader.rejected(ref)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    before = {name: roots.folder(name) for name in roots.names()}
    root = tmp_path / "root"
    root.mkdir()
    roots.allow({"files": root})
    yield Folder(root)
    roots.allow(before)
