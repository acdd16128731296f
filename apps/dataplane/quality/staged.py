"""Staged part files as DuckDB views, in a database that reads those files and nothing else.

Columns are reached by position under made-up names (c0, c1, …): a column's real name never becomes SQL, and two names
that differ only in case stay two columns, which DuckDB itself would not keep apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from apps.dataplane.errors import PartRejected

ROW_ID = "__row_id"
MEMORY_LIMIT = "512MiB"


@dataclass(frozen=True)
class StagedStream:
    """The staged rows of one stream.

    `paths`: its parts of kind "rows"; `removed`: its parts of kind "removed", whose rows do not count any more;
    `types`: its columns in order, each with the DuckDB type that it is checked as.
    """

    paths: tuple[Path, ...]
    removed: tuple[Path, ...]
    types: Mapping[str, str]


@contextmanager
def database(
    paths: Sequence[Path], *, scratch: Path | None = None, memory_limit: str = MEMORY_LIMIT
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that may open `paths` only and spills below `scratch` (default: beside the first part)."""
    below = scratch or (paths[0].parent if paths else None)
    with tempfile.TemporaryDirectory(prefix="spill-", dir=below) as spill:
        connection = duckdb.connect(":memory:", config=_config(memory_limit, spill))
        try:
            connection.execute("SET allowed_paths = ?", [[str(path) for path in paths]])
            connection.execute("SET allowed_directories = ?", [[f"{spill}/"]])
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
        finally:
            connection.close()


def rows_view(connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[Path]) -> dict[str, str]:
    """Creates the view `name` over parts of kind "rows" and returns column -> its name in the view, beside `row_id`.

    `name` is ours, never a user's. Raises PartRejected when the parts disagree about their columns.
    """
    columns = part_columns(paths)
    aliases = {column: f"c{index}" for index, column in enumerate(columns) if column != ROW_ID}
    if ROW_ID not in columns:
        raise PartRejected("A staged part has no row ids.", remedy="Run the pipeline again.")
    files = f"{name}_files"
    _over_files(connection, files, paths)
    listed = ", ".join("row_id" if column == ROW_ID else aliases[column] for column in columns)
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {files} AS part({listed})")  # noqa: S608  our own names
    return aliases


def removed_table(connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[Path]) -> None:
    """Creates the table `name(row_id)` of the rows that settle turned away."""
    connection.execute(f"CREATE TABLE {name} (row_id BIGINT)")
    if paths:
        _over_files(connection, f"{name}_files", paths)
        connection.execute(f"INSERT INTO {name} SELECT DISTINCT row_id FROM {name}_files")  # noqa: S608  our own names


def part_columns(paths: Sequence[Path]) -> list[str]:
    """The column names that all `paths` share, in order, from their Parquet footers."""
    found = [list(pq.read_schema(path).names) for path in paths]
    if any(names != found[0] for names in found):
        raise PartRejected("The staged parts of one stream hold different columns.", remedy="Run the pipeline again.")
    return found[0]


def _over_files(connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[Path]) -> None:
    # hive_partitioning off: a directory called a=b would otherwise become a column.
    relation = connection.read_parquet([str(path) for path in paths], hive_partitioning=False)
    relation.create_view(name)


def _config(memory_limit: str, spill: str) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": memory_limit,
        "temp_directory": spill,
        "threads": 2,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
