"""A pipeline's definition: what an approved version says, parsed strictly and completely.

{format: 1, purpose, streams: [{name, source: {schema, table}, destination: {schema, table},
  mode: "replace" | "append" | "merge", key: [column], cursor: column, lag_seconds: seconds,
  null_cursor: "refuse" | "quarantine", filters: [rule], row_checks: [rule], settle: [rule], drift: "hold"}],
 output_checks: [{id, stream, expectation, kwargs, severity}], schedule: {cron, zone} | null}

`replace` publishes the whole source instead of what is there. `append` adds what is new, `merge` adds it or writes it
over the row with the same `key`. What is new lies beyond the last `cursor` value (of files: was not read before).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import Invalid
from .plan import Increment, OutputCheck, RowRule, SettleRule, TableRef, as_json

FORMAT = 1
MODES = ("replace", "append", "merge")
NULL_CURSORS = ("refuse", "quarantine")
MOST_KEY_COLUMNS = 16
MOST_LAG_SECONDS = 366 * 24 * 60 * 60
MOST_STREAMS = 50
MOST_RULES = 200
_STREAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}")
Item = TypeVar("Item")


@dataclass(frozen=True)
class StreamDefinition:
    """One source table to one destination table, with its conditions. `key` and `cursor` name source columns."""

    name: str
    source: TableRef
    destination: TableRef
    filters: tuple[RowRule, ...] = ()
    row_checks: tuple[RowRule, ...] = ()
    settle: tuple[SettleRule, ...] = ()
    mode: str = "replace"
    drift: str = "hold"
    key: tuple[str, ...] = ()
    cursor: str = ""
    lag_seconds: int = 0
    null_cursor: str = "refuse"

    @property
    def increment(self) -> Increment:
        """What a reader is asked by."""
        return Increment(self.mode, self.cursor, self.lag_seconds, self.null_cursor)  # type: ignore[arg-type]


# Left out of a document where they say nothing: one written before they existed keeps its hash.
_UNSET: Mapping[str, Any] = {"key": [], "cursor": "", "lag_seconds": 0, "null_cursor": "refuse"}


@dataclass(frozen=True)
class Schedule:
    """Five cron fields, in a time zone of the IANA database."""

    cron: str
    zone: str


@dataclass(frozen=True)
class PipelineDefinition:
    """Everything that a pipeline's version fixes, but for its two connections."""

    streams: tuple[StreamDefinition, ...]
    output_checks: tuple[OutputCheck, ...] = ()
    purpose: str = "analytics"
    schedule: Schedule | None = None
    format: int = FORMAT


def parse(document: Mapping[str, Any]) -> PipelineDefinition:
    """The definition in a JSON document. Raises Invalid naming the place, such as `streams[1].row_checks[0].column`.

    Names of columns and parameters of rules are checked against real tables by the planner, not here.
    """
    _known(document, ("format", "purpose", "streams", "output_checks", "schedule"), "")
    _require(document.get("format") == FORMAT, f"`format` must be {FORMAT}.", "format")
    streams = _list(document, "streams", "", _stream, MOST_STREAMS)
    _require(bool(streams), "A pipeline needs at least one stream: a source table and where it goes.", "streams")
    _distinct([stream.name for stream in streams], "stream", "streams")
    _distinct([str(stream.destination) for stream in streams], "destination table", "streams")
    checks = _list(document, "output_checks", "", _output_check, MOST_RULES)
    _distinct([f"{check.stream}/{check.id}" for check in checks], "check", "output_checks")
    _references(streams, checks)
    purpose = _text(document, "purpose", "", "analytics")
    return PipelineDefinition(streams, checks, purpose, _schedule(document.get("schedule")))


def as_document(definition: PipelineDefinition) -> dict[str, Any]:
    """The complete document; `parse` of it gives the same definition."""
    document: dict[str, Any] = as_json(definition)
    for stream in document["streams"]:
        for name, unset in _UNSET.items():
            if stream[name] == unset:
                del stream[name]
    return document


def _stream(entry: Any, place: str) -> StreamDefinition:
    known = ("name", "source", "destination", "filters", "row_checks", "settle", "mode", "drift", *_UNSET)
    _known(entry, known, place)
    name = _text(entry, "name", place)
    _require(bool(_STREAM.fullmatch(name)), "A stream's name has lower-case letters, digits, - and _.", f"{place}.name")
    drift = _text(entry, "drift", place, "hold")
    _require(drift == "hold", f"Drift {drift!r} is unknown; known is hold.", f"{place}.drift")
    rules = {kind: _list(entry, kind, place, _row_rule, MOST_RULES) for kind in ("filters", "row_checks")}
    settle = _list(entry, "settle", place, _settle_rule, MOST_RULES)
    on_rows = [rule.id for rule in (*rules["filters"], *rules["row_checks"])]
    _distinct([*on_rows, *(rule.id for rule in settle)], "rule", place)
    source, destination = (_table(entry, key, place) for key in ("source", "destination"))
    increment = _increment(entry, place)
    filters, checks = rules["filters"], rules["row_checks"]
    return StreamDefinition(name, source, destination, filters, checks, settle, drift=drift, **increment)


def _increment(entry: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Mode, key and cursor, as far as they make sense without looking at tables."""
    mode = _text(entry, "mode", place, "replace")
    _require(mode in MODES, f"Mode {mode!r} is unknown; known are {', '.join(MODES)}.", f"{place}.mode")
    key, cursor = _names(entry, "key", place), _text(entry, "cursor", place, "")
    lag = entry.get("lag_seconds", 0)
    nulls = _text(entry, "null_cursor", place, "refuse")
    is_number = isinstance(lag, int) and not isinstance(lag, bool) and 0 <= lag <= MOST_LAG_SECONDS
    _require(is_number, f"`lag_seconds` is a whole number from 0 to {MOST_LAG_SECONDS}.", f"{place}.lag_seconds")
    _require(nulls in NULL_CURSORS, "`null_cursor` is refuse or quarantine.", f"{place}.null_cursor")
    _require(mode != "merge" or bool(key), "A merge needs a key: the columns that identify a row.", f"{place}.key")
    _require(mode == "merge" or not key, "Only a merge has a key.", f"{place}.key")
    _require(len(key) <= MOST_KEY_COLUMNS, f"A key has at most {MOST_KEY_COLUMNS} columns.", f"{place}.key")
    _distinct(key, "key column", f"{place}.key")
    _require(mode != "replace" or not cursor, "A replace reads the whole source: it has no cursor.", f"{place}.cursor")
    _require(bool(cursor) or not lag, "A lag belongs to a cursor.", f"{place}.lag_seconds")
    _require(bool(cursor) or nulls == "refuse", "`null_cursor` belongs to a cursor.", f"{place}.null_cursor")
    return {"mode": mode, "key": key, "cursor": cursor, "lag_seconds": lag, "null_cursor": nulls}


def _row_rule(entry: Any, place: str) -> RowRule:
    _known(entry, ("id", "kind", "column", "params", "on_fail"), place)
    on_fail = _text(entry, "on_fail", place, "quarantine")
    _require(on_fail in ("quarantine", "reject"), "`on_fail` is quarantine or reject.", f"{place}.on_fail")
    kind, column = _text(entry, "kind", place), _text(entry, "column", place)
    return RowRule(_id(entry, place), kind, column, _params(entry, "params", place), on_fail)  # type: ignore[arg-type]


def _settle_rule(entry: Any, place: str) -> SettleRule:
    _known(entry, ("id", "kind", "columns", "target", "to"), place)
    kind = _text(entry, "kind", place)
    _require(kind in ("unique", "references"), "`kind` is unique or references.", f"{place}.kind")
    columns, to = _names(entry, "columns", place), _names(entry, "to", place)
    _require(bool(columns), "Name at least one column.", f"{place}.columns")
    target = _text(entry, "target", place, "")
    if kind == "references":
        _require(bool(target), "Name the stream that is referred to.", f"{place}.target")
        _require(len(to) == len(columns), "`to` names one column for each of `columns`.", f"{place}.to")
    return SettleRule(_id(entry, place), kind, columns, target, to)  # type: ignore[arg-type]


def _output_check(entry: Any, place: str) -> OutputCheck:
    _known(entry, ("id", "stream", "expectation", "kwargs", "severity"), place)
    severity = _text(entry, "severity", place, "ERROR")
    _require(severity in ("ERROR", "WARN"), "`severity` is ERROR or WARN.", f"{place}.severity")
    stream, expectation = _text(entry, "stream", place), _text(entry, "expectation", place)
    return OutputCheck(_id(entry, place), stream, expectation, _params(entry, "kwargs", place), severity)  # type: ignore[arg-type]


def _schedule(entry: Any) -> Schedule | None:
    if entry is None:
        return None
    _known(entry, ("cron", "zone"), "schedule")
    return Schedule(_text(entry, "cron", "schedule"), _text(entry, "zone", "schedule", "UTC"))


def _references(streams: Sequence[StreamDefinition], checks: Sequence[OutputCheck]) -> None:
    names = {stream.name for stream in streams}
    for index, check in enumerate(checks):
        _require(check.stream in names, f"There is no stream {check.stream!r}.", f"output_checks[{index}].stream")
    for index, stream in enumerate(streams):
        for number, rule in enumerate(stream.settle):
            known = not rule.target or rule.target in names
            _require(known, f"There is no stream {rule.target!r}.", f"streams[{index}].settle[{number}].target")


def _table(entry: Mapping[str, Any], key: str, place: str) -> TableRef:
    table = entry.get(key)
    _known(table, ("schema", "table"), f"{place}.{key}")
    assert isinstance(table, Mapping)
    return TableRef(_text(table, "schema", f"{place}.{key}"), _text(table, "table", f"{place}.{key}"))


def _list(
    entry: Mapping[str, Any], key: str, place: str, read: Callable[[Any, str], Item], most: int
) -> tuple[Item, ...]:
    where = f"{place}.{key}".lstrip(".")
    items = entry.get(key) or []
    _require(isinstance(items, list | tuple), f"`{key}` must be a list.", where)
    _require(len(items) <= most, f"`{key}` has {len(items)} entries; at most {most} are allowed.", where)
    return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(items))


def _params(entry: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    params = entry.get(key) or {}
    _require(isinstance(params, Mapping), f"`{key}` must be an object.", f"{place}.{key}")
    return dict(params)


def _names(entry: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    names = entry.get(key) or []
    holds = isinstance(names, list | tuple) and all(isinstance(name, str) and name for name in names)
    _require(holds, f"`{key}` must be a list of column names.", f"{place}.{key}")
    return tuple(names)


def _id(entry: Mapping[str, Any], place: str) -> str:
    name = _text(entry, "id", place)
    _require(bool(_ID.fullmatch(name)), "An id has lower-case letters, digits, dots, - and _.", f"{place}.id")
    return name


def _text(entry: Mapping[str, Any], key: str, place: str, default: str | None = None) -> str:
    where = f"{place}.{key}".lstrip(".")
    value = entry.get(key, default)
    _require(isinstance(value, str), f"`{key}` is missing or no text.", where)
    assert isinstance(value, str)
    _require(len(value) <= 500 and "\x00" not in value, f"`{key}` is too long or holds a zero byte.", where)
    _require(bool(value) or default is not None, f"`{key}` is empty.", where)
    return value


def _known(entry: Any, known: Sequence[str], place: str) -> None:
    _require(isinstance(entry, Mapping), "An object is expected here.", place)
    unknown = next((key for key in entry if key not in known), None)
    _require(
        unknown is None, f"`{unknown}` is unknown here; known are {', '.join(known)}.", f"{place}.{unknown}".lstrip(".")
    )


def _distinct(names: Sequence[str], what: str, place: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    _require(twice is None, f"Two entries have the same {what}: {twice}.", place)


def _require(holds: bool, sentence: str, field: str) -> None:
    if not holds:
        raise Invalid(sentence, field=field)
