"""Verifies every part of a run before anybody relies on it, and gives out rows from the very bytes verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.errors import PartRejected
from apps.dataplane.parts import ROW_ID, PartHeader, PartKind, StagedPart, open_part, verify_part
from apps.dataplane.plan import RunPlan


@dataclass(frozen=True)
class Staged:
    """The parts of one attempt, quarantine apart, as the control database lists them: no more, no less."""

    root: Path
    run: str
    fence: int
    plan: RunPlan
    verify_key: bytes
    parts: tuple[StagedPart, ...]

    def of(self, stream: str, kind: PartKind) -> tuple[StagedPart, ...]:
        found = (part for part in self.parts if part.header.stream == stream and part.header.kind == kind)
        return tuple(sorted(found, key=lambda part: part.header.ordinal))

    def verify(self) -> None:
        """Raises PartRejected, by name, for the first part that is not what its signature and the list say."""
        for part in self.parts:
            header = verify_part(
                self.root,
                part.path,
                verify_key=self.verify_key,
                run=self.run,
                plan_hash=self.plan.hash,
                fence=self.fence,
                content_hash=part.header.content_hash,
            )
            _same(part, header)

    def rows(self, stream: str) -> Iterator[pa.Table]:
        """The staged rows of a stream, part by part, without those that settle removed."""
        removed = self.removed(stream)
        for part in self.of(stream, "rows"):
            table = self._open(part)
            if removed is not None:
                table = table.filter(pc.invert(pc.is_in(table[ROW_ID], value_set=removed)))
            yield table.drop_columns([ROW_ID])

    def removed(self, stream: str) -> pa.Array | None:
        """The ids of rows that settle turned away; None for none."""
        ids = [self._open(part)["row_id"].combine_chunks() for part in self.of(stream, "removed")]
        return pa.concat_arrays(ids) if ids else None

    def _open(self, part: StagedPart) -> pa.Table:
        _, table = open_part(
            self.root,
            part.path,
            verify_key=self.verify_key,
            run=self.run,
            plan_hash=self.plan.hash,
            fence=self.fence,
            content_hash=part.header.content_hash,
        )
        return table


def _same(part: StagedPart, header: PartHeader) -> None:
    if header != part.header:
        raise PartRejected(
            f"Part {part.path} is signed, but is not the one that was staged here.",
            remedy="Run the pipeline again; its parts are then staged anew.",
        )


def staged_parts(rows: Sequence[Mapping[str, object]]) -> tuple[StagedPart, ...]:
    """Parts from their stored form: [{path, header, signature}]."""
    return tuple(
        StagedPart(str(row["path"]), PartHeader(**row["header"]), str(row["signature"]))  # type: ignore[arg-type]
        for row in rows
    )
