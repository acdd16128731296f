"""The shape of a value: what it looks like without what it says (`Aaaaa@aaa.aaa`)."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Sequence

LONGEST = 64
_MORE = "…"
_SEPARATOR = "\x1f"


class _Shapes(dict[int, str]):
    """Letters to A or a, digits to 9, white space to a blank; ASCII punctuation stays; anything else becomes ?."""

    def __missing__(self, point: int) -> str:
        self[point] = found = _of(chr(point))
        return found


def _of(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in ("Lu", "Lt"):
        return "A"
    if category[0] in "LM":
        return "a"
    if category[0] == "N":
        return "9"
    if category[0] in "ZC":
        return " "
    return letter if letter in string.punctuation else "?"


_TABLE = _Shapes({point: _of(chr(point)) for point in range(128)})
_JOINED = _Shapes(_TABLE | {ord(_SEPARATOR): _SEPARATOR})


def shape(value: str) -> str:
    """The shape of `value`, at most 64 characters; a longer one ends in an ellipsis."""
    return _shortened(value[: LONGEST + 1].translate(_TABLE))


def shapes(values: Sequence[str | None]) -> list[str | None]:
    """The shapes of a whole column; None stays None."""
    present = [value[: LONGEST + 1] for value in values if value is not None]
    joined = _SEPARATOR.join(present)
    if joined.count(_SEPARATOR) != len(present) - 1:  # a value holds the separator itself, or there are none
        return [None if value is None else shape(value) for value in values]
    found = iter(joined.translate(_JOINED).split(_SEPARATOR))
    return [None if value is None else _shortened(next(found)) for value in values]


def _shortened(found: str) -> str:
    return found if len(found) <= LONGEST else found[: LONGEST - 1] + _MORE
