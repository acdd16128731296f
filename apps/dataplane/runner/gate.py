"""The gate: verifies the parts and runs the output checks over them. Nothing is published before it opens."""

from __future__ import annotations

from apps.dataplane import lanes
from apps.dataplane.quality import gate
from apps.dataplane.quality.staged import StagedStream

from .staged import Staged


def check(staged: Staged) -> tuple[gate.CheckOutcome, ...]:
    """The verdict of every output check of the plan, in its order. Raises PartRejected."""
    staged.verify()
    streams = {
        stream.name: StagedStream(
            paths=tuple(staged.root / part.path for part in staged.of(stream.name, "rows")),
            removed=tuple(staged.root / part.path for part in staged.of(stream.name, "removed")),
            types={column.destination: lanes.duckdb_type(column.destination_type) for column in stream.written},
        )
        for stream in staged.plan.streams
    }
    return gate.run(streams, staged.plan.output_checks)


def closed_by(outcomes: tuple[gate.CheckOutcome, ...]) -> tuple[gate.CheckOutcome, ...]:
    """The outcomes that keep the gate closed: an ERROR check that failed, or that could not be evaluated."""
    return tuple(outcome for outcome in outcomes if outcome.severity == "ERROR" and outcome.status != "passed")
