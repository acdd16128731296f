"""The run plan: the frozen, hashed description of one run. Everything after planning reads only this.

A pipeline's definition, the active policies, the classifications, the live source schema and the destination's
fingerprint go in (`planner.compile_plan`); a RunPlan comes out. Its hash identifies it in parts, state and manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .canonical import Json, canonical_hash

FORMAT = 1

Drift = Literal["hold"]
OnFail = Literal["quarantine", "reject"]
Severity = Literal["ERROR", "WARN"]
Mode = Literal["replace", "append", "merge"]
Method = Literal["create", "delete_insert", "insert", "upsert"]
NullCursor = Literal["refuse", "quarantine"]

SNAPSHOT = "one exported snapshot; a killed extract starts again from a new one"


@dataclass(frozen=True)
class TableRef:
    """A table of a connection. Both names are as the database holds them, unquoted."""

    schema: str
    table: str

    def __str__(self) -> str:
        """`.` is a connection's own folder, which needs no name."""
        return self.table if self.schema == "." else f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class ColumnSchema:
    """A live column. `type` is PostgreSQL's format_type() text, e.g. `character varying(40)`."""

    name: str
    type: str
    not_null: bool = False
    generated: bool = False
    has_default: bool = False


@dataclass(frozen=True)
class TableSchema:
    """A live table: its columns in order, its primary key, and what hangs on it.

    `dependents` are views that read it, `incoming` foreign keys that point at it, `checks` its CHECKs as text.
    `estimated_rows` is the planner statistics' guess, `detected` what a source without declarations was found to be
    (encoding, delimiter, …; `problem`: why it cannot be read). Neither is a part of the schema's hash.
    """

    ref: TableRef
    columns: tuple[ColumnSchema, ...]
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    checks: tuple[str, ...] = ()
    dependents: tuple[str, ...] = ()
    incoming: tuple[str, ...] = ()
    estimated_rows: int = 0
    detected: Mapping[str, str] = field(default_factory=dict, compare=False)

    def column(self, name: str) -> ColumnSchema | None:
        return next((column for column in self.columns if column.name == name), None)

    @cached_property
    def hash(self) -> str:
        """Identifies the schema: everything but the estimate and what was found out beside it."""
        document = dict(as_json(self))
        del document["estimated_rows"], document["detected"]
        return canonical_hash(document)


@dataclass(frozen=True)
class TreatmentSpec:
    """What happens to one column: a treatment's kind, its parameters, and the implementation's version (`token/1`)."""

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1

    def __str__(self) -> str:
        inner = ", ".join(f"{name}={_plain(value)}" for name, value in sorted(self.params.items()))
        return f"{self.kind}({inner})" if inner else self.kind


@dataclass(frozen=True)
class KeyRef:
    """A treatment key: its domain (one value under one domain gives one token) and its version."""

    domain: str
    version: int


@dataclass(frozen=True)
class Why:
    """Why a column is treated as it is. `policy` is empty where no rule was needed; `sentence` is shown to people."""

    sentence: str
    policy: str = ""
    policy_version: int = 0
    rule: str = ""


@dataclass(frozen=True)
class ColumnPlan:
    """One source column on its way. `destination` is empty and `destination_type` too when it is dropped."""

    name: str
    type: str
    tags: tuple[str, ...]
    treatment: TreatmentSpec
    key: KeyRef | None
    destination: str
    destination_type: str
    why: Why

    @property
    def dropped(self) -> bool:
        return not self.destination


@dataclass(frozen=True)
class RowRule:
    """A condition on source values; kinds: `quality.rows`. A filter keeps the rows for which it holds."""

    id: str
    kind: str
    column: str
    params: Mapping[str, Any] = field(default_factory=dict)
    on_fail: OnFail = "quarantine"


@dataclass(frozen=True)
class Increment:
    """How a stream asks its source for what is new. Without a cursor a table is read whole, files once each."""

    mode: Mode = "replace"
    cursor: str = ""
    lag_seconds: int = 0
    null_cursor: NullCursor = "refuse"


@dataclass(frozen=True)
class Window:
    """Which rows of a source one run reads, and the position that the destination keeps once they are published.

    `whole`: all of them. `cursor`: those whose `column` lies from `lower` (`inclusive`, or beyond it) up to `upper`,
    bounds in PostgreSQL's text form. Without a `lower` it begins at the beginning, without an `upper` nothing lies in
    it. `nulls` counts the rows without a value, which `read_nulls` has read as well, and `ordered` asks for the order
    of the cursor. `files`: the named ones, in order.

    `since` is the canonical hash of the position that the window starts from, empty for the beginning. A `position`
    holds texts, integers, lists and objects only.
    """

    kind: Literal["whole", "cursor", "files"] = "whole"
    column: str = ""
    lower: str = ""
    upper: str = ""
    inclusive: bool = True
    nulls: int = 0
    read_nulls: bool = False
    ordered: bool = False
    files: tuple[str, ...] = ()
    since: str = ""
    position: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class KeptPosition:
    """What the destination remembers of an incremental stream: which run left it, by which treatments, and how far.

    `binding` is the canonical JSON of all that has to stay the same for a delta to fit what is there.
    """

    run: str
    binding: str
    position: Mapping[str, Any]


@dataclass(frozen=True)
class SettleRule:
    """A condition on the whole set of staged rows, by destination column names.

    `unique`: `columns` of a stream identify a row; of several the one with the lowest row id stays. `latest`: the one
    with the highest stays; only the planner writes it, for a merge whose key is not unique at the source.
    `references`: `columns` of a stream occur as `to` of stream `target`; NULLs refer to nothing and pass.
    """

    id: str
    kind: Literal["unique", "references", "latest"]
    columns: tuple[str, ...]
    target: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutputCheck:
    """A Great Expectations expectation on a stream's staged rows: the gate. Column names are the destination's."""

    id: str
    stream: str
    expectation: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = "ERROR"


@dataclass(frozen=True)
class StreamPlan:
    """One source table to one destination table. `name` is unique in the plan and safe as a file name ([a-z0-9_-]).

    `key` identifies a row of a merge. `settle` looks at the staged rows, `proofs` at the destination with them, in the
    transaction that publishes: what an earlier run wrote counts there as well.
    """

    name: str
    source: TableRef
    destination: TableRef
    mode: Mode
    method: Method
    columns: tuple[ColumnPlan, ...]
    filters: tuple[RowRule, ...]
    row_checks: tuple[RowRule, ...]
    settle: tuple[SettleRule, ...]
    drift: Drift
    source_schema_hash: str
    destination_fingerprint: str
    estimated_rows: int = 0
    key: tuple[str, ...] = ()
    window: Window | None = None
    binding: str = ""
    proofs: tuple[SettleRule, ...] = ()

    @property
    def incremental(self) -> bool:
        """Whether what earlier runs published stays, and this one adds to it."""
        return self.method in ("insert", "upsert")

    @property
    def written(self) -> tuple[ColumnPlan, ...]:
        """The columns that reach the destination, in order."""
        return tuple(column for column in self.columns if not column.dropped)


@dataclass(frozen=True)
class PolicyRef:
    """An active policy version that the plan relies on."""

    slug: str
    version: int
    hash: str


@dataclass(frozen=True)
class EndpointRef:
    """A connection as planned: id and version of the governed definition, and where it stands."""

    connection: str
    version: int
    zone: str
    region: str


# Left out of the hash where they say nothing, so that a plan made before they existed keeps its own.
_UNSET: Mapping[str, Any] = {"key": [], "window": None, "binding": "", "proofs": []}


@dataclass(frozen=True)
class RunPlan:
    """The frozen description of one run."""

    pipeline: str
    pipeline_version: int
    team: str
    source: EndpointRef
    destination: EndpointRef
    purpose: str
    streams: tuple[StreamPlan, ...]
    output_checks: tuple[OutputCheck, ...]
    policies: tuple[PolicyRef, ...]
    consistency: str
    lane: str
    code_version: str
    format: int = FORMAT

    def stream(self, name: str) -> StreamPlan:
        return next(stream for stream in self.streams if stream.name == name)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, in hex; estimates of row counts are left out."""
        document = dict(as_json(self))
        for stream in document["streams"]:
            del stream["estimated_rows"]
            for name, unset in _UNSET.items():
                if stream[name] == unset:
                    del stream[name]
        return canonical_hash(document)


def as_json(value: Any) -> Any:
    """Frozen dataclasses as plain JSON values; tuples become lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def plan_from_json(document: Mapping[str, Any]) -> RunPlan:
    """The plan that `as_json` wrote. Raises ValueError for a format that this code cannot read."""
    if document.get("format") != FORMAT:
        raise ValueError(f"a plan of format {document.get('format')} cannot be read; this is format {FORMAT}")
    plan: RunPlan = _build(RunPlan, document)
    return plan


def _build(kind: Any, value: Any) -> Any:
    """A frozen dataclass, a tuple of such, or a plain value, by the declared type."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _build(hints[name], value[name]) for name in hints if name in value})  # type: ignore[operator]
    if get_origin(kind) is tuple:
        return tuple(_build(get_args(kind)[0], item) for item in value)
    if get_origin(kind) is UnionType:
        return None if value is None else _build(get_args(kind)[0], value)
    return value


def _plain(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
