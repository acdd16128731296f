"""Would the treated columns fit the destination table? Every way in which they would not is a refusal by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from . import treatments
from .definition import StreamDefinition
from .errors import Refusal
from .plan import ColumnPlan, ColumnSchema, TableSchema

_SIZED = re.compile(r"(character varying|character|text)(?:\((\d+)\))?")
# What PostgreSQL's text form of the left always means in the type on the right, value for value.
_WIDER = {("smallint", "integer"), ("smallint", "bigint"), ("integer", "bigint"), ("real", "double precision")} | {
    (small, "numeric") for small in ("smallint", "integer", "bigint", "numeric")
}


def problems_at(
    stream: StreamDefinition, source: TableSchema, destination: TableSchema | None, columns: Sequence[ColumnPlan]
) -> Iterator[Refusal]:
    """Refusals of one stream; an absent destination is created to fit."""
    written = [column for column in columns if not column.dropped]
    if columns and not written:
        yield Refusal(
            "nothing-left",
            stream.name,
            f"Every column of {stream.source} is dropped, so nothing would be written.",
            "Take the stream out of the pipeline, or let a column through.",
        )
    if destination is None:
        return
    for column in written:
        yield from _column(stream, column, destination)
    yield from _unfilled(stream, written, destination)


def _column(stream: StreamDefinition, column: ColumnPlan, destination: TableSchema) -> Iterator[Refusal]:
    there = destination.column(column.destination)
    subject = f"{stream.destination}.{column.destination}"
    if there is None:
        sentence = f"Column {subject} does not exist at the destination."
        yield Refusal("destination-column", subject, sentence, "Add the column there, or drop it by a policy rule.")
        return
    if there.generated:
        sentence = f"Column {subject} is computed by the destination and cannot be written."
        yield Refusal("destination-generated", subject, sentence, "Drop it by a policy rule.")
        return
    yield from _type(column, there, subject)
    yield from _constraints(column, there, destination, subject)


def _type(column: ColumnPlan, there: ColumnSchema, subject: str) -> Iterator[Refusal]:
    here = column.destination_type
    if here == there.type or (here, there.type) in _WIDER:
        return
    if _is_text(here) and _is_text(there.type):
        yield from _length(column, there, subject)
        return
    sentence = f"Column {subject} is {there.type}, but after {column.treatment} the values are {here}."
    yield Refusal("destination-type", subject, sentence, f"Make the column {here}, or choose another treatment.")


def _length(column: ColumnPlan, there: ColumnSchema, subject: str) -> Iterator[Refusal]:
    room = _room(there.type)
    longest = treatments.max_length(column.treatment, column.type)
    needed = longest if longest is not None else _room(column.destination_type)
    if room is None or (needed is not None and needed <= room):
        return
    long = f"up to {needed} characters" if needed else "of any length"
    sentence = f"Column {subject} holds {room} characters, but after {column.treatment} values are {long}."
    yield Refusal("destination-length", subject, sentence, "Make the column longer, or choose another treatment.")


def _constraints(column: ColumnPlan, there: ColumnSchema, destination: TableSchema, subject: str) -> Iterator[Refusal]:
    if there.not_null and not treatments.not_null_kept(column.treatment):
        sentence = f"Column {subject} is NOT NULL, but {column.treatment} writes NULL."
        yield Refusal("destination-null", subject, sentence, "Drop the constraint there, or choose another treatment.")
    if not treatments.unique_kept(column.treatment) and any(
        key == (column.destination,) for key in (destination.primary_key, *destination.unique)
    ):
        sentence = f"Column {subject} is a key, but {column.treatment} makes different values alike."
        yield Refusal("destination-key", subject, sentence, "Use token for keys, or pass.")
    changed = column.treatment.kind not in ("pass", "drop")
    for check in destination.checks if changed else ():
        if _names(check, column.destination) and not (column.treatment.kind == "token" and "tok_" in check):
            sentence = (
                f"A CHECK of {destination.ref} looks at {column.destination}, whose values {column.treatment} replaces."
            )
            yield Refusal("destination-check", subject, sentence, "Drop the CHECK there, or choose another treatment.")


def _unfilled(stream: StreamDefinition, written: Sequence[ColumnPlan], destination: TableSchema) -> Iterator[Refusal]:
    filled = {column.destination for column in written}
    for there in destination.columns:
        if there.not_null and not there.has_default and not there.generated and there.name not in filled:
            subject = f"{stream.destination}.{there.name}"
            sentence = f"Column {subject} is NOT NULL without a default, and the pipeline does not fill it."
            yield Refusal("destination-unfilled", subject, sentence, "Give it a default, or drop the constraint there.")


def _names(check: str, column: str) -> bool:
    quoted = '"' + column.replace('"', '""') + '"'
    return quoted in check or bool(re.search(rf"(?<![\w\"]){re.escape(column)}(?![\w\"])", check))


def _is_text(type_name: str) -> bool:
    return bool(_SIZED.fullmatch(type_name))


def _room(type_name: str) -> int | None:
    found = _SIZED.fullmatch(type_name)
    return int(found[2]) if found and found[2] else None
