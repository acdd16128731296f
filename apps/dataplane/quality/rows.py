"""Row rules: conditions on source values, one vectorised pass per rule over columns in PostgreSQL's text form."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import RowRule

from .parameters import Parameter, instant, number, parse_day, require_known, require_value
from .reading import moments_between, normal_numbers, numbers_between

WHERE = "params"
_BOUND_HELP = 'A number, a day such as "2024-02-29", or a day counted from today such as "today-120y".'
_PATTERN_HELP = "A regular expression (RE2); it may match anywhere in the value unless anchored by ^ and $."
_VALUES = Parameter("values", "values", "Values", required=True, help="Enter one value a line.")
_TEXTS = {"text", "character varying", "varchar", "character", "bpchar", "citext", "name"}
_NUMBERS = {"smallint", "integer", "bigint", "numeric", "decimal", "real", "double precision", "oid"}


@dataclass(frozen=True)
class RuleKind:
    """A kind of row rule. `families`: the column families that it takes (empty: any)."""

    kind: str
    title: str
    parameters: tuple[Parameter, ...] = ()
    families: tuple[str, ...] = ()


KINDS: Mapping[str, RuleKind] = {
    kind.kind: kind
    for kind in (
        RuleKind("not_null", "A value is present"),
        RuleKind(
            "matches",
            "The value matches a pattern",
            (Parameter("pattern", "regex", "Pattern", required=True, help=_PATTERN_HELP),),
        ),
        RuleKind(
            "between",
            "The value lies between bounds",
            (
                Parameter("min", "moving", "At least", help=_BOUND_HELP),
                Parameter("max", "moving", "At most", help=_BOUND_HELP),
            ),
            ("number", "date", "timestamp", "text"),
        ),
        RuleKind("in_set", "The value is on a list", (_VALUES,)),
        RuleKind("not_in_set", "The value is not on a list", (_VALUES,)),
        RuleKind(
            "length",
            "The length lies between bounds",
            (
                Parameter("min", "integer", "At least", minimum=0, help="A number of characters."),
                Parameter("max", "integer", "At most", minimum=0, help="A number of characters."),
            ),
            ("text",),
        ),
    )
}


def family(type_: str) -> str:
    """number, text, date, timestamp, boolean or other, of a PostgreSQL type as format_type() writes it."""
    base = re.sub(r"\([\d, -]*\)", "", type_).strip()
    if base.startswith("timestamp"):
        return "timestamp"
    if base in ("date", "boolean"):
        return base
    return "text" if base in _TEXTS else "number" if base in _NUMBERS else "other"


def validate(rule: RowRule, columns: Mapping[str, str]) -> None:
    """Raises Invalid when `rule` is unknown or ill-formed. `columns`: the source's, with PostgreSQL types."""
    if rule.kind not in KINDS:
        remedy = f"The kinds are: {', '.join(KINDS)}."
        raise Invalid(f'There is no row rule of kind "{rule.kind}".', remedy=remedy, field="kind")
    if rule.column not in columns:
        raise Invalid(f'The table has no column "{rule.column}".', remedy="Choose one of its columns.", field="column")
    if rule.on_fail not in ("quarantine", "reject"):
        raise Invalid("A failed row is quarantined or rejected.", remedy="Choose one of the two.", field="on_fail")
    kind, own = KINDS[rule.kind], family(columns[rule.column])
    if kind.families and own not in kind.families:
        wanted = " or ".join(kind.families)
        sentence = f'The column "{rule.column}" is {columns[rule.column]}; {rule.kind} needs a {wanted} column.'
        raise Invalid(sentence, remedy="Choose another column or kind.", field="column")
    require_known(kind.parameters, rule.params, where=WHERE, what=f"The row rule {rule.kind}")
    for parameter in kind.parameters:
        if rule.params.get(parameter.name) is not None:
            require_value(parameter, rule.params[parameter.name], where=WHERE, columns=columns, family=own)
    _require_bounds(rule)


def holds(rule: RowRule, batch: pa.RecordBatch, types: Mapping[str, str], *, day: datetime.date) -> pa.BooleanArray:
    """For each row of `batch` (all-string columns) whether a valid `rule` holds; never null.

    `day` is what "today" means. NULL passes every kind but not_null; a value that does not read as it must fails.
    """
    type_ = types[rule.column]
    column = _text(batch.column(rule.column), type_)
    if rule.kind == "not_null":
        return column.is_valid()
    distinct = column.dictionary_encode()
    if 2 * len(distinct.dictionary) > len(column):
        verdict = _TESTS[rule.kind](rule.params, column, family(type_), day)
    else:
        verdict = _TESTS[rule.kind](rule.params, distinct.dictionary, family(type_), day).take(distinct.indices)
    return pc.or_(column.is_null(), verdict.fill_null(False))


def _require_bounds(rule: RowRule) -> None:
    if rule.kind not in ("between", "length"):
        return
    low, high = rule.params.get("min"), rule.params.get("max")
    if low is None and high is None:
        raise Invalid("The rule has no bound.", remedy="Enter a lower or an upper bound.", field=f"{WHERE}.min")
    if low is None or high is None:
        return
    # Both are read on one day: whether "today-1d" lies above "today" does not depend on which.
    first, last = (_bound(value, datetime.date(2000, 1, 1)) for value in (low, high))
    if _is_moment(first) != _is_moment(last):
        raise Invalid("One bound is a number, the other a day.", remedy="Enter two of a kind.", field=f"{WHERE}.max")
    if "today" not in f"{low}{high}" and _ordinal(first) > _ordinal(last):
        raise Invalid("The lower bound is above the upper one.", remedy="Exchange the bounds.", field=f"{WHERE}.min")


def _text(column: pa.Array, type_: str) -> pa.Array:
    # character(n) comes padded; PostgreSQL itself disregards that padding.
    padded = type_.startswith("character(") or type_ in ("character", "bpchar")
    return pc.utf8_rtrim(column, " ") if padded else column


def _matches(params: Mapping[str, Any], column: pa.Array, own: str, today: datetime.date) -> pa.BooleanArray:
    return pc.match_substring_regex(column, params["pattern"])


def _between(params: Mapping[str, Any], column: pa.Array, own: str, today: datetime.date) -> pa.BooleanArray:
    given = [params.get("min"), params.get("max")]
    low, high = (None if value is None else _bound(value, today) for value in given)
    if any(_is_moment(bound) for bound in (low, high)):
        return moments_between(column, low, high)
    return numbers_between(column, low, high)


def _in_set(params: Mapping[str, Any], column: pa.Array, own: str, today: datetime.date) -> pa.BooleanArray:
    spelled = [text for value in params["values"] for text in _spellings(value, own)]
    texts = pa.array(spelled, column.type)
    if own == "number":
        column, texts = normal_numbers(column), normal_numbers(texts)
    return pc.is_in(column, value_set=texts)


def _not_in_set(params: Mapping[str, Any], column: pa.Array, own: str, today: datetime.date) -> pa.BooleanArray:
    return pc.invert(_in_set(params, column, own, today))


def _length(params: Mapping[str, Any], column: pa.Array, own: str, today: datetime.date) -> pa.BooleanArray:
    length = pc.utf8_length(column)
    low, high = params.get("min"), params.get("max")
    verdict = pc.greater_equal(length, 0 if low is None else low)
    return verdict if high is None else pc.and_(verdict, pc.less_equal(length, high))


_TESTS: Mapping[str, Callable[[Mapping[str, Any], pa.Array, str, datetime.date], pa.BooleanArray]] = {
    "matches": _matches,
    "between": _between,
    "in_set": _in_set,
    "not_in_set": _not_in_set,
    "length": _length,
}


def _bound(value: Any, today: datetime.date) -> Any:
    """A Decimal, a day or an instant, as `value` reads."""
    return number(value) if number(value) is not None else parse_day(value, today=today) or instant(value)


def _is_moment(bound: Any) -> bool:
    return isinstance(bound, datetime.date)


def _ordinal(bound: Any) -> Any:
    if isinstance(bound, datetime.datetime) or not isinstance(bound, datetime.date):
        return bound
    return datetime.datetime(bound.year, bound.month, bound.day, tzinfo=datetime.UTC)


def _spellings(value: Any, own: str) -> tuple[str, ...]:
    """How PostgreSQL would write the value; an instant with and without its offset."""
    if own == "boolean":
        return ("t" if str(value).lower() == "true" else "f",)
    if own != "timestamp":
        return (str(value),)
    found = _bound(value, datetime.date(2000, 1, 1))
    if not _is_moment(found):
        return (str(value),)
    text = _ordinal(found).replace(tzinfo=None).isoformat(sep=" ")
    text = text.rstrip("0") if "." in text else text
    return text, f"{text}+00"
