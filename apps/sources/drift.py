"""How a table differs from what the discovery before saw: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from apps.dataplane.plan import TableRef

What = Literal["added", "dropped", "retyped"]
Types = Mapping[TableRef, Mapping[str, str]]


@dataclass(frozen=True)
class Drift:
    """One difference. `column` is empty when the whole table came or went; `before` and `after` are types."""

    dataset: str
    column: str
    what: What
    before: str = ""
    after: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def drift(before: Types, after: Types) -> tuple[Drift, ...]:
    """What changed from one look (column types by table) to the next, in order of name."""
    refs = sorted({*before, *after}, key=lambda ref: (ref.schema, ref.table))
    return tuple(found for ref in refs for found in _of_table(ref, before.get(ref), after.get(ref)))


def _of_table(ref: TableRef, before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> Iterable[Drift]:
    if before is None:
        yield Drift(str(ref), "", "added")
    elif after is None:
        yield Drift(str(ref), "", "dropped")
    else:
        yield from _of_columns(str(ref), before, after)


def _of_columns(dataset: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[Drift]:
    for name in sorted({*before, *after}):
        if name not in before:
            yield Drift(dataset, name, "added", after=after[name])
        elif name not in after:
            yield Drift(dataset, name, "dropped", before=before[name])
        elif before[name] != after[name]:
            yield Drift(dataset, name, "retyped", before[name], after[name])
