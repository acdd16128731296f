"""Typed parameters of checks and rules: enough to build a form from, and to refuse a wrong value by name."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.errors import Invalid

Kind = Literal[
    "column", "columns", "names", "share", "number", "integer", "bound", "moving", "text", "choice", "boolean",
    "regex", "regexes", "values",
]  # fmt: skip
LONGEST_PATTERN = 1000
MOST_VALUES = 1000
_DAY = r"-?\d{4,6}-\d{2}-\d{2}"
_INSTANT = re.compile(rf"^{_DAY}[ T]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d{{1,6}})?)?(Z|[+-]\d{{2}}(:?\d{{2}})?)?$")
_OFFSET = re.compile(r"^today(?:([+-])(\d{1,4})([dwmy]))?$")


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    `kind` says how it is entered and what is accepted: column, columns (some of the stream's), names (of columns, real
    or not), share (0 to 1), number, integer, bound (a number, or a day or an instant, as the column is), moving (a
    bound that may be counted from today), text, choice, boolean, regex, regexes, values (a list of texts or numbers).
    Numbers with a fraction are written as text ("0.99"): plans hold no floats. `families` are the column families that
    a column parameter takes (empty: any).
    """

    name: str
    kind: Kind
    label: str
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    default: Any = None
    families: tuple[str, ...] = ()
    help: str = ""


def require_known(parameters: Sequence[Parameter], given: Mapping[str, Any], *, where: str, what: str) -> None:
    """Refuses parameters that do not exist and required ones that are absent."""
    known = [parameter.name for parameter in parameters]
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise Invalid(
                f'{what} has no parameter "{name}".', remedy=f"Its parameters are: {listed}.", field=f"{where}.{name}"
            )
    for parameter in parameters:
        if parameter.required and given.get(parameter.name) is None:
            remedy = parameter.help or f"Enter: {parameter.label}."
            raise Invalid(f'{what} needs "{parameter.name}".', remedy=remedy, field=f"{where}.{parameter.name}")


def require_value(parameter: Parameter, value: Any, *, where: str, columns: Collection[str], family: str = "") -> None:
    """Refuses a value that `parameter` does not take. `family` is the column's, for bounds."""
    reason = _wrong(parameter, value, columns, family)
    if reason:
        raise Invalid(f'"{parameter.name}" {reason}.', remedy=parameter.help, field=f"{where}.{parameter.name}")


def number(value: Any) -> Decimal | None:
    """An int, float or text as an exact finite number; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) <= 1000 else None


def parse_day(text: Any, *, today: datetime.date) -> datetime.date | None:
    """`2024-02-29`, `today`, `today-120y`, `today+1d` (d, w, m, y) as a day; None when it is none.

    The 29th of February falls on the 28th where there is none, the 31st on a month's last day.
    """
    if not isinstance(text, str):
        return None
    relative = _OFFSET.match(text.strip())
    try:
        if relative is None:
            return datetime.date.fromisoformat(text.strip()) if len(text.strip()) == 10 else None
        sign, count, unit = relative.groups()
        return _shift(today, int(count or 0) * (-1 if sign == "-" else 1), unit or "d")
    except (ValueError, OverflowError):
        return None


def instant(text: Any) -> datetime.datetime | None:
    """`2024-02-29 12:30:00+01` as an instant in UTC (without an offset it is taken for UTC); None when it is none."""
    if not isinstance(text, str) or not _INSTANT.match(text.strip()):
        return None
    try:
        found = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found.replace(tzinfo=datetime.UTC) if found.tzinfo is None else found.astimezone(datetime.UTC)


def pattern_problem(pattern: Any) -> str:
    """Why `pattern` is no regular expression of RE2 (DuckDB's and Arrow's engine); "" when it is one."""
    if not isinstance(pattern, str) or not pattern:
        return "must be a regular expression"
    if len(pattern) > LONGEST_PATTERN:
        return f"must have at most {LONGEST_PATTERN} characters"
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
    except duckdb.Error as problem:
        reason = str(problem).partition("Error: ")[2].partition(": ")[0].splitlines()[0].strip()
        return f"does not compile: {reason or 'syntax error'}"
    finally:
        connection.close()
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid:
        return "is too large"
    return ""


def _shift(start: datetime.date, count: int, unit: str) -> datetime.date:
    if unit in "dw":
        return start + datetime.timedelta(days=count * (7 if unit == "w" else 1))
    months = start.year * 12 + start.month - 1 + count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    for last in (start.day, 30, 29, 28):
        if last <= start.day:
            try:
                return datetime.date(year, month + 1, last)
            except ValueError:
                continue
    raise ValueError("no such day")


def _wrong(parameter: Parameter, value: Any, columns: Collection[str], family: str) -> str:
    match parameter.kind:
        case "column":
            return "" if isinstance(value, str) and value in columns else "must be a column of the stream"
        case "columns":
            return _wrong_columns(parameter, value, columns)
        case "names":
            return "" if _texts(value, parameter) else "must be a list of column names"
        case "boolean":
            return "" if isinstance(value, bool) else "must be true or false"
        case "choice":
            return "" if value in parameter.choices else f"must be one of {', '.join(parameter.choices)}"
        case "text":
            return "" if isinstance(value, str) and value else "must be a text"
        case "regex":
            return pattern_problem(value)
        case "regexes":
            return _wrong_patterns(parameter, value)
        case "values":
            return _wrong_values(value, family)
        case "bound" | "moving":
            return _wrong_bound(value, family, moving=parameter.kind == "moving")
        case _:
            return _wrong_number(parameter, value)


def _texts(value: Any, parameter: Parameter) -> bool:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        return False
    return len(set(value)) == len(value) >= (parameter.minimum or 1)


def _wrong_columns(parameter: Parameter, value: Any, columns: Collection[str]) -> str:
    if not _texts(value, parameter) or any(name not in columns for name in value):
        return f"must list at least {parameter.minimum or 1} different columns of the stream"
    return ""


def _wrong_patterns(parameter: Parameter, value: Any) -> str:
    if not _texts(value, parameter):
        return "must be a list of different regular expressions"
    return next((problem for problem in map(pattern_problem, value) if problem), "")


def _wrong_values(value: Any, family: str) -> str:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MOST_VALUES:
        return f"must be a list of 1 to {MOST_VALUES} values"
    if any(isinstance(item, float) or not isinstance(item, str | int | bool) for item in value):
        return "must hold texts, integers, true or false; write a number with a fraction as text"
    if family in ("number", "date", "timestamp", "boolean"):
        return next((problem for problem in (_wrong_member(item, family) for item in value) if problem), "")
    return ""


def _wrong_member(value: Any, family: str) -> str:
    if family == "boolean":
        return "" if str(value).lower() in ("true", "false") else "must hold true or false for this column"
    return "" if not _wrong_bound(value, family) else f"holds a value that is no {_NOUNS[family]}"


_NOUNS = {"number": "number", "date": "day", "timestamp": "day or instant"}


def _wrong_bound(value: Any, family: str, *, moving: bool = False) -> str:
    counted = isinstance(value, str) and value.strip().startswith("today")
    numeric, dated = number(value) is not None, parse_day(value, today=datetime.date(2000, 1, 1)) is not None
    if counted and not moving:
        return "must be a fixed day here"
    match family:
        case "number":
            return "" if numeric else 'must be a number, such as 10 or "0.5"'
        case "date":
            return "" if dated else 'must be a day, such as "2024-02-29"'
        case "timestamp":
            return "" if dated or instant(value) else 'must be a day or an instant, such as "2024-02-29 12:30:00+01"'
        case _:
            return "" if numeric or dated else 'must be a number or a day, such as 10 or "2024-02-29"'


def _wrong_number(parameter: Parameter, value: Any) -> str:
    found = number(value)
    if found is None or (parameter.kind == "integer" and (not isinstance(value, int) or isinstance(value, bool))):
        return "must be a whole number" if parameter.kind == "integer" else "must be a number"
    low, high = (0, 1) if parameter.kind == "share" else (parameter.minimum, parameter.maximum)
    if low is not None and found < low:
        return f"must be at least {low}"
    if high is not None and found > high:
        return f"must be at most {high}"
    return ""
