"""Types of columns that come as mere text: inferred without losing a value, and each in PostgreSQL's own form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane import lanes

TEXT = "text"
NAIVE, ZONED = "timestamp without time zone", "timestamp with time zone"
_NUMERIC = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_INTEGER = r"^(0|-?[1-9][0-9]*)$"
_DOUBLE = r"^(-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[Nn]a[Nn]|-?[Ii]nf(inity)?)$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIME = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_NAIVE = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}({_TIME})?$"
_ZONED = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_TIME}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$"
_NULL = pa.scalar(None, pa.string())
# Longer digits belong to no number that anybody calculates with.
LONGEST_NUMBER = 1000
REPEATED_FROM = 2_000
# Cast and compared faster than looked up.
_CHEAP = ("smallint", "integer", "bigint")

Fit = Callable[[pa.StringArray], pa.StringArray]


def fit(values: pa.StringArray, kind: str) -> tuple[pa.StringArray, pa.BooleanArray | None]:
    """The values as PostgreSQL writes them in that type, and where one does not fit (None: everything does).

    What does not fit is null in the first array. A type that is not listed here takes any text.
    """
    known = _FITS.get(kind)
    if known is None:
        return values, None
    fitted = _repeated(values, known) if len(values) >= REPEATED_FROM and kind not in _CHEAP else known(values)
    if fitted.null_count == values.null_count:
        return fitted, None
    return fitted, pc.and_(pc.is_null(fitted), pc.is_valid(values))


def _repeated(values: pa.StringArray, known: Fit) -> pa.StringArray:
    """Looks at each distinct value once where few make up the column."""
    if pc.count_distinct(values[:REPEATED_FROM]).as_py() > REPEATED_FROM // 4:
        return known(values)
    found = pc.dictionary_encode(values)
    return known(found.dictionary).take(found.indices)


def _integers(width: pa.DataType) -> Fit:
    def fitted(values: pa.StringArray) -> pa.StringArray:
        try:
            if pc.all(pc.equal(pc.cast(pc.cast(values, width), pa.string()), values)).as_py() is not False:
                return values
        except pa.ArrowInvalid as error:
            error.args = ()
        digits = pc.if_else(pc.match_substring_regex(values, _INTEGER), values, _NULL)
        return pc.cast(_cast(digits, width), pa.string())

    return fitted


def _matching(pattern: str) -> Fit:
    def fitted(values: pa.StringArray) -> pa.StringArray:
        short = pc.less_equal(pc.binary_length(values), LONGEST_NUMBER)
        return pc.if_else(pc.and_(pc.match_substring_regex(values, pattern), short), values, _NULL)

    return fitted


def _booleans(values: pa.StringArray) -> pa.StringArray:
    lower = pc.utf8_lower(values)
    true = pc.is_in(lower, value_set=pa.array(["true", "t"]))
    false = pc.is_in(lower, value_set=pa.array(["false", "f"]))
    return pc.if_else(true, pa.scalar("t"), pc.if_else(false, pa.scalar("f"), _NULL))


def _dates(values: pa.StringArray) -> pa.StringArray:
    typed = _cast(pc.if_else(pc.match_substring_regex(values, _DATE), values, _NULL), pa.date32())
    return pc.cast(_within_years(typed), pa.string())


def _naive(values: pa.StringArray) -> pa.StringArray:
    typed = _cast(pc.if_else(pc.match_substring_regex(values, _NAIVE), values, _NULL), pa.timestamp("us"))
    return lanes.encode(_within_years(typed), NAIVE)


def _zoned(values: pa.StringArray) -> pa.StringArray:
    typed = _cast(pc.if_else(pc.match_substring_regex(values, _ZONED), values, _NULL), pa.timestamp("us", "UTC"))
    return lanes.encode(_within_years(typed), ZONED)


def _within_years(values: pa.Array) -> pa.Array:
    years = pc.year(values)
    return pc.if_else(
        pc.and_(pc.greater_equal(years, lanes.FIRST_YEAR), pc.less_equal(years, lanes.LAST_YEAR)),
        values,
        pa.scalar(None, values.type),
    )


def _cast(values: pa.StringArray, kind: pa.DataType) -> pa.Array:
    """Null where a value has the form but is none, such as 30 February; found by halves: Arrow says only whether."""
    try:
        return pc.cast(values, kind)
    except pa.ArrowInvalid as error:
        # Arrow quotes the value.
        error.args = ()
    if len(values) == 1:
        return pa.nulls(1, kind)
    half = len(values) // 2
    return pa.concat_arrays([_cast(values[:half], kind), _cast(values[half:], kind)])


_FITS: dict[str, Fit] = {
    "boolean": _booleans,
    "smallint": _integers(pa.int16()),
    "integer": _integers(pa.int32()),
    "bigint": _integers(pa.int64()),
    "numeric": _matching(_NUMERIC),
    "double precision": _matching(_DOUBLE),
    "date": _dates,
    NAIVE: _naive,
    ZONED: _zoned,
}
# A word of one letter is a code or an initial far more often than a truth.
_TRUTHS = pa.array(["true", "false"])
# Within a chain each type takes every value of the one before, so what was seen never has to be seen again.
_CHAINS = (("boolean",), ("integer", "bigint", "numeric", "double precision"), ("date", NAIVE), (ZONED,))
DISTINCT_FROM = 5_000


@dataclass
class Inference:
    """What a column's type may still be, after all values seen so far."""

    places: list[int] = field(default_factory=lambda: [0] * len(_CHAINS))
    seen: bool = False

    def add(self, values: pa.StringArray) -> None:
        if values.null_count == len(values):
            return
        self.seen = True
        if not self._open():
            return
        distinct = pc.drop_null(pc.unique(values)) if len(values) > DISTINCT_FROM else pc.drop_null(values)
        for index, chain in enumerate(_CHAINS):
            while self.places[index] < len(chain) and not _all_fit(distinct, chain[self.places[index]]):
                self.places[index] += 1

    @property
    def type(self) -> str:
        return self._open()[0] if self.seen and self._open() else TEXT

    def _open(self) -> list[str]:
        return [chain[place] for chain, place in zip(_CHAINS, self.places, strict=True) if place < len(chain)]


def _all_fit(values: pa.StringArray, kind: str) -> bool:
    if kind == "boolean":
        return bool(pc.all(pc.is_in(pc.utf8_lower(values), value_set=_TRUTHS)).as_py())
    return not any(_FITS[kind](piece).null_count for piece in (values[:64], values[64:]))
