"""Staged part files as the runner writes them: all-string columns and a row id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from apps.dataplane.plan import OutputCheck
from apps.dataplane.quality.gate import CheckOutcome, StagedStream, run

Texts = Sequence[str | None]


def part(path: Path, columns: Mapping[str, Texts], *, first: int = 0) -> Path:
    """Writes one part; its row ids count from `first`."""
    rows = len(next(iter(columns.values())))
    table = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    table["__row_id"] = pa.array(range(first, first + rows), pa.int64())
    pq.write_table(pa.table(table), path)
    return path


def removed_part(path: Path, row_ids: Sequence[int]) -> Path:
    rules = pa.array(["some-rule"] * len(row_ids), pa.string())
    pq.write_table(pa.table({"row_id": pa.array(row_ids, pa.int64()), "rule": rules}), path)
    return path


def check(expectation: str, *, id: str = "the-check", severity: Any = "ERROR", **kwargs: Any) -> OutputCheck:
    return OutputCheck(id, "people", expectation, kwargs, severity)


def outcome(stream: StagedStream, one: OutputCheck) -> CheckOutcome:
    return run({"people": stream}, [one])[0]
