"""Splits CSV into records: quoted line ends stay inside, and every record knows the line on which it begins.

A quote opens a field only at the field's beginning (RFC 4180), and doubled it stands for itself; anywhere else it is a
letter like others. The answer does not depend on how the bytes come in blocks. Line ends are \\n or \\r\\n.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from apps.dataplane.errors import Refused

LONGEST_RECORD = 16 * 1024 * 1024
NEWLINE, RETURN = 10, 13

Positions = NDArray[np.int64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Dialect:
    """How a file separates its fields, a byte each. `quote` is empty where nothing is quoted."""

    delimiter: str = ","
    quote: str = '"'


@dataclass(frozen=True)
class Records:
    """Whole records in one piece of text.

    Record i is `body[starts[i]:ends[i]]`, without its line end; it begins on line `lines[i]`, counted from 1, and has
    `fields[i]` fields. `odd[i]`: text follows a closing quote, or a carriage return stands in the midst of a line.
    """

    body: bytes
    starts: Positions
    ends: Positions
    lines: Positions
    fields: Positions
    odd: Marks

    def __len__(self) -> int:
        return len(self.starts)

    def after(self, first: int) -> Records:
        """All but the first ones."""
        return Records(
            self.body,
            self.starts[first:],
            self.ends[first:],
            self.lines[first:],
            self.fields[first:],
            self.odd[first:],
        )


def records(blocks: Iterable[bytes], dialect: Dialect, *, name: str, first_line: int = 1) -> Iterator[Records]:
    """All records of the blocks. Raises Refused for a quote that is never closed, and for an endless record."""
    line, kept = first_line, b""
    for block in blocks:
        kept += block
        found, consumed = _split(kept, dialect, line)
        if len(found):
            yield found
        elif len(kept) > LONGEST_RECORD:
            raise _endless(name, line)
        line += kept.count(b"\n", 0, consumed)
        kept = kept[consumed:]
    if kept:
        found, consumed = _split(kept + b"\n", dialect, line)
        if consumed != len(kept) + 1:
            raise _endless(name, line)
        yield found


def _split(body: bytes, dialect: Dialect, line: int) -> tuple[Records, int]:
    """The records that end within a piece which begins with one, and how many bytes they take."""
    data = np.frombuffer(body, np.uint8)
    breaks = np.flatnonzero(data == NEWLINE)
    commas = np.flatnonzero(data == ord(dialect.delimiter))
    ends, odd_at = breaks, _lone_returns(body, data)
    if dialect.quote and dialect.quote.encode() in body:
        quotes = np.flatnonzero(data == ord(dialect.quote))
        if not _are_borders(data, quotes, dialect):
            ends, commas, odd_at = _walked(body, dialect)
        else:
            ends, commas, odd_at = (_outside(places, quotes) for places in (breaks, commas, odd_at))
    return _made(body, data, line, breaks, ends, commas, odd_at), int(ends[-1]) + 1 if len(ends) else 0


def _made(
    body: bytes,
    data: NDArray[np.uint8],
    line: int,
    breaks: Positions,
    ends: Positions,
    commas: Positions,
    odd_at: Positions,
) -> Records:
    starts = np.concatenate([np.zeros(min(len(ends), 1), np.int64), ends[:-1] + 1])
    odd = np.zeros(len(ends), bool)
    where = np.searchsorted(ends, odd_at)
    odd[where[where < len(ends)]] = True
    returned = (ends > starts) & (data[np.maximum(ends - 1, 0)] == RETURN)
    return Records(
        body=body,
        starts=starts,
        ends=ends - returned,
        lines=line + np.searchsorted(breaks, starts),
        fields=1 + np.diff(np.searchsorted(commas, ends), prepend=0),
        odd=odd,
    )


def _outside(places: Positions, quotes: Positions) -> Positions:
    return places[np.searchsorted(quotes, places) % 2 == 0]


def _lone_returns(body: bytes, data: NDArray[np.uint8]) -> Positions:
    if b"\r" not in body:
        return np.zeros(0, np.int64)
    returns = np.flatnonzero(data[:-1] == RETURN)
    return returns[data[returns + 1] != NEWLINE]


def _are_borders(data: NDArray[np.uint8], quotes: Positions, dialect: Dialect) -> bool:
    """Whether odd quotes all begin a field and even ones all end it, so that counting them tells inside from outside.

    A doubled quote ends a field and begins it again.
    """
    begins, ends = np.zeros(256, bool), np.zeros(256, bool)
    begins[[ord(dialect.delimiter), NEWLINE]] = True
    ends[[ord(dialect.delimiter), NEWLINE, RETURN]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    again = np.zeros(len(opening), bool)
    again[1:] = opening[1:] == closing[: len(opening) - 1] + 1
    first = opening == 0
    if not (first | again | begins[data[opening - 1]]).all():
        return False
    goes_on = np.zeros(len(closing), bool)
    goes_on[: len(opening) - 1] = again[1:]
    at_end = closing == len(data) - 1
    after = data[np.minimum(closing + 1, len(data) - 1)]
    # A return that no line end follows is text after a closing quote.
    bare = (after == RETURN) & (data[np.minimum(closing + 2, len(data) - 1)] != NEWLINE) & (closing + 2 < len(data))
    return bool((goes_on | at_end | (ends[after] & ~bare)).all())


def _walked(body: bytes, dialect: Dialect) -> tuple[Positions, Positions, Positions]:
    """Line ends, delimiters and oddities outside quotes, field by field: for pieces with quotes within plain fields."""
    field = _field(dialect.quote, dialect.delimiter)
    delimiter = ord(dialect.delimiter)
    ends: list[int] = []
    commas: list[int] = []
    odd: list[int] = []
    place = 0
    while True:
        found = field.match(body, place)
        # A field that reaches the end of the piece may go on in the next one.
        if found is None or found.end() >= len(body):
            break
        strange = found["tail"] if found["tail"] is not None else found["plain"]
        if b"\r" in strange or (found["tail"] and strange):
            odd.append(place)
        place = found.end() + (body[found.end()] == RETURN)
        if place >= len(body):
            break
        (commas if body[place] == delimiter else ends).append(place)
        place += 1
    return np.array(ends, np.int64), np.array(commas, np.int64), np.array(odd, np.int64)


@lru_cache
def _field(quote: str, delimiter: str) -> re.Pattern[bytes]:
    """A quoted field and what stands between it and the next border, or a plain field; never the \\r of a line end."""
    q, d = re.escape(quote.encode()), re.escape(delimiter.encode())
    plain = rb"(?:[^\r\n" + d + rb"]|\r(?!\n|\Z))*"
    quoted = q + rb"(?:[^" + q + rb"]|" + q + q + rb")*+" + q + rb"(?!" + q + rb")(?P<tail>" + plain + rb")"
    return re.compile(rb"(?:" + quoted + rb"|(?!" + q + rb")(?P<plain>" + plain + rb"))")


def _endless(name: str, line: int) -> Refused:
    return Refused(
        f"{name}, line {line}: a quote is opened there and not closed within {LONGEST_RECORD >> 20} MiB.",
        remedy="Mend the line, or say under `Around fields` that nothing is quoted.",
    )
