"""Writes the parts of a run: numbers them per stream and kind, and fills in what every header repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from apps.dataplane.parts import PartKind, StagedPart, write_part
from apps.dataplane.plan import RunPlan, StreamPlan


@dataclass
class Stage:
    """Where the parts of one attempt go. `sign` is the worker's Ed25519 signature.

    Quarantined rows outlive the run and so have a root of their own.
    """

    root: Path
    quarantine: Path
    run: str
    fence: int
    plan: RunPlan
    sign: Callable[[bytes], bytes] = field(repr=False)
    parts: list[StagedPart] = field(default_factory=list)
    _ordinals: Counter[tuple[str, str]] = field(default_factory=Counter)

    def write(self, stream: StreamPlan, kind: PartKind, table: pa.Table) -> StagedPart:
        """One part of a stream. An empty table is staged as well: that nothing came is a fact worth signing."""
        self._ordinals[stream.name, kind] += 1
        written = stream.written if kind == "rows" else ()
        part = write_part(
            self.quarantine if kind == "quarantine" else self.root,
            run=self.run,
            plan_hash=self.plan.hash,
            fence=self.fence,
            stream=stream.name,
            ordinal=self._ordinals[stream.name, kind],
            kind=kind,
            treatments={
                column.destination: f"{column.treatment.kind}/{column.treatment.version}" for column in written
            },
            keys={column.destination: f"{column.key.domain}/{column.key.version}" for column in written if column.key},
            lane=self.plan.lane,
            table=table,
            sign=self.sign,
        )
        self.parts.append(part)
        return part

    def paths(self, stream: str, kind: PartKind) -> tuple[Path, ...]:
        """The bodies written so far."""
        found = (part for part in self.parts if part.header.stream == stream and part.header.kind == kind)
        return tuple(self.root / part.path for part in found)
