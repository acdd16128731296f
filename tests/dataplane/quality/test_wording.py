"""Checks in plain words, for whoever reads a pipeline without knowing the names of expectations."""

from __future__ import annotations

from typing import Any

import pytest

from apps.dataplane.quality.catalogue import CATALOGUE
from apps.dataplane.quality.wording import check_in_words, rule_in_words


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("column_values_to_not_be_null", {"column": "email", "mostly": "0.99"},
         "email is present in at least 99 % of the rows"),
        ("column_values_to_not_be_null", {"column": "email"}, "email is present in every row"),
        ("column_values_to_be_between", {"column": "x", "min_value": 0, "max_value": "9.50", "mostly": "0.9999"},
         "x is between 0 and 9.5 in at least 99.99 % of the rows that have a value"),
        ("column_values_to_be_between", {"column": "x", "min_value": 0, "strict_min": True},
         "x is above 0, wherever there is a value"),
        ("column_values_to_be_in_set", {"column": "x", "value_set": ["a", 1, True, "b", "c", "d", "e"]},
         "x is one of a, 1, true, b, c and 2 more, wherever there is a value"),
        ("column_values_to_match_regex", {"column": "x", "regex": "1000"}, "x matches 1000, wherever there is a value"),
        ("table_row_count_to_be_between", {"min_value": 10000, "max_value": 20000},
         "the number of rows is between 10,000 and 20,000"),
        ("table_row_count_to_be_between", {"min_value": 2013}, "the number of rows is at least 2013"),
        ("column_proportion_of_unique_values_to_be_between", {"column": "x", "min_value": "0.5"},
         "the share of distinct values of x is at least 50 %"),
        ("column_pair_values_a_to_be_greater_than_b", {"column_A": "a", "column_B": "b", "or_equal": True},
         "a is not less than b, wherever there is a value"),
        ("compound_columns_to_be_unique", {"column_list": ["a", "b"]},
         "a, b together never repeat, wherever there is a value"),
        ("column_value_lengths_to_equal", {"column": "x", "value": 36},
         "x has 36 characters, wherever there is a value"),
    ],
)  # fmt: skip
def test_a_check_is_told_in_words(kind: str, given: dict[str, Any], words: str) -> None:
    assert check_in_words(f"expect_{kind}", given) == words


@pytest.mark.parametrize("kind", CATALOGUE)
def test_one_that_is_not_filled_in_yet_has_gaps(kind: str) -> None:
    words = check_in_words(kind, {})
    assert "…" in words or kind == "expect_table_columns_to_match_set"
    assert "None" not in words


def test_rules_are_told_in_words() -> None:
    assert rule_in_words("between", "birth", {"min": "today-120y", "max": "today"}) == (
        "birth is between today-120y and today"
    )
    assert rule_in_words("length", "name", {"min": 1}) == "name has at least 1 characters"
    assert rule_in_words("unknown", "name", {}) == ""
    assert check_in_words("unknown", {}) == ""
