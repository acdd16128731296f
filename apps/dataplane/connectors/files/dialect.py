"""Finds out how a text file separates its fields and whether its first line names the columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.dataplane.connectors.base import LONGEST_NAME
from apps.dataplane.errors import Refused

from .records import Dialect, Records, records
from .settings import AUTO, FileSettings

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 64 * 1024
MOST_RECORDS = 300
MOST_COLUMNS = 2_000
# What no column is called, but values often are.
_VALUE = re.compile(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?%?|\d{4}-\d\d-\d\d([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")


@dataclass(frozen=True)
class Layout:
    """A dialect with the names of the columns; `first_line` is where its rows begin, after the `skipped` lines."""

    dialect: Dialect
    header: bool
    names: tuple[str, ...]
    skipped: int
    first_record: int


def layout(settings: FileSettings, text: bytes, *, path: str) -> Layout:
    """From the settings, and from the first text (UTF-8) of a file where they say `auto`."""
    text = _after(text, settings.skip_lines)
    quote = {AUTO: '"', "none": ""}.get(settings.quote, settings.quote)
    dialect = Dialect(_delimiter(settings, text, quote), quote)
    first = next(iter(_first_records(text, dialect)), None)
    if first is None:
        raise Refused(f"{path} is empty.", remedy="Offer a file with at least a line of column names.", field="pattern")
    header = settings.header == "yes" or (settings.header == AUTO and not any(_VALUE.fullmatch(one) for one in first))
    names = _names(first, path) if header else tuple(f"column_{place}" for place in range(1, len(first) + 1))
    return Layout(dialect, header, names, settings.skip_lines, int(header))


def _after(text: bytes, lines: int) -> bytes:
    for _ in range(lines):
        text = text.partition(b"\n")[2]
    return text


def _delimiter(settings: FileSettings, text: bytes, quote: str) -> str:
    if settings.delimiter != AUTO:
        return settings.delimiter
    if settings.format == "tsv":
        return "\t"
    scored = [(_score(text, Dialect(one, quote)), -place, one) for place, one in enumerate(DELIMITERS)]
    best, _, found = max(scored)
    return found if best > (0.0, 0) else ","


def _score(text: bytes, dialect: Dialect) -> tuple[float, int]:
    """How many of the first records have as many fields as most of them, and how many fields that is."""
    counts = Counter(len(fields) for fields in _first_records(text, dialect))
    several = {number: count for number, count in counts.items() if number > 1}
    if not several:
        return 0.0, 0
    number, count = max(several.items(), key=lambda one: (one[1], one[0]))
    return round(count / sum(counts.values()), 1), number


def _first_records(text: bytes, dialect: Dialect) -> Iterator[list[str]]:
    """The fields of the first whole records that are not blank."""
    # A last line that the sample cuts off would count as a short one.
    cut = text[:LOOKED_AT] if len(text) <= LOOKED_AT else text[:LOOKED_AT].rpartition(b"\n")[0]
    given = 0
    try:
        for piece in records([cut], dialect, name=""):
            for place in range(len(piece)):
                if piece.starts[place] < piece.ends[place]:
                    yield split(piece, place, dialect)
                    given += 1
                if given >= MOST_RECORDS:
                    return
    except Refused:
        # The sample ends within quotes.
        return


def split(piece: Records, place: int, dialect: Dialect) -> list[str]:
    """The fields of one record as text."""
    text = piece.body[piece.starts[place] : piece.ends[place]].decode("utf-8", "replace")
    fields, at = [], 0
    while True:
        if dialect.quote and text.startswith(dialect.quote, at):
            end = at + 1
            while text.startswith(dialect.quote * 2, end := text.find(dialect.quote, end)):
                end += 2
            stop = text.find(dialect.delimiter, end)
            value = text[at + 1 : end].replace(dialect.quote * 2, dialect.quote)
        else:
            stop = text.find(dialect.delimiter, at)
            value = text[at:] if stop < 0 else text[at:stop]
        fields.append(value)
        if stop < 0:
            return fields
        at = stop + 1


def _names(first: Sequence[str], path: str) -> tuple[str, ...]:
    names = tuple(name.strip() or f"column_{place}" for place, name in enumerate(first, start=1))
    require_names(names, path)
    return names


def require_names(names: Sequence[str], path: str) -> None:
    """Raises Refused for names that occur twice, are too long or cannot be shown."""
    if len(names) > MOST_COLUMNS:
        raise Refused(f"{path} has {len(names):,} columns; at most {MOST_COLUMNS:,} are read.")
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise Refused(
            f"{path} has two columns called {_shown(twice)}.",
            remedy="Rename one of them in the file, or say that its first line holds no names.",
        )
    for place, name in enumerate(names, start=1):
        if len(name.encode()) > LONGEST_NAME or not name.isprintable() or "\ufffd" in name:
            raise Refused(
                f"Column {place} of {path} has a name that cannot be used: names are printable text of at most "
                f"{LONGEST_NAME} bytes.",
                remedy="Rename it in the file, or say that its first line holds no names.",
            )


def _shown(name: str) -> str:
    return name if name.isprintable() and len(name) <= LONGEST_NAME else "the same"


def told(found: Layout) -> dict[str, str]:
    """What was found out, in words."""
    names = {"\t": "tab", " ": "space"}
    return {
        "delimiter": names.get(found.dialect.delimiter, found.dialect.delimiter),
        "quote": found.dialect.quote or "none",
        "header": "the first line" if found.header else "none",
    }


__all__ = ["Layout", "layout", "require_names", "split", "told"]
