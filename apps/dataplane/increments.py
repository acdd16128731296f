"""Where taking up only what is new would go wrong: every reason is a refusal by name, before anything is read.

A merge finds its rows by key, so the key must reach the destination, stay unequal where it was unequal, and be unique
there. A cursor's last value is kept at the destination in the clear and compared, so it must be neither sensitive nor
without an order. A delta fits what is there only while everything that shaped the earlier rows is the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from . import treatments
from .canonical import canonical_bytes
from .definition import PipelineDefinition, StreamDefinition
from .errors import Refusal
from .plan import ColumnPlan, ColumnSchema, KeptPosition, Method, RowRule, SettleRule, TableSchema, Window

# Ids of a definition's own rules begin with a letter or a digit.
CURSOR_RULE, KEY_RULE = "_cursor", "_key"
_ORDERED = re.compile(
    r"smallint|integer|bigint|numeric(\(\d+,-?\d+\))?|date|timestamp(\(\d\))? with(out)? time zone", re.ASCII
)
_MOMENT = re.compile(r"timestamp(\(\d\))? with time zone", re.ASCII)
_TIMES = re.compile(r"date|timestamp(\(\d\))? with(out)? time zone", re.ASCII)
_BEYOND_ALL = ("infinity", "Infinity", "NaN")
_RELOAD = "Start a run that loads the table anew; it replaces all rows in one transaction."


def orderable(type_name: str) -> bool:
    """Whether a column of this type (PostgreSQL's format_type() text) can be a cursor."""
    return bool(_ORDERED.fullmatch(type_name))


def is_time(type_name: str) -> bool:
    """Whether a lag in seconds means something for the type."""
    return bool(_TIMES.fullmatch(type_name))


def has_clock(type_name: str) -> bool:
    """Whether values of the type can be compared with the server's clock, whatever zone they were written in."""
    return bool(_MOMENT.fullmatch(type_name))


def askable(stream: StreamDefinition, live: TableSchema) -> bool:
    """Whether a reader can be asked for the stream's window; if not, `problems` says why."""
    if stream.mode == "replace":
        return False
    column = live.column(stream.cursor)
    return not stream.cursor or bool(column and orderable(column.type))


def method(stream: StreamDefinition, destination: TableSchema | None, *, reload: bool) -> Method:
    """How rows get in. A table that is not there yet is created; a reload replaces what is there."""
    if destination is None:
        return "create"
    if stream.mode == "replace" or reload:
        return "delete_insert"
    return "insert" if stream.mode == "append" else "upsert"


def binding(stream: StreamDefinition, columns: Sequence[ColumnPlan]) -> str:
    """All that has to stay the same for a delta to fit what earlier runs published, as canonical JSON."""
    written = [
        [column.destination, str(column.treatment), f"{column.key.domain}/{column.key.version}" if column.key else ""]
        for column in columns
        if not column.dropped
    ]
    document = {
        "mode": stream.mode,
        "source": str(stream.source),
        "destination": str(stream.destination),
        "key": list(stream.key),
        "cursor": stream.cursor,
        "columns": written,
    }
    return canonical_bytes(document).decode()


def follows(stream: StreamDefinition, kept: KeptPosition) -> bool:
    """Whether a kept position was left by this very stream: same mode, source and cursor."""
    bound = json.loads(kept.binding)
    told = (bound.get("mode"), bound.get("source"), bound.get("cursor"))
    return bool(told == (stream.mode, str(stream.source), stream.cursor))


def implied_checks(stream: StreamDefinition, live: TableSchema) -> tuple[RowRule, ...]:
    """Rows without a key or cursor value cannot be merged: they go to quarantine."""
    nullable = [name for name in stream.key if (column := live.column(name)) and not column.not_null]
    keys = tuple(RowRule(f"{KEY_RULE}.{place}", "not_null", name) for place, name in enumerate(nullable, 1))
    if stream.cursor and stream.null_cursor == "quarantine":
        return (*keys, RowRule(CURSOR_RULE, "not_null", stream.cursor))
    return keys


def implied_settle(stream: StreamDefinition, live: TableSchema) -> tuple[SettleRule, ...]:
    """Of several rows with one key in a delta the last one read stays, where the source does not rule that out."""
    if stream.mode != "merge" or _unique(live, stream.key):
        return ()
    return (SettleRule(KEY_RULE, "latest", stream.key),)


def settled_where(
    stream: StreamDefinition, definition: PipelineDefinition
) -> tuple[tuple[SettleRule, ...], tuple[SettleRule, ...]]:
    """A stream's own rules: those decided over the staged rows, and those proved at the destination with them.

    The staged rows of an incremental stream are not its whole table. Its duplicates fall among themselves first, and
    the table must then hold none; a reference is looked up in what an incremental target holds once all is written.
    """
    adds = {one.name for one in definition.streams if one.mode != "replace"}
    settle, proofs = [], []
    for rule in stream.settle:
        if rule.kind == "unique" or rule.target not in adds:
            settle.append(rule)
        if stream.name in adds or rule.target in adds:
            proofs.append(rule)
    return tuple(settle), tuple(proofs)


def problems(
    stream: StreamDefinition,
    live: TableSchema,
    destination: TableSchema | None,
    columns: Sequence[ColumnPlan],
    *,
    window: Window | None,
    kept: KeptPosition | None,
) -> Iterator[Refusal]:
    """Refusals of an incremental stream. `window` and `kept` are None before anybody asked source and destination."""
    if stream.mode == "replace":
        return
    planned = {column.name: column for column in columns}
    if stream.mode == "merge":
        yield from _key(stream, live, destination, planned)
        if stream.filters:
            yield _refusal(
                "merge-filter",
                stream.name,
                f"A row of {stream.source} that a filter no longer keeps would stay in {stream.destination} after a "
                "merge.",
                "Replace the table, or take the filter out of the stream.",
            )
    if stream.cursor:
        yield from _cursor(stream, live, planned)
    if window is not None:
        yield from _window(stream, live, window)
    if kept is not None and columns:
        yield from _bound(stream, columns, kept)


def _key(
    stream: StreamDefinition, live: TableSchema, destination: TableSchema | None, planned: dict[str, ColumnPlan]
) -> Iterator[Refusal]:
    for name in stream.key:
        subject, column = f"{stream.source}.{name}", planned.get(name)
        if live.column(name) is None:
            sentence = f"Key column {subject} does not exist, so rows could not be found again."
            yield _refusal("key-missing", subject, sentence, "Choose columns of the source table as the key.")
        elif column is None:
            continue  # Refused already, for another reason.
        elif column.dropped:
            sentence = f"Key column {subject} is dropped, so rows could not be found again at the destination."
            yield _refusal("key-dropped", subject, sentence, "Let it through as a token, or choose another key.")
        elif not treatments.unique_kept(column.treatment) or not treatments.not_null_kept(column.treatment):
            sentence = f"Key column {subject} becomes {column.treatment}, which makes different rows alike."
            yield _refusal("key-alike", subject, sentence, "Use token for the column, or pass, or choose another key.")
    if destination is not None and not _unique(destination, stream.key):
        sentence = f"The key {', '.join(stream.key)} is not unique in {stream.destination}: no index says so."
        remedy = f"Add a primary key or unique constraint on exactly these columns to {stream.destination}."
        yield _refusal("key-not-unique", stream.name, sentence, remedy)


def _cursor(stream: StreamDefinition, live: TableSchema, planned: dict[str, ColumnPlan]) -> Iterator[Refusal]:
    subject, column = f"{stream.source}.{stream.cursor}", live.column(stream.cursor)
    if column is None:
        yield _refusal("cursor-missing", subject, f"Cursor column {subject} does not exist.", _ANOTHER_CURSOR)
        return
    if not orderable(column.type):
        sentence = f"Cursor column {subject} is {column.type}, which has no order that a cursor can follow."
        yield _refusal("cursor-type", subject, sentence, _ANOTHER_CURSOR)
        return
    plan = planned.get(stream.cursor)
    if plan and plan.tags:
        sentence = (
            f"Cursor column {subject} is {', '.join(plan.tags)}: its last value would be kept at the destination in "
            "the clear."
        )
        yield _refusal("cursor-sensitive", subject, sentence, "Choose a cursor that is not sensitive.")
    if stream.lag_seconds and not is_time(column.type):
        sentence = f"A lag counts seconds, and cursor column {subject} is {column.type}."
        yield _refusal("cursor-lag", subject, sentence, "Take the lag away, or choose a date or time as the cursor.")
    if stream.mode == "append" and not _unique(live, (stream.cursor,)):
        yield from _ties(stream, column, subject)


def _ties(stream: StreamDefinition, column: ColumnSchema, subject: str) -> Iterator[Refusal]:
    """An append must not read a value twice, so a row that comes later with the value read last would be lost."""
    if stream.lag_seconds and has_clock(column.type):
        return
    sentence = (
        f"Cursor column {subject} is not unique: rows that come later with the same value would never be appended."
    )
    remedy = "Use merge, a unique cursor, or a timestamp with time zone and a lag within which every row is committed."
    yield _refusal("cursor-ties", subject, sentence, remedy)


def _window(stream: StreamDefinition, live: TableSchema, window: Window) -> Iterator[Refusal]:
    subject = f"{stream.source}.{stream.cursor}" if stream.cursor else stream.name
    if stream.cursor and window.kind == "files":
        sentence = f"{stream.source} is read file by file, each once, so it takes no cursor."
        yield _refusal("cursor-files", stream.name, sentence, "Take the cursor away.")
    elif stream.mode == "append" and window.kind == "whole":
        sentence = f"Nothing tells which rows of {stream.source} are new, so every run would append them all again."
        yield _refusal("append-cursor", stream.name, sentence, "Name a cursor column, or use replace or merge.")
    if window.nulls and not window.read_nulls:
        sentence = (
            f"{window.nulls} rows of {stream.source} have no value in cursor column {stream.cursor}, so they would "
            "never be read."
        )
        yield _refusal("cursor-null", subject, sentence, "Fill them in, or let the pipeline quarantine such rows.")
    if window.upper in _BEYOND_ALL:
        sentence = f"The largest value of cursor column {subject} is {window.upper}: nothing could come after it."
        yield _refusal("cursor-infinite", subject, sentence, "Mend that value, or choose another cursor.")


def _bound(stream: StreamDefinition, columns: Sequence[ColumnPlan], kept: KeptPosition) -> Iterator[Refusal]:
    now = binding(stream, columns)
    if now == kept.binding:
        return
    what = _difference(json.loads(kept.binding), json.loads(now))
    sentence = f"{what} since rows were last added to {stream.destination}: new rows would not fit the ones there."
    yield _refusal("delta-differs", stream.name, sentence, _RELOAD)


def _difference(before: dict[str, object], now: dict[str, object]) -> str:
    """What moved, for people; `before` comes from the destination and is only compared."""
    for name, words in _BOUND_WORDS.items():
        if before.get(name) != now[name]:
            return words
    old = {str(name): rest for name, *rest in _columns_of(before)}
    new = {str(name): rest for name, *rest in _columns_of(now)}
    moved = next((name for name in (*new, *old) if new.get(name) != old.get(name)), "")
    return f"The treatment of column {moved} changed" if moved in old and moved in new else f"Column {moved} changed"


def _columns_of(bound: dict[str, object]) -> list[list[str]]:
    found = bound.get("columns")
    return found if isinstance(found, list) else []


def _unique(table: TableSchema, names: Sequence[str]) -> bool:
    return bool(names) and any(set(key) == set(names) for key in (table.primary_key, *table.unique) if key)


def _refusal(code: str, subject: str, sentence: str, remedy: str) -> Refusal:
    return Refusal(code, subject, sentence, remedy)


_ANOTHER_CURSOR = "Choose a column of numbers, dates or times that grows with every change."
_BOUND_WORDS = {
    "mode": "The stream's mode changed",
    "source": "The source table changed",
    "destination": "The destination table changed",
    "key": "The key changed",
    "cursor": "The cursor changed",
}
