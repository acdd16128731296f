"""What differs between two plans, named: for comparing two runs, and for repeating one only while nothing has moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .plan import ColumnPlan, RunPlan, StreamPlan

Kind = Literal[
    "pipeline",
    "policy",
    "connection",
    "column",
    "treatment",
    "key",
    "stream",
    "source",
    "destination",
    "rules",
    "window",
    "checks",
    "code",
]


@dataclass(frozen=True)
class Difference:
    """One thing that differs; `before` and `after` are empty where there was, or is, none."""

    kind: Kind
    subject: str
    before: str
    after: str


def differences(before: RunPlan, after: RunPlan) -> tuple[Difference, ...]:
    """Everything that differs, the causes first. Plans of equal hash have none."""
    return tuple(_differences(before, after))


def moved(before: RunPlan, now: RunPlan) -> tuple[Difference, ...]:
    """What stands in the way of carrying `before` out once more, where `now` is what would be planned today.

    An incremental stream reads the window of then while the destination stands where it stood then.
    """
    streams = {stream.name: stream for stream in before.streams}
    held = replace(now, streams=tuple(_as_then(stream, streams.get(stream.name)) for stream in now.streams))
    return () if held.hash == before.hash else differences(before, held)


def _as_then(now: StreamPlan, then: StreamPlan | None) -> StreamPlan:
    if then and then.window and now.window and then.window.since == now.window.since:
        return replace(now, window=then.window)
    return now


def _differences(before: RunPlan, after: RunPlan) -> Iterator[Difference]:
    yield from _one("pipeline", "version", before.pipeline_version, after.pipeline_version)
    yield from _pairs("policy", _policies(before), _policies(after))
    for name, old, new in (
        ("source", before.source, after.source),
        ("destination", before.destination, after.destination),
    ):
        yield from _one("connection", name, _end(old), _end(new))
    old_streams, new_streams = ({stream.name: stream for stream in plan.streams} for plan in (before, after))
    for name in dict.fromkeys((*old_streams, *new_streams)):
        yield from _streams(name, old_streams.get(name), new_streams.get(name))
    if before.output_checks != after.output_checks:
        yield Difference("checks", "output", _count(before.output_checks), _count(after.output_checks))
    yield from _one("code", "version", before.code_version, after.code_version)


def _end(end: object) -> str:
    connection, version = getattr(end, "connection", ""), getattr(end, "version", 0)
    return f"{connection} v{version}, zone {getattr(end, 'zone', '')}"


def _policies(plan: RunPlan) -> dict[str, str]:
    return {policy.slug: f"v{policy.version}" for policy in plan.policies}


def _streams(name: str, before: StreamPlan | None, after: StreamPlan | None) -> Iterator[Difference]:
    if before is None or after is None:
        yield Difference("stream", name, _way(before), _way(after))
        return
    yield from _one("stream", name, _way(before), _way(after))
    yield from _columns(before, after)
    if before.source_schema_hash != after.source_schema_hash:
        yield Difference("source", str(after.source), before.source_schema_hash[:12], after.source_schema_hash[:12])
    if before.destination_fingerprint != after.destination_fingerprint:
        was, now = before.destination_fingerprint[:12], after.destination_fingerprint[:12]
        yield Difference("destination", str(after.destination), was or "absent", now or "absent")
    for kind in ("filters", "row_checks", "settle", "proofs"):
        old, new = getattr(before, kind), getattr(after, kind)
        if old != new:
            yield Difference("rules", f"{name}, {kind}", _ids(old), _ids(new))
    if before.window != after.window:
        yield Difference("window", name, _window(before), _window(after))


def _columns(before: StreamPlan, after: StreamPlan) -> Iterator[Difference]:
    old, new = ({column.name: column for column in stream.columns} for stream in (before, after))
    for name in dict.fromkeys((*old, *new)):
        one, other = old.get(name), new.get(name)
        subject = f"{after.source}.{name}"
        if one is None or other is None:
            yield Difference("column", subject, _treated(one), _treated(other))
            continue
        yield from _one("column", subject, one.type, other.type)
        yield from _one("treatment", subject, _treated(one), _treated(other))
        yield from _one("key", subject, _key(one), _key(other))


def _one(kind: Kind, subject: str, before: object, after: object) -> Iterator[Difference]:
    if before != after:
        yield Difference(kind, subject, str(before), str(after))


def _pairs(kind: Kind, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        yield from _one(kind, name, before.get(name, ""), after.get(name, ""))


def _way(stream: StreamPlan | None) -> str:
    return f"{stream.source} → {stream.destination}, {stream.mode} ({stream.method})" if stream else ""


def _treated(column: ColumnPlan | None) -> str:
    return str(column.treatment) if column else ""


def _key(column: ColumnPlan) -> str:
    return f"{column.key.domain}/{column.key.version}" if column.key else ""


def _ids(rules: Sequence[object]) -> str:
    return ", ".join(str(getattr(rule, "id", "")) for rule in rules)


def _count(items: Sequence[object]) -> str:
    return str(len(items))


def _window(stream: StreamPlan) -> str:
    window = stream.window
    if window is None:
        return ""
    if window.kind == "files":
        return f"{len(window.files)} files"
    return (
        f"{window.column} {window.lower or '…'} to {window.upper or '…'}" if window.kind == "cursor" else "everything"
    )
