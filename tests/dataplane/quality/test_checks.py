"""A check is refused by name when it is saved, with what is wrong, what to do and which field it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from apps.dataplane.errors import Invalid
from apps.dataplane.quality.catalogue import CATALOGUE, UNSUPPORTED
from apps.dataplane.quality.checks import family
from apps.dataplane.quality.gate import validate_check
from apps.dataplane.quality.observed import sentence
from tests.dataplane.quality.support import check

COLUMNS = {"id": "BIGINT", "mail": "VARCHAR", "born": "DATE", "seen": "TIMESTAMPTZ", "ok": "BOOLEAN", "key": "UUID"}
BETWEEN = "expect_column_values_to_be_between"
REGEX = "expect_column_values_to_match_regex"
SET = "expect_column_values_to_be_in_set"

REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "nothing_at_all",
        {},
        "expectation",
        '"nothing_at_all" cannot be checked on staged data: there is no such expectation.',
    ),
    (REGEX, {"column": "mail"}, "kwargs.regex", f'The check "{REGEX}" needs "regex".'),
    (REGEX, {"column": "mail", "regex": "(a"}, "kwargs.regex", '"regex" does not compile: missing ).'),
    (REGEX, {"column": "mail", "regex": "(?=a)"}, "kwargs.regex", '"regex" does not compile: invalid perl operator.'),
    (REGEX, {"column": "mail", "regex": "a" * 1001}, "kwargs.regex", '"regex" must have at most 1000 characters.'),
    (REGEX, {"column": "mail", "regex": ""}, "kwargs.regex", '"regex" must be a regular expression.'),
    (REGEX, {"column": "nope", "regex": "a"}, "kwargs.column", '"column" must be a column of the stream.'),
    (
        REGEX,
        {"column": "id", "regex": "a"},
        "kwargs.column",
        'The column "id" is BIGINT; this check needs a text column.',
    ),
    (
        REGEX,
        {"column": "mail", "regex": "a", "rows": 1},
        "kwargs.rows",
        f'The check "{REGEX}" has no parameter "rows".',
    ),
    (REGEX, {"column": "mail", "regex": "a", "mostly": "1.01"}, "kwargs.mostly", '"mostly" must be at most 1.'),
    (REGEX, {"column": "mail", "regex": "a", "mostly": -1}, "kwargs.mostly", '"mostly" must be at least 0.'),
    (REGEX, {"column": "mail", "regex": "a", "mostly": "nan"}, "kwargs.mostly", '"mostly" must be a number.'),
    (BETWEEN, {"column": "id"}, "kwargs.min_value", "The check has no bound."),
    (
        BETWEEN,
        {"column": "id", "min_value": 2, "max_value": 1},
        "kwargs.min_value",
        "The lower bound is above the upper one.",
    ),
    (
        BETWEEN,
        {"column": "id", "min_value": "2020-01-01"},
        "kwargs.min_value",
        '"min_value" must be a number, such as 10 or "0.5".',
    ),
    (
        BETWEEN,
        {"column": "born", "min_value": 5},
        "kwargs.min_value",
        '"min_value" must be a day, such as "2024-02-29".',
    ),
    (
        BETWEEN,
        {"column": "born", "min_value": "2023-02-29"},
        "kwargs.min_value",
        '"min_value" must be a day, such as "2024-02-29".',
    ),
    (BETWEEN, {"column": "born", "max_value": "today"}, "kwargs.max_value", '"max_value" must be a fixed day here.'),
    (
        BETWEEN,
        {"column": "seen", "max_value": "soon"},
        "kwargs.max_value",
        '"max_value" must be a day or an instant, such as "2024-02-29 12:30:00+01".',
    ),
    (BETWEEN, {"column": "mail", "min_value": 1}, "kwargs.column", ""),
    (BETWEEN, {"column": "key", "min_value": 1}, "kwargs.column", ""),
    (
        BETWEEN,
        {"column": "id", "min_value": 1, "strict_min": "yes"},
        "kwargs.strict_min",
        '"strict_min" must be true or false.',
    ),
    (SET, {"column": "id", "value_set": []}, "kwargs.value_set", '"value_set" must be a list of 1 to 1000 values.'),
    (SET, {"column": "id", "value_set": ["x"]}, "kwargs.value_set", '"value_set" holds a value that is no number.'),
    (SET, {"column": "born", "value_set": ["x"]}, "kwargs.value_set", '"value_set" holds a value that is no day.'),
    (
        SET,
        {"column": "ok", "value_set": ["x"]},
        "kwargs.value_set",
        '"value_set" must hold true or false for this column.',
    ),
    (
        SET,
        {"column": "mail", "value_set": [0.5]},
        "kwargs.value_set",
        '"value_set" must hold texts, integers, true or false; write a number with a fraction as text.',
    ),
    (
        "expect_column_values_to_match_regex_list",
        {"column": "mail", "regex_list": ["a", "a"]},
        "kwargs.regex_list",
        '"regex_list" must be a list of different regular expressions.',
    ),
    (
        "expect_column_values_to_match_regex_list",
        {"column": "mail", "regex_list": ["a"], "match_on": "some"},
        "kwargs.match_on",
        '"match_on" must be one of any, all.',
    ),
    (
        "expect_compound_columns_to_be_unique",
        {"column_list": ["id"]},
        "kwargs.column_list",
        '"column_list" must list at least 2 different columns of the stream.',
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "id", "column_B": "born"},
        "kwargs.column_B",
        "The two columns are of different kinds, so neither is greater.",
    ),
    ("expect_table_row_count_to_equal", {"value": "10"}, "kwargs.value", '"value" must be a whole number.'),
    ("expect_table_row_count_to_equal", {"value": -1}, "kwargs.value", '"value" must be at least 0.'),
    ("expect_table_row_count_to_equal", {"value": True}, "kwargs.value", '"value" must be a whole number.'),
    ("expect_column_mean_to_be_between", {"column": "born", "max_value": 1}, "kwargs.column", ""),
    (
        "expect_table_columns_to_match_set",
        {"column_set": "id"},
        "kwargs.column_set",
        '"column_set" must be a list of column names.',
    ),
    ("expect_column_to_exist", {"column": ""}, "kwargs.column", '"column" must be a text.'),
]


@pytest.mark.parametrize(("expectation", "kwargs", "field", "wanted"), REFUSED)
def test_an_ill_formed_check_is_refused(expectation: str, kwargs: dict[str, Any], field: str, wanted: str) -> None:
    with pytest.raises(Invalid) as refused:
        validate_check(check(expectation, **kwargs), COLUMNS)

    assert refused.value.field == field
    assert not wanted or refused.value.sentence == wanted


@pytest.mark.parametrize("expectation", UNSUPPORTED)
def test_an_unsupported_expectation_is_refused_with_its_reason_and_a_remedy(expectation: str) -> None:
    reason, remedy = UNSUPPORTED[expectation]

    with pytest.raises(Invalid) as refused:
        validate_check(check(expectation, column="id"), COLUMNS)

    assert refused.value.sentence == f'"{expectation}" cannot be checked on staged data: {reason}.'
    assert refused.value.remedy == remedy
    assert remedy.endswith(".")


def test_every_expectation_of_great_expectations_is_either_in_the_catalogue_or_refused_with_a_reason() -> None:
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    known = set(CATALOGUE) | set(UNSUPPORTED)

    assert {name for name in list_registered_expectation_implementations() if name not in known} == set()
    assert set(CATALOGUE) & set(UNSUPPORTED) == set()


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(Invalid, match="severity must be ERROR or WARN"):
        validate_check(check("expect_column_to_exist", severity="INFO", column="id"), COLUMNS)


def test_a_form_can_be_built_from_the_catalogue() -> None:
    for expectation in CATALOGUE.values():
        assert expectation.title
        for parameter in expectation.parameters:
            assert parameter.label
            assert parameter.kind != "choice" or parameter.default in parameter.choices
            assert not parameter.required or parameter.help or parameter.kind == "integer"


def test_column_kinds_follow_the_duckdb_type() -> None:
    kinds = {"BIGINT": "number", "DECIMAL(10,2)": "number", "VARCHAR": "text", "VARCHAR[]": "other", "DATE": "date"}
    kinds |= {
        "TIMESTAMP WITH TIME ZONE": "timestamp",
        "TIMESTAMPTZ": "timestamp",
        "BOOLEAN": "boolean",
        "TIME": "other",
    }

    assert {type_: family(type_) for type_ in kinds} == kinds


@pytest.mark.parametrize(
    ("unexpected", "total", "mostly", "wanted"),
    [
        (8, 1000, "0.99", "99.2 % of 1,000 rows, limit 99 %"),
        (0, 5, "1", "100 % of 5 rows, limit 100 %"),
        (1, 1_000_000, "1", "99.9 % of 1,000,000 rows, limit 100 %"),
        (1, 3, "0.5", "66.6 % of 3 rows, limit 50 %"),
        (30, 100_000, "0.9995", "99.97 % of 100,000 rows, limit 99.95 %"),
        (51, 100_000, "0.9995", "99.9 % of 100,000 rows, limit 99.95 %"),
        (4999, 10_000_000, "0.9995", "99.95001 % of 10,000,000 rows, limit 99.95 %"),
        (3, 3, "0", "0 % of 3 rows, limit 0 %"),
    ],
)
def test_a_share_is_rounded_down_and_never_to_the_wrong_side_of_its_limit(
    unexpected: int, total: int, mostly: str, wanted: str
) -> None:
    one = check(REGEX, column="mail", regex="a", mostly=mostly)
    held = Decimal(total - unexpected) / total >= Decimal(mostly)

    assert sentence(one, held, unexpected=unexpected, total=total, observed=None) == wanted
