"""The gate: output checks on staged data, evaluated by Great Expectations in DuckDB.

A result holds counts, shares and the check's own limits, never a value of a row: not when a check fails, and not when
it breaks. Anything that prevents a result makes the check an error, which blocks as a failure does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import duckdb

from apps.dataplane.errors import Invalid, PartRejected
from apps.dataplane.plan import OutputCheck, Severity

from .catalogue import CATALOGUE, UNSUPPORTED, Expectation
from .checks import arguments, family, require_type, validate_check
from .observed import limits, measured, nothing_to_measure, sentence
from .parameters import Parameter
from .staged import MEMORY_LIMIT, ROW_ID, StagedStream, database, removed_table, rows_view

if TYPE_CHECKING:
    from .gx_engine import Evaluated

__all__ = [
    "CATALOGUE", "UNSUPPORTED", "CheckOutcome", "Expectation", "Parameter", "StagedStream", "is_open", "preload", "run",
    "validate_check",
]  # fmt: skip

Status = Literal["passed", "failed", "error"]


@dataclass(frozen=True)
class CheckOutcome:
    """What one check found. `unexpected` of `total` rows do not hold, where the check counts rows at all.

    `measured` is the share or count that was found, held to `lowest` and `highest`; None where there is none to tell.
    """

    check: str
    stream: str
    expectation: str
    severity: Severity
    status: Status
    observed: str
    unexpected: int | None = None
    total: int | None = None
    measured: Decimal | None = None
    lowest: Decimal | None = None
    highest: Decimal | None = None


def preload() -> None:
    """Imports Great Expectations: once, in the parent of the gate's workers."""
    from . import gx_engine  # noqa: F401


def run(
    streams: Mapping[str, StagedStream],
    checks: Sequence[OutputCheck],
    *,
    scratch: Path | None = None,
    memory_limit: str = MEMORY_LIMIT,
) -> tuple[CheckOutcome, ...]:
    """One outcome per check, in their order. DuckDB spills below `scratch` (default: beside the parts).

    Raises PartRejected when a stream's parts do not hold its columns.
    """
    outcomes: dict[int, CheckOutcome] = {}
    for name in dict.fromkeys(check.stream for check in checks):
        own = {index: check for index, check in enumerate(checks) if check.stream == name}
        if name in streams:
            outcomes |= _stream_outcomes(streams[name], own, scratch, memory_limit)
        else:
            outcomes |= {index: _error(check, "The run has no such stream.") for index, check in own.items()}
    return tuple(outcomes[index] for index in range(len(checks)))


def is_open(outcomes: Iterable[CheckOutcome]) -> bool:
    """Whether nothing blocks: every check of severity ERROR has passed."""
    return all(outcome.status == "passed" for outcome in outcomes if outcome.severity == "ERROR")


def _stream_outcomes(
    stream: StagedStream, checks: Mapping[int, OutputCheck], scratch: Path | None, memory_limit: str
) -> dict[int, CheckOutcome]:
    outcomes: dict[int, CheckOutcome] = {}
    for index, check in checks.items():
        try:
            validate_check(check, stream.types)
        except Invalid as problem:
            outcomes[index] = _error(check, problem.sentence)
    valid = {index: check for index, check in checks.items() if index not in outcomes}
    if valid:
        found = _evaluate(stream, valid, scratch, memory_limit)
        outcomes |= {index: _outcome(check, found.get(str(index)), stream) for index, check in valid.items()}
    return outcomes


def _evaluate(
    stream: StagedStream, checks: Mapping[int, OutputCheck], scratch: Path | None, memory_limit: str
) -> dict[str, Evaluated]:
    from . import gx_engine

    aliases = {column: f"c{index}" for index, column in enumerate(stream.types)}
    expectations = {
        str(index): (check.expectation, arguments(check, stream.types, aliases)) for index, check in checks.items()
    }
    with database((*stream.paths, *stream.removed), scratch=scratch, memory_limit=memory_limit) as connection:
        _checked_view(connection, stream, aliases)
        return gx_engine.evaluate(connection, "checked", expectations)


def _checked_view(connection: duckdb.DuckDBPyConnection, stream: StagedStream, aliases: Mapping[str, str]) -> None:
    """The view `checked`: the staged rows that settle left, every column in the type that it is checked as."""
    for type_ in stream.types.values():
        require_type(type_)
    if not stream.paths:
        empty = ", ".join(f"CAST(NULL AS {_viewed(type_)}) AS {aliases[name]}" for name, type_ in stream.types.items())
        connection.execute(f"CREATE VIEW checked AS SELECT {empty} WHERE false")
        return
    held = rows_view(connection, "staged", stream.paths)
    if set(held) != set(stream.types):
        raise PartRejected(
            f"The staged parts do not hold the columns of the plan ({ROW_ID} aside).", remedy="Run the pipeline again."
        )
    removed_table(connection, "removed", stream.removed)
    listed = ", ".join(f"{_cast(held[name], type_)} AS {aliases[name]}" for name, type_ in stream.types.items())
    settled = " ANTI JOIN removed USING (row_id)" if stream.removed else ""
    connection.execute(f"CREATE VIEW checked AS SELECT {listed} FROM staged{settled}")  # noqa: S608  our own names


def _viewed(type_: str) -> str:
    return "TIMESTAMP" if family(type_) == "timestamp" else type_


def _cast(column: str, type_: str) -> str:
    """Reads PostgreSQL's text form. DuckDB puts the era after the day and in brackets; instants become UTC."""
    kind = family(type_)
    if kind == "text":
        return column
    if kind in ("date", "timestamp"):
        moved = f"regexp_replace({column}, '^([0-9-]+)(.*) BC$', '\\1 (BC)\\2')"
        column = f"CASE WHEN {column} LIKE '% BC' THEN {moved} ELSE {column} END"
    if kind == "timestamp" and type_.upper() in ("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"):
        return f"CAST(CAST({column} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP)"
    return f"CAST({column} AS {_viewed(type_)})"


def _outcome(check: OutputCheck, found: Evaluated | None, stream: StagedStream) -> CheckOutcome:
    if found is None or found.problem:
        readable = found is not None and found.problem == "conversion"
        reason = "a staged value does not read as its column's type" if readable else "the engine gave no result"
        return _error(check, f"The check could not be evaluated: {reason}.")
    counted = CATALOGUE[check.expectation].shows == "share"
    total = (found.rows or 0) - (found.missing or 0) if counted else None
    unexpected = (found.unexpected or 0) if counted else None
    if found.nothing_observed and CATALOGUE[check.expectation].shows == "statistic":
        observed = nothing_to_measure(check)
    else:
        observed = sentence(check, found.success, unexpected=unexpected, total=total, observed=found.observed)
    status: Status = "passed" if found.success else "failed"
    told = measured(check, unexpected=unexpected, total=total, observed=found.observed)
    low, high = limits(check)
    return CheckOutcome(
        check.id, check.stream, check.expectation, check.severity, status, observed, unexpected, total, told, low, high
    )


def _error(check: OutputCheck, observed: str) -> CheckOutcome:
    return CheckOutcome(check.id, check.stream, check.expectation, check.severity, "error", observed)
