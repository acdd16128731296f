"""What a profile suggests: checks that hold on the treated rows, each with its reason, with room to both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apps.dataplane import lanes, treatments
from apps.dataplane.plan import ColumnPlan, OutputCheck, TreatmentSpec, Why
from apps.dataplane.quality.gate import StagedStream, run, validate_check
from apps.dataplane.quality.suggesting import Suggestion, suggest
from tests.dataplane.quality.support import part

UNIQUE, PRESENT = "expect_column_values_to_be_unique", "expect_column_values_to_not_be_null"


def column(name: str, type_: str = "text", kind: str = "pass", **params: Any) -> ColumnPlan:
    spec = TreatmentSpec(kind, params)
    after = treatments.output_type(spec, type_)
    return ColumnPlan(name, type_, (), spec, None, name if after else "", after, Why(""))


def seen(name: str, **facts: Any) -> dict[str, Any]:
    empty = {"nulls": 0, "distinct": 5, "min_length": None, "max_length": None, "minimum": None, "maximum": None}
    return {"name": name, "type": "text", "sensitive": False, "patterns": [], "histogram": [], **empty, **facts}


def profile(*columns: dict[str, Any], rows: int = 1000, sampled: int | None = None) -> dict[str, Any]:
    return {"rows": rows, "sampled": rows if sampled is None else sampled, "at": "", "columns": list(columns)}


def told(found: list[Suggestion]) -> list[tuple[str, dict[str, Any], str]]:
    return [
        (one.check.expectation.removeprefix("expect_"), dict(one.check.kwargs), one.check.severity) for one in found
    ]


def of_column(facts: dict[str, Any], planned: ColumnPlan, **kwargs: Any) -> list[tuple[str, dict[str, Any], str]]:
    found = suggest("s", profile(facts, **kwargs), [planned], filtered=True)
    return told(found)


class TestSuggestions:
    def test_what_was_always_there_has_to_be_there(self) -> None:
        assert of_column(seen("a"), column("a")) == [("column_values_to_not_be_null", {"column": "a"}, "ERROR")]
        found = suggest("s", profile(seen("a")), [column("a")], filtered=True)
        assert [one.reason for one in found] == ["None of 1,000 rows lacked it."]

    def test_of_a_sample_or_of_few_rows_a_check_only_warns(self) -> None:
        assert of_column(seen("a"), column("a"), sampled=500)[0][2] == "WARN"
        assert of_column(seen("a"), column("a"), rows=29)[0][2] == "WARN"

    def test_what_is_rarely_missing_may_be_missing_twice_as_often(self) -> None:
        given = {"column": "a", "mostly": "0.98"}
        assert of_column(seen("a", nulls=10), column("a")) == [("column_values_to_not_be_null", given, "WARN")]
        assert of_column(seen("a", nulls=51), column("a")) == []

    def test_what_never_repeated_must_not_repeat(self) -> None:
        assert told(suggest("s", profile(seen("a", distinct=1000)), [column("a")], filtered=True)) == [
            ("column_values_to_not_be_null", {"column": "a"}, "ERROR"),
            ("column_values_to_be_unique", {"column": "a"}, "ERROR"),
        ]

    def test_a_treatment_that_makes_values_alike_ends_uniqueness(self) -> None:
        facts = seen("a", distinct=1000, type="date", minimum="2000-01-01", maximum="2024-01-01")
        found = of_column(facts, column("a", "date", "date_truncate", unit="year"))
        assert [name for name, _given, _severity in found] == ["column_values_to_not_be_null"]

    def test_a_token_has_the_form_of_a_token(self) -> None:
        assert of_column(seen("a", distinct=1000, min_length=4, max_length=9), column("a", kind="token")) == [
            ("column_values_to_not_be_null", {"column": "a"}, "ERROR"),
            ("column_values_to_be_unique", {"column": "a"}, "ERROR"),
            ("column_values_to_match_regex", {"column": "a", "regex": "^tok_[0-9a-f]{32}$"}, "ERROR"),
            ("column_value_lengths_to_equal", {"column": "a", "value": 36}, "ERROR"),
        ]

    def test_what_a_treatment_writes_is_the_only_thing_allowed(self) -> None:
        assert of_column(seen("a"), column("a", kind="redact"))[1:] == [
            ("column_values_to_be_in_set", {"column": "a", "value_set": ["[redacted]"]}, "ERROR")
        ]
        assert of_column(seen("a"), column("a", kind="constant", value="x"))[1:] == [
            ("column_values_to_be_in_set", {"column": "a", "value_set": ["x"]}, "ERROR")
        ]
        assert of_column(seen("a"), column("a", kind="null")) == [
            ("column_values_to_be_null", {"column": "a"}, "ERROR")
        ]
        assert of_column(seen("a"), column("a", kind="drop")) == []

    def test_numbers_get_a_tenth_of_their_range_on_either_side(self) -> None:
        facts = seen("a", minimum="12", maximum="112.5")
        given = {"column": "a", "min_value": "1.95", "max_value": 123}
        assert of_column(facts, column("a", "numeric(10,2)"))[1:] == [("column_values_to_be_between", given, "WARN")]

    def test_what_was_never_negative_stays_so(self) -> None:
        given = {"column": "a", "min_value": 0, "max_value": 1_100}
        facts = seen("a", minimum="3", maximum="1000")
        assert of_column(facts, column("a", "integer"))[1:] == [("column_values_to_be_between", given, "WARN")]

    def test_days_go_on(self) -> None:
        given = {"column": "a", "min_value": "2013-01-01"}
        facts = seen("a", minimum="2013-01-01", maximum="2013-12-31")
        assert of_column(facts, column("a", "date"))[1:] == [("column_values_to_be_between", given, "WARN")]

    def test_one_shape_becomes_a_pattern_and_many_become_lengths(self) -> None:
        one = seen("a", patterns=[["A9-999", 1000]], min_length=6, max_length=6)
        given = {"column": "a", "regex": "^\\p{Lu}[0-9]\\-[0-9]{3}$"}
        assert of_column(one, column("a"))[1:] == [("column_values_to_match_regex", given, "WARN")]
        many = seen("a", patterns=[["Aaa", 500], ["Aaaaa", 500]], min_length=3, max_length=5)
        given = {"column": "a", "min_value": 1, "max_value": 8}
        assert of_column(many, column("a"))[1:] == [("column_value_lengths_to_be_between", given, "WARN")]

    def test_the_number_of_rows_has_room_unless_rows_are_left_out(self) -> None:
        rows = told(suggest("s", profile(), []))
        assert rows == [("table_row_count_to_be_between", {"min_value": 500, "max_value": 2000}, "WARN")]
        assert suggest("s", profile(), [], filtered=True) == []

    def test_what_is_checked_already_is_not_suggested(self) -> None:
        held = [OutputCheck("x", "s", PRESENT, {"column": "a", "mostly": "0.5"})]
        assert suggest("s", profile(seen("a")), [column("a")], filtered=True, held=held) == []

    def test_of_an_empty_table_nothing_is_suggested(self) -> None:
        assert suggest("s", profile(seen("a", distinct=0), rows=0), [column("a")]) == []


class TestTheyHold:
    def test_on_the_very_rows_that_were_profiled(self, tmp_path: Path) -> None:
        """Every suggestion is valid for the staged types, and passes on the data that it was drawn from."""
        data: dict[str, list[str | None]] = {
            "id": [str(number) for number in range(1, 101)],
            "code": [f"AB-{number:03d}" for number in range(100)],
            "amount": [f"{number}.50" for number in range(100)],
            "day": [f"2013-01-{number % 28 + 1:02d}" for number in range(100)],
            "mail": [f"tok_{number:032x}" for number in range(100)],
            "rare": [None, None, *(["x", "yyyy"] * 49)],
        }
        planned = [
            column("id", "bigint"), column("code"), column("amount", "numeric(10,2)"), column("day", "date"),
            column("mail", kind="token"), column("rare"),
        ]  # fmt: skip
        facts = profile(
            seen("id", distinct=100, minimum="1", maximum="100"),
            seen("code", distinct=100, patterns=[["AA-999", 100]], min_length=6, max_length=6),
            seen("amount", distinct=100, minimum="0.50", maximum="99.50"),
            seen("day", distinct=28, minimum="2013-01-01", maximum="2013-01-28"),
            seen("mail", distinct=100, min_length=9, max_length=30),
            seen("rare", nulls=2, distinct=2, patterns=[["a", 49], ["aaaa", 49]], min_length=1, max_length=4),
            rows=100,
        )
        found = suggest("people", facts, planned)
        types = {one.destination: lanes.duckdb_type(one.destination_type) for one in planned}
        for one in found:
            validate_check(one.check, types)
        stream = StagedStream((part(tmp_path / "0.parquet", data),), (), types)
        outcomes = run({"people": stream}, [one.check for one in found])
        assert [one.observed for one in outcomes if one.status != "passed"] == []
        assert len(outcomes) == 18
