"""Every expectation of the catalogue, passing and failing, against the real engine; with what it tells of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.dataplane.quality.gate import CATALOGUE, StagedStream, run
from tests.dataplane.quality.support import check, part

TYPES = {
    "Id": "INTEGER",
    "id": "VARCHAR",
    "amount": "DECIMAL(10,2)",
    "limit": "DECIMAL(10,2)",
    "born": "DATE",
    "seen": "TIMESTAMPTZ",
    "active": "BOOLEAN",
    "mail": "VARCHAR",
}
ROWS = 1000

P, F = "passed", "failed"


def _in(noun: str, limit: str) -> str:
    return f"the {noun} is within the limit of {limit}"


def _out(noun: str, limit: str) -> str:
    return f"the {noun} is outside the limit of {limit}"


CASES: dict[str, list[tuple[dict[str, Any], str, str]]] = {
    "expect_column_values_to_not_be_null": [
        ({"column": "mail", "mostly": "0.99"}, P, "99.2 % of 1,000 rows, limit 99 %"),
        ({"column": "mail"}, F, "99.2 % of 1,000 rows, limit 100 %"),
    ],
    "expect_column_values_to_be_null": [
        ({"column": "mail", "mostly": "0.001"}, P, "0.8 % of 1,000 rows, limit 0.1 %"),
        ({"column": "mail"}, F, "0.8 % of 1,000 rows, limit 100 %"),
    ],
    "expect_column_values_to_be_unique": [
        ({"column": "Id"}, P, "100 % of 1,000 rows, limit 100 %"),
        ({"column": "id"}, F, "0 % of 1,000 rows, limit 100 %"),
    ],
    "expect_column_values_to_be_in_set": [
        ({"column": "id", "value_set": ["a", "b", "c"]}, P, "100 % of 1,000 rows, limit 100 %"),
        ({"column": "amount", "value_set": [0, "1.5"]}, F, "0.2 % of 1,000 rows, limit 100 %"),
        ({"column": "active", "value_set": [True]}, F, "50 % of 1,000 rows, limit 100 %"),
        ({"column": "born", "value_set": ["2000-01-01"]}, F, "10 % of 1,000 rows, limit 100 %"),
        ({"column": "seen", "value_set": ["2024-05-01 10:00:00Z"]}, F, "50 % of 1,000 rows, limit 100 %"),
    ],
    "expect_column_values_to_not_be_in_set": [
        ({"column": "id", "value_set": ["x"]}, P, "100 % of 1,000 rows, limit 100 %"),
        ({"column": "Id", "value_set": [7, "8"]}, F, "99.8 % of 1,000 rows, limit 100 %"),
    ],
    "expect_column_values_to_be_between": [
        (
            {"column": "born", "min_value": "2000-01-01", "max_value": "2000-01-10"},
            P,
            "100 % of 1,000 rows, limit 100 %",
        ),
        ({"column": "amount", "max_value": "748.5", "strict_max": True}, F, "49.9 % of 1,000 rows, limit 100 %"),
        ({"column": "seen", "min_value": "2024-05-01 12:00:00+01"}, F, "50 % of 1,000 rows, limit 100 %"),
        ({"column": "seen", "min_value": "2024-05-02"}, F, "0 % of 1,000 rows, limit 100 %"),
    ],
    "expect_column_values_to_match_regex": [
        ({"column": "mail", "regex": "@"}, P, "100 % of 992 rows, limit 100 %"),
        ({"column": "mail", "regex": "^1"}, F, "11 % of 992 rows, limit 100 %"),
    ],
    "expect_column_values_to_not_match_regex": [
        ({"column": "mail", "regex": "%s"}, P, "100 % of 992 rows, limit 100 %"),
        ({"column": "mail", "regex": "@example"}, F, "0 % of 992 rows, limit 100 %"),
    ],
    "expect_column_values_to_match_regex_list": [
        ({"column": "mail", "regex_list": ["org$", "com$"]}, P, "100 % of 992 rows, limit 100 %"),
        ({"column": "mail", "regex_list": ["org$", "com$"], "match_on": "all"}, F, "0 % of 992 rows, limit 100 %"),
    ],
    "expect_column_values_to_not_match_regex_list": [
        ({"column": "mail", "regex_list": ["net$", " "]}, P, "100 % of 992 rows, limit 100 %"),
        ({"column": "mail", "regex_list": ["net$", "org$"]}, F, "0 % of 992 rows, limit 100 %"),
    ],
    "expect_column_value_lengths_to_be_between": [
        ({"column": "id", "min_value": 1, "max_value": 1}, P, "100 % of 1,000 rows, limit 100 %"),
        ({"column": "mail", "max_value": 13}, F, "0.2 % of 992 rows, limit 100 %"),
    ],
    "expect_column_value_lengths_to_equal": [
        ({"column": "id", "value": 1}, P, "100 % of 1,000 rows, limit 100 %"),
        ({"column": "mail", "value": 15}, F, "90.7 % of 992 rows, limit 100 %"),
    ],
    "expect_column_pair_values_to_be_equal": [
        ({"column_A": "id", "column_B": "id"}, P, "100 % of 1,000 rows, limit 100 %"),
        ({"column_A": "mail", "column_B": "id"}, F, "0 % of 992 rows, limit 100 %"),
    ],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        ({"column_A": "limit", "column_B": "amount"}, P, "100 % of 1,000 rows, limit 100 %"),
        ({"column_A": "amount", "column_B": "limit", "or_equal": True}, F, "0 % of 1,000 rows, limit 100 %"),
    ],
    "expect_compound_columns_to_be_unique": [
        ({"column_list": ["Id", "id"]}, P, "100 % of 1,000 rows, limit 100 %"),
        ({"column_list": ["id", "active"]}, F, "0 % of 1,000 rows, limit 100 %"),
    ],
    "expect_select_column_values_to_be_unique_within_record": [
        ({"column_list": ["id", "mail"]}, P, "100 % of 992 rows, limit 100 %"),
        ({"column_list": ["Id", "amount"]}, F, "99.9 % of 1,000 rows, limit 100 %"),
    ],
    "expect_column_min_to_be_between": [
        ({"column": "born", "min_value": "2000-01-01"}, P, _in("smallest value", "at least 2000-01-01")),
        ({"column": "Id", "min_value": 1}, F, _out("smallest value", "at least 1")),
    ],
    "expect_column_max_to_be_between": [
        ({"column": "born", "max_value": "2000-01-10"}, P, _in("largest value", "at most 2000-01-10")),
        (
            {"column": "seen", "max_value": "2024-05-01 11:59Z"},
            F,
            _out("largest value", "at most 2024-05-01 11:59Z"),
        ),
    ],
    "expect_column_mean_to_be_between": [
        ({"column": "Id", "min_value": 499, "max_value": 500}, P, _in("mean", "at least 499 and at most 500")),
        ({"column": "Id", "max_value": "499.5", "strict_max": True}, F, _out("mean", "less than 499.5")),
    ],
    "expect_column_median_to_be_between": [
        ({"column": "amount", "min_value": 749, "max_value": 750}, P, _in("median", "at least 749 and at most 750")),
        ({"column": "amount", "max_value": 749}, F, _out("median", "at most 749")),
    ],
    "expect_column_sum_to_be_between": [
        (
            {"column": "Id", "min_value": 499500, "max_value": 499500},
            P,
            _in("sum", "at least 499,500 and at most 499,500"),
        ),
        ({"column": "Id", "min_value": 499501}, F, _out("sum", "at least 499,501")),
    ],
    "expect_column_stdev_to_be_between": [
        ({"column": "Id", "max_value": 289}, P, _in("standard deviation", "at most 289")),
        ({"column": "Id", "max_value": 288}, F, _out("standard deviation", "at most 288")),
    ],
    "expect_column_unique_value_count_to_be_between": [
        ({"column": "id", "min_value": 3, "max_value": 3}, P, "3 distinct values, limit at least 3 and at most 3"),
        ({"column": "id", "min_value": 4}, F, "3 distinct values, limit at least 4"),
    ],
    "expect_column_proportion_of_unique_values_to_be_between": [
        ({"column": "Id", "min_value": "0.99"}, P, "100 % of values are distinct, limit at least 99 %"),
        ({"column": "id", "min_value": "0.9"}, F, "0.3 % of values are distinct, limit at least 90 %"),
    ],
    "expect_column_proportion_of_non_null_values_to_be_between": [
        ({"column": "mail", "min_value": "0.992"}, P, "99.2 % of values are present, limit at least 99.2 %"),
        ({"column": "mail", "min_value": "0.9921"}, F, "99.2 % of values are present, limit at least 99.21 %"),
    ],
    "expect_table_row_count_to_be_between": [
        ({"min_value": 1000}, P, "1,000 rows, limit at least 1,000"),
        ({"max_value": 999}, F, "1,000 rows, limit at most 999"),
    ],
    "expect_table_row_count_to_equal": [
        ({"value": 1000}, P, "1,000 rows, limit exactly 1,000"),
        ({"value": 999}, F, "1,000 rows, limit exactly 999"),
    ],
    "expect_table_column_count_to_equal": [
        ({"value": 8}, P, "8 columns, limit exactly 8"),
        ({"value": 9}, F, "8 columns, limit exactly 9"),
    ],
    "expect_table_columns_to_match_set": [
        ({"column_set": list(reversed(TYPES))}, P, "the columns are as expected"),
        ({"column_set": ["Id", "ID"], "exact_match": False}, F, "the columns are not as expected"),
    ],
    "expect_table_columns_to_match_ordered_list": [
        ({"column_list": list(TYPES)}, P, "the columns are as expected"),
        ({"column_list": list(reversed(TYPES))}, F, "the columns are not as expected"),
    ],
    "expect_column_to_exist": [
        ({"column": "Id"}, P, "the columns are as expected"),
        ({"column": "ID"}, F, "the columns are not as expected"),
    ],
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> StagedStream:
    """1,000 rows in two parts; 8 have no mail. Two columns differ in the case of their names only."""
    columns = {
        "Id": [str(i) for i in range(ROWS)],
        "id": ["abc"[i % 3] for i in range(ROWS)],
        "amount": [f"{i * 1.5:.2f}" for i in range(ROWS)],
        "limit": [f"{i * 1.5 + 1:.2f}" for i in range(ROWS)],
        "born": [f"2000-01-{i % 10 + 1:02}" for i in range(ROWS)],
        "seen": [f"2024-05-01 {10 + i % 2 * 2}:00:00+00" for i in range(ROWS)],
        "active": ["tf"[i % 2] for i in range(ROWS)],
        "mail": [f"{i}@example.org" if i >= 8 else None for i in range(ROWS)],
    }
    root = tmp_path_factory.mktemp("staged")
    half = ROWS // 2
    first = part(root / "0.parquet", {name: values[:half] for name, values in columns.items()})
    second = part(root / "1.parquet", {name: values[half:] for name, values in columns.items()}, first=half)
    return StagedStream((first, second), (), TYPES)


def test_every_expectation_of_the_catalogue_is_proven_both_ways() -> None:
    assert set(CASES) == set(CATALOGUE)
    assert all({status for _, status, _ in cases} == {P, F} for cases in CASES.values())
    assert len(CATALOGUE) >= 12


@pytest.mark.parametrize("expectation", CASES)
def test_an_expectation_passes_and_fails(people: StagedStream, expectation: str) -> None:
    cases = CASES[expectation]
    checks = [check(expectation, id=str(index), **kwargs) for index, (kwargs, _, _) in enumerate(cases)]

    outcomes = run({"people": people}, checks)

    assert [(one.check, one.status, one.observed) for one in outcomes] == [
        (str(index), status, observed) for index, (_, status, observed) in enumerate(cases)
    ]


def test_all_of_them_at_once_give_the_same_answers_in_the_same_order(people: StagedStream, tmp_path: Path) -> None:
    flat = [(kind, *case) for kind, cases in CASES.items() for case in cases]
    checks = [check(kind, id=f"check-{index}", **kwargs) for index, (kind, kwargs, _, _) in enumerate(flat)]

    outcomes = run({"people": people}, checks, scratch=tmp_path)

    assert [(one.check, one.expectation, one.status, one.observed) for one in outcomes] == [
        (f"check-{index}", kind, status, observed) for index, (kind, _, status, observed) in enumerate(flat)
    ]
    assert list(tmp_path.iterdir()) == []
