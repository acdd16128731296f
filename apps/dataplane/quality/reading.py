"""PostgreSQL's text form of numbers, days and instants, compared exactly and a whole column at a time."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_EXACT = pa.decimal256(76, 37)
_SIMPLE = r"^-?\d{1,38}(\.\d{1,37})?$"
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?$")
_INFINITE = {"infinity": Decimal("Infinity"), "-infinity": Decimal("-Infinity")}
_DAY = r"^(?P<year>\d{4,7})-(?P<month>\d\d)-(?P<day>\d\d)"
_TIME = r"(?:[ T](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?)?"
_OFFSET = r"(?:Z|(?P<sign>[+-])(?P<oh>\d\d)(?::?(?P<om>\d\d))?(?::?(?P<os>\d\d))?)?"
_ERA = r"(?P<era> BC)?$"
_FOREVER = 2**42  # days or seconds beyond any that PostgreSQL can hold
_DAY_SECONDS = 86_400

Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]
Moment = datetime.date | datetime.datetime


def numbers_between(column: pa.Array, low: Decimal | None, high: Decimal | None) -> pa.BooleanArray:
    """Whether each number lies between the bounds; false where the text is no number, or not a number (NaN)."""
    simple = pc.match_substring_regex(column, _SIMPLE)
    if not all(bound is None or _representable(bound) for bound in (low, high)):
        simple = pc.and_(simple, False)
    exact = pc.if_else(simple, column, pa.scalar(None, column.type)).cast(_EXACT)
    verdict = pa.array(np.ones(len(column), dtype=bool))
    if low is not None:
        verdict = pc.and_(verdict, pc.greater_equal(exact, pa.scalar(low, _EXACT) if _representable(low) else None))
    if high is not None:
        verdict = pc.and_(verdict, pc.less_equal(exact, pa.scalar(high, _EXACT) if _representable(high) else None))
    return _with_rest(column, simple, verdict, low, high)


def normal_numbers(column: pa.Array) -> pa.Array:
    """Numbers in one spelling each: 1.50 and 1.5, 2.0 and 2, 1e+2 and 100 become equal texts."""
    shorter = pc.replace_substring_regex(column, r"^(-?\d+)\.0*$", r"\1")
    shorter = pc.replace_substring_regex(shorter, r"^(-?\d+\.\d*[1-9])0+$", r"\1")
    shorter = pc.replace_substring_regex(shorter, r"^-0$", "0")
    rare = pc.and_(column.is_valid(), pc.invert(pc.match_substring_regex(column, _SIMPLE))).fill_null(False)
    if not pc.any(rare).as_py():
        return shorter
    spelled = pa.array([_spelled(text) for text in column.filter(rare).to_pylist()], column.type)
    return pc.replace_with_mask(shorter, rare, spelled)


def moments_between(column: pa.Array, low: Moment | None, high: Moment | None) -> pa.BooleanArray:
    """Whether each day or instant lies between the bounds; false where the text is neither (a 30th of February).

    A bound that is a day takes in that whole day; an instant without an offset counts as UTC.
    """
    seconds, fractions, known = _instants(column)
    verdict = known
    if low is not None:
        verdict = verdict & _not_before(seconds, fractions, low)
    if high is not None:
        verdict = verdict & _not_after(seconds, fractions, high)
    return pa.array(verdict)


def _representable(bound: Decimal) -> bool:
    exponent = bound.as_tuple().exponent
    return bound.adjusted() < 38 and isinstance(exponent, int) and exponent >= -37


def _with_rest(
    column: pa.Array, simple: pa.BooleanArray, verdict: pa.BooleanArray, low: Decimal | None, high: Decimal | None
) -> pa.BooleanArray:
    """The few that Arrow's decimals do not hold (1e+20, Infinity, 40 digits) one by one."""
    rare = pc.and_(column.is_valid(), pc.invert(simple)).fill_null(False)
    verdict = verdict.fill_null(False)
    if not pc.any(rare).as_py():
        return verdict
    found = [_within(_decimal(text), low, high) for text in column.filter(rare).to_pylist()]
    return pc.replace_with_mask(verdict, rare, pa.array(found, pa.bool_()))


def _within(value: Decimal | None, low: Decimal | None, high: Decimal | None) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _decimal(text: str) -> Decimal | None:
    if text.lower() in _INFINITE:
        return _INFINITE[text.lower()]
    if not _NUMBER.match(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _spelled(text: str) -> str:
    value = _decimal(text)
    if value is None or not value.is_finite() or abs(value.adjusted()) > 1000:
        return text
    spelled = f"{value:f}"
    spelled = spelled.rstrip("0").rstrip(".") if "." in spelled else spelled
    return "0" if spelled in ("-0", "") else spelled.removeprefix("+")


def _instants(column: pa.Array) -> tuple[Integers, Integers, Truths]:
    """Seconds since 1970 UTC, microseconds within, and which texts are days or instants at all."""
    found = pc.extract_regex(column, _DAY + _TIME + _OFFSET + _ERA)
    known = np.asarray(found.is_valid())
    part = {name: _integers(found.field(name)) for name in ("hour", "minute", "second", "oh", "om", "os")}
    days, real = _days(found)
    offset = (part["oh"] * 60 + part["om"]) * 60 + part["os"]
    offset = np.where(_equals(found.field("sign"), "-"), -offset, offset)
    clock = (part["hour"] * 60 + part["minute"]) * 60 + part["second"]
    seconds = days * _DAY_SECONDS + clock - offset
    known = known & real & (part["hour"] < 24) & (part["minute"] < 60) & (part["second"] < 60)
    forever, never = _equals(column, "infinity"), _equals(column, "-infinity")
    seconds = np.where(forever, _FOREVER * _DAY_SECONDS, np.where(never, -_FOREVER * _DAY_SECONDS, seconds))
    return seconds, _fractions(found), known | forever | never


def _days(found: pa.StructArray) -> tuple[Integers, Truths]:
    """Days since 1970, proleptic Gregorian, and which of them exist. Source: H. Hinnant, days_from_civil."""
    year, month, day = (_integers(found.field(name)) for name in ("year", "month", "day"))
    positive = year >= 1
    year = np.where(_equals(found.field("era"), " BC"), 1 - year, year)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.where(month <= 12, month, 0)]
    longest = longest + (leap & (month == 2))
    real = positive & (month >= 1) & (day >= 1) & (day <= longest)
    shifted = year - (month <= 2)
    era, of_era = shifted // 400, shifted % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return days, real


def _integers(texts: pa.Array) -> Integers:
    digits = pc.if_else(pc.equal(texts, ""), None, texts)
    return np.asarray(pc.fill_null(digits.cast(pa.int64()), 0))


def _fractions(found: pa.StructArray) -> Integers:
    return _integers(pc.utf8_rpad(pc.fill_null(found.field("fraction"), ""), 6, "0"))


def _equals(texts: pa.Array, text: str) -> Truths:
    return np.asarray(pc.equal(texts, text).fill_null(False))


def _not_before(seconds: Integers, fractions: Integers, low: Moment) -> Truths:
    start, fraction = _parts(low)
    return (seconds > start) | ((seconds == start) & (fractions >= fraction))


def _not_after(seconds: Integers, fractions: Integers, high: Moment) -> Truths:
    if not isinstance(high, datetime.datetime):
        return seconds < _parts(high)[0] + _DAY_SECONDS
    end, fraction = _parts(high)
    return (seconds < end) | ((seconds == end) & (fractions <= fraction))


def _parts(bound: Any) -> tuple[int, int]:
    """Seconds since 1970 and microseconds of a bound; a day begins at midnight UTC."""
    if isinstance(bound, datetime.datetime):
        since = bound - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        return since.days * _DAY_SECONDS + since.seconds, since.microseconds
    return (bound.toordinal() - datetime.date(1970, 1, 1).toordinal()) * _DAY_SECONDS, 0
