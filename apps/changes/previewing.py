"""What readers would see: shapes of the source, treated as now and as proposed. No value of anybody is in it.

The shapes are those that the newest profile counted; keyed treatments use a key that exists for previews alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pyarrow as pa

from apps.core.ids import Id
from apps.dataplane import treatments
from apps.dataplane.errors import LockgateError
from apps.dataplane.plan import TreatmentSpec
from apps.pipelines import selectors as pipelines
from apps.sources import selectors as sources

from .plans import PlanRow

MOST_COLUMNS, MOST_SHAPES, LONGEST = 4, 3, 60
# Known to everybody: it makes tokens that look like tokens and join with nothing.
PREVIEW_KEY = b"shapes are shown under this key."
_SPEC = re.compile(r"([a-z_]+)(?:\((.*)\))?", re.DOTALL)


@dataclass(frozen=True)
class Seen:
    """A shape as it stands at the source, how many sampled rows have it, and what would be published of it."""

    column: str
    shape: str
    rows: int
    now: str
    proposed: str


def seen(team_id: Id | None, rows: Sequence[PlanRow]) -> tuple[Seen, ...]:
    """For the first columns that change; nothing for what was never profiled."""
    changed = [row for row in rows if row.changed][:MOST_COLUMNS]
    if team_id is None or not changed:
        return ()
    known = {pipeline.slug: pipeline for pipeline in pipelines.of_team(UUID(str(team_id)))}
    profiles: dict[tuple[str, str], dict[str, Any]] = {}
    found: list[Seen] = []
    for row in changed:
        place = (row.pipeline, row.stream)
        if row.pipeline in known and place not in profiles:
            profiles[place] = _shapes(known[row.pipeline], row.stream)
        for shape, count in profiles.get(place, {}).get(row.column, ())[:MOST_SHAPES]:
            name = f"{row.stream}.{row.column}"
            now, proposed = treated(row.says_before, shape), treated(row.says_after, shape)
            found.append(Seen(name, shape[:LONGEST], count, now, proposed))
    return tuple(found)


def _shapes(pipeline: Any, stream: str) -> dict[str, Any]:
    """Of the stream's source table: the commonest shapes of each column, with how many sampled rows have them."""
    definition = pipelines.definition_of(pipeline)
    source = next((one.source for one in definition.streams if one.name == stream), None)
    dataset = sources.dataset_at(pipeline.source_id, source) if source else None
    profile = sources.profile_of(dataset.id) if dataset else None
    columns = profile.body.get("columns", ()) if profile else ()
    return {one["name"]: [tuple(pattern) for pattern in one.get("patterns") or ()] for one in columns}


def treated(treatment: str, shape: str) -> str:
    """What a treatment, as the plan writes it, leaves of a shape; its description where it takes no text."""
    spec = _spec(treatment)
    if spec is None:
        return treatment
    if treatments.wants(spec) != "text":
        return treatments.describe(spec)
    try:
        array = pa.array([shape], pa.string())
        left = treatments.treat(spec, array, siblings={}, key=PREVIEW_KEY, row_ids=pa.array([0]))
    except LockgateError:
        return treatments.describe(spec)
    if left is None:
        return treatments.describe(spec)
    value = left.to_pylist()[0]
    text = "(null)" if value is None else str(value)
    return f"{text[:8]}…{text[-4:]}" if spec.kind == "token" else text[:LONGEST]


def _spec(text: str) -> TreatmentSpec | None:
    """The treatment that a plan wrote as text; None for one that is none, such as `refused`."""
    found = _SPEC.fullmatch(text)
    if not found or found[1] not in treatments.KINDS:
        return None
    known = treatments.parameters(found[1])
    params: dict[str, Any] = {}
    for name, value in re.findall(r"(\w+)=(.*?)(?=, \w+=|$)", found[2] or "", re.DOTALL):
        if name in known:
            params[name] = _typed(known[name].kind, value)
    spec = TreatmentSpec(found[1], params)
    try:
        treatments.validate(spec)
    except LockgateError:
        return None
    return spec


def _typed(kind: str, value: str) -> Any:
    if kind == "count":
        return int(value) if value.isdigit() else value
    return value.lower() in ("true", "yes") if kind == "switch" else value
