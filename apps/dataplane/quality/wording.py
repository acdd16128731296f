"""Checks and rules in plain words: `email is present in at least 99 % of the rows`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .catalogue import CATALOGUE
from .parameters import number

MOST_LISTED = 5
MOST_CHARACTERS = 60
_EVERY_ROW = {"expect_column_values_to_not_be_null", "expect_column_values_to_be_null"}
Given = Mapping[str, Any]


def check_in_words(expectation: str, given: Given) -> str:
    """What an output check demands; "" for one that is not in the catalogue, gaps where something is not chosen yet."""
    says = _CHECKS.get(expectation)
    return "" if says is None else says(given) + _share(expectation, given)


def rule_in_words(kind: str, column: str, given: Given) -> str:
    """What a row rule demands of a row; "" for a kind that does not exist."""
    says = _RULES.get(kind)
    return "" if says is None else f"{column or '…'} {says(given)}"


def settle_in_words(kind: str, columns: Sequence[str], target: str = "", to: Sequence[str] = ()) -> str:
    """What a rule on the whole set demands."""
    named, one = ", ".join(columns) or "…", len(columns) < 2
    if kind == "references":
        there = f"{target or '…'} as {', '.join(to) or '…'}"
        return f"{named} {'occurs' if one else 'occur'} in {there}"
    return f"{named} {'identifies' if one else 'together identify'} a row"


def percent(value: object) -> str:
    """A share as people say it: "0.99" is 99 %."""
    exact = number(value)
    return "…" if exact is None else f"{_plain(exact * 100)} %"


def bounds(given: Given, low: str = "min_value", high: str = "max_value", *, shares: bool = False) -> str:
    """`between 1 and 5`, `at least 1`, `below 5`."""
    shown = percent if shares else _value
    first, last = given.get(low), given.get(high)
    above, below = bool(given.get("strict_min")), bool(given.get("strict_max"))
    if first not in (None, "") and last not in (None, "") and not (above or below):
        return f"exactly {shown(first)}" if first == last else f"between {shown(first)} and {shown(last)}"
    parts = []
    if first not in (None, ""):
        parts.append(f"{'above' if above else 'at least'} {shown(first)}")
    if last not in (None, ""):
        parts.append(f"{'below' if below else 'at most'} {shown(last)}")
    return " and ".join(parts) or "…"


def _share(expectation: str, given: Given) -> str:
    if CATALOGUE[expectation].shows != "share":
        return ""
    rows = "rows" if expectation in _EVERY_ROW else "rows that have a value"
    mostly = number(given.get("mostly", "1"))
    if mostly is None or mostly == 1:
        return " in every row" if expectation in _EVERY_ROW else ", wherever there is a value"
    return f" in at least {percent(mostly)} of the {rows}"


def _value(value: object) -> str:
    exact = number(value)
    return _plain(exact) if exact is not None and abs(exact.adjusted()) < 30 else _text(value)


def _text(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def _plain(exact: Decimal) -> str:
    # No separator below 10,000: it might be a year.
    text = f"{exact:,f}" if abs(exact) >= 10_000 else f"{exact:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _listed(values: Any) -> str:
    if not isinstance(values, list | tuple) or not values:
        return "…"
    shown, more = ", ".join(map(_text, values[:MOST_LISTED])), len(values) - MOST_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _column(given: Given, name: str = "column") -> str:
    return str(given.get(name) or "…")


def _columns(given: Given) -> str:
    names = given.get("column_list")
    return ", ".join(map(str, names)) if isinstance(names, list | tuple) and names else "…"


def _pattern(given: Given) -> str:
    return _text(given.get("regex") or "…")


def _patterns(given: Given) -> str:
    return _listed(given.get("regex_list"))


def _statistic(noun: str) -> Callable[[Given], str]:
    return lambda given: f"the {noun} of {_column(given)} is {bounds(given)}"


def _of_columns(given: Given) -> str:
    exact = given.get("exact_match", True)
    return f"the table has {'exactly' if exact else 'at least'} the columns {_listed(given.get('column_set'))}"


def _length(given: Given) -> str:
    return f"{_column(given)} has {_value(given.get('value', '…'))} characters"


def _greater(given: Given) -> str:
    than = "is not less than" if given.get("or_equal") else "is greater than"
    return f"{_column(given, 'column_A')} {than} {_column(given, 'column_B')}"


_CHECKS: Mapping[str, Callable[[Given], str]] = {
    "expect_column_values_to_not_be_null": lambda g: f"{_column(g)} is present",
    "expect_column_values_to_be_null": lambda g: f"{_column(g)} is absent",
    "expect_column_values_to_be_unique": lambda g: f"{_column(g)} never repeats",
    "expect_column_values_to_be_in_set": lambda g: f"{_column(g)} is one of {_listed(g.get('value_set'))}",
    "expect_column_values_to_not_be_in_set": lambda g: f"{_column(g)} is none of {_listed(g.get('value_set'))}",
    "expect_column_values_to_be_between": lambda g: f"{_column(g)} is {bounds(g)}",
    "expect_column_values_to_match_regex": lambda g: f"{_column(g)} matches {_pattern(g)}",
    "expect_column_values_to_not_match_regex": lambda g: f"{_column(g)} does not match {_pattern(g)}",
    "expect_column_values_to_match_regex_list": lambda g: (
        f"{_column(g)} matches {'all' if g.get('match_on') == 'all' else 'one'} of {_patterns(g)}"
    ),
    "expect_column_values_to_not_match_regex_list": lambda g: f"{_column(g)} matches none of {_patterns(g)}",
    "expect_column_value_lengths_to_be_between": lambda g: f"the length of {_column(g)} is {bounds(g)}",
    "expect_column_value_lengths_to_equal": _length,
    "expect_column_pair_values_to_be_equal": lambda g: f"{_column(g, 'column_A')} equals {_column(g, 'column_B')}",
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_compound_columns_to_be_unique": lambda g: f"{_columns(g)} together never repeat",
    "expect_select_column_values_to_be_unique_within_record": lambda g: f"{_columns(g)} differ from each other",
    "expect_column_min_to_be_between": _statistic("smallest value"),
    "expect_column_max_to_be_between": _statistic("largest value"),
    "expect_column_mean_to_be_between": _statistic("mean"),
    "expect_column_median_to_be_between": _statistic("median"),
    "expect_column_sum_to_be_between": _statistic("sum"),
    "expect_column_stdev_to_be_between": _statistic("standard deviation"),
    "expect_column_unique_value_count_to_be_between": lambda g: (
        f"the number of distinct values of {_column(g)} is {bounds(g)}"
    ),
    "expect_column_proportion_of_unique_values_to_be_between": lambda g: (
        f"the share of distinct values of {_column(g)} is {bounds(g, shares=True)}"
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": lambda g: (
        f"the share of rows in which {_column(g)} is present is {bounds(g, shares=True)}"
    ),
    "expect_table_row_count_to_be_between": lambda g: f"the number of rows is {bounds(g)}",
    "expect_table_row_count_to_equal": lambda g: f"the number of rows is {_value(g.get('value', '…'))}",
    "expect_table_column_count_to_equal": lambda g: f"the number of columns is {_value(g.get('value', '…'))}",
    "expect_table_columns_to_match_set": _of_columns,
    "expect_table_columns_to_match_ordered_list": lambda g: (
        f"the columns are, in this order, {_listed(g.get('column_list'))}"
    ),
    "expect_column_to_exist": lambda g: f"there is a column {_column(g)}",
}
_RULES: Mapping[str, Callable[[Given], str]] = {
    "not_null": lambda g: "is present",
    "matches": lambda g: f"matches {_text(g.get('pattern') or '…')}",
    "between": lambda g: f"is {bounds(g, 'min', 'max')}",
    "in_set": lambda g: f"is one of {_listed(g.get('values'))}",
    "not_in_set": lambda g: f"is none of {_listed(g.get('values'))}",
    "length": lambda g: f"has {bounds(g, 'min', 'max')} characters",
}
