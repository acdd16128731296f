"""Suites of Great Expectations go out and come in without a difference, and what cannot run is named with its line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import OutputCheck
from apps.dataplane.quality.catalogue import CATALOGUE, UNSUPPORTED
from apps.dataplane.quality.exchange import as_suite, read

COLUMNS = {"id": "BIGINT", "email": "VARCHAR", "amount": "DECIMAL(12,2)", "day": "DATE"}
CHECKS = [
    OutputCheck("a", "people", "expect_column_values_to_not_be_null", {"column": "email", "mostly": "0.990"}, "WARN"),
    OutputCheck("b", "people", "expect_column_values_to_be_between",
                {"column": "amount", "min_value": "0", "max_value": ".50", "strict_min": True}),
    OutputCheck("c.1", "people", "expect_column_values_to_be_between", {"column": "day", "min_value": "2024-02-29"}),
    OutputCheck("d", "people", "expect_column_values_to_be_in_set",
                {"column": "email", "value_set": ["1.50", 'a"b\n', "ü", 3, True, "number-1:5"], "mostly": "1"}),
    OutputCheck("e", "people", "expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 10_000}),
    OutputCheck("f", "people", "expect_compound_columns_to_be_unique", {"column_list": ["id", "day"]}),
]  # fmt: skip


def one(**entry: Any) -> str:
    return json.dumps({"name": "s", "expectations": [entry]})


class TestThereAndBack:
    def test_checks_come_back_exactly(self) -> None:
        found = read(as_suite("crm", "people", CHECKS), stream="people", columns=COLUMNS)
        assert [taken.check for taken in found.checks] == CHECKS
        assert found.refused == ()
        assert [taken.left_out for taken in found.checks] == [()] * len(CHECKS)

    def test_a_suite_comes_back_to_the_letter(self) -> None:
        text = as_suite("crm", "people", CHECKS)
        again = [taken.check for taken in read(text, stream="people").checks]
        assert as_suite("crm", "people", again) == text

    @given(st.decimals(min_value=0, max_value=1, allow_nan=False).map(str))
    def test_any_number_comes_back_exactly(self, mostly: str) -> None:
        held = OutputCheck("a", "s", "expect_column_values_to_not_be_null", {"column": "x", "mostly": mostly})
        assert read(as_suite("n", "s", [held]), stream="s").checks[0].check == held

    def test_only_the_checks_of_the_stream_go_out(self) -> None:
        other = OutputCheck("z", "others", "expect_table_row_count_to_equal", {"value": 1})
        assert json.loads(as_suite("n", "others", [*CHECKS, other]))["expectations"][0]["kwargs"] == {"value": 1}

    def test_numbers_are_numbers_to_great_expectations(self) -> None:
        suite = json.loads(as_suite("n", "people", CHECKS))
        assert suite["expectations"][0]["kwargs"]["mostly"] == 0.99
        assert (suite["expectations"][0]["severity"], suite["expectations"][1]["severity"]) == ("warning", "critical")
        assert suite["expectations"][1]["kwargs"]["max_value"] == 0.5

    def test_great_expectations_itself_reads_it(self) -> None:
        from great_expectations.core.expectation_suite import ExpectationSuite

        suite = json.loads(as_suite("n", "people", CHECKS))
        suite["meta"].pop("lockgate")
        held = ExpectationSuite(name=suite["name"], expectations=suite["expectations"])
        told = [entry["type"] for entry in held.to_json_dict()["expectations"]]
        assert told == [check.expectation for check in CHECKS]

    def test_a_number_altered_by_hand_counts(self) -> None:
        text = as_suite("n", "people", CHECKS).replace('"min_value": 0,', '"min_value": 2,')
        assert read(text, stream="people").checks[1].check.kwargs["min_value"] == 2


class TestComingIn:
    def test_a_suite_of_the_older_format_is_read(self) -> None:
        entry = {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "id", "mostly": 0.5}}
        found = read(one(**entry), stream="people", columns=COLUMNS)
        expected = OutputCheck("", "people", entry["expectation_type"], {"column": "id", "mostly": "0.5"})
        assert [taken.check for taken in found.checks] == [expected]

    @pytest.mark.parametrize("kind", sorted(UNSUPPORTED))
    def test_what_can_not_run_on_staged_data_is_refused_by_name(self, kind: str) -> None:
        found = read(one(type=kind, kwargs={"column": "id"}), stream="people", columns=COLUMNS)
        assert found.checks == ()
        assert [refused.expectation for refused in found.refused] == [kind]
        assert found.refused[0].sentence == f'"{kind}" cannot be checked on staged data: {UNSUPPORTED[kind][0]}.'
        assert found.refused[0].remedy == UNSUPPORTED[kind][1]

    def test_each_refusal_has_its_line_and_the_rest_is_kept(self) -> None:
        text = """{"name": "s",
  "expectations": [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_be_of_type",
     "kwargs": {"column": "id", "type_": "INTEGER"}},
    {"type": "expect_column_values_to_not_be_null",
     "kwargs": {"column": "gone"}},
    "nonsense",
    {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}, "notes": "agreed in March"}
]}"""
        found = read(text, stream="people", columns=COLUMNS)
        assert [(taken.line, taken.check.expectation, taken.left_out) for taken in found.checks] == [
            (3, "expect_column_values_to_be_unique", ()),
            (9, "expect_table_row_count_to_equal", ("notes",)),
        ]
        assert [(turned.line, turned.expectation, turned.sentence) for turned in found.refused] == [
            (4, "expect_column_values_to_be_of_type",
             '"expect_column_values_to_be_of_type" cannot be checked on staged '
             "data: staged columns are text until they are published."),
            (6, "expect_column_values_to_not_be_null", '"column" must be a column of the stream.'),
            (1, "", "An expectation is an object with `type` and `kwargs`."),
        ]  # fmt: skip

    def test_arguments_of_a_run_are_nothing_to_a_check(self) -> None:
        kwargs = {"column": "id", "result_format": "COMPLETE", "batch_id": "b", "mostly": None, "row_condition": None}
        found = read(one(type="expect_column_values_to_be_unique", kwargs=kwargs), stream="people", columns=COLUMNS)
        assert found.checks[0].check.kwargs == {"column": "id"}

    def test_a_check_of_some_rows_only_is_refused(self) -> None:
        kwargs = {"column": "id", "row_condition": "id > 5", "condition_parser": "pandas"}
        found = read(one(type="expect_column_values_to_be_unique", kwargs=kwargs), stream="people", columns=COLUMNS)
        assert "looks at some rows only (row_condition)" in found.refused[0].sentence

    def test_information_becomes_a_warning_and_says_so(self) -> None:
        entry = {
            "type": "expect_table_row_count_to_equal",
            "kwargs": {"value": 3},
            "severity": "info",
            "meta": {"x": 1},
        }
        taken = read(one(**entry), stream="people", columns=COLUMNS).checks[0]
        assert (taken.check.severity, taken.left_out) == ("WARN", ("severity info (it warns)", "meta.x"))

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "This is no JSON: line 1, column 1."),
            ('{\n"expectations": [}', "This is no JSON: line 2, column 18."),
            ("[]", "This is no suite: it has no list `expectations`."),
            ('{"expectations": {}}', "This is no suite: it has no list `expectations`."),
            ('{"expectations": [NaN]}', "A value in this JSON cannot be read."),
            ("[" * 100_000, "A value in this JSON cannot be read."),
            ("x" * 1_000_001, "The text is longer than 1,000,000 characters."),
            (json.dumps({"expectations": [{}] * 2_001}), "The suite has more than 2,000 expectations."),
        ],
    )
    def test_what_is_no_suite_is_told_with_its_place(self, text: str, told: str) -> None:
        with pytest.raises(Invalid) as caught:
            read(text, stream="people")
        assert caught.value.sentence == told

    @pytest.mark.parametrize("kind", ["", None, 7, "expect_<script>", "__class__"])
    def test_a_hostile_type_is_only_a_name(self, kind: Any) -> None:
        found = read(one(type=kind, kwargs={}), stream="people", columns=COLUMNS)
        assert found.checks == ()
        assert "there is no such expectation" in found.refused[0].sentence

    def test_every_expectation_of_the_catalogue_passes_through(self) -> None:
        checks = [OutputCheck(f"c{number}", "s", kind) for number, kind in enumerate(CATALOGUE)]
        assert [taken.check for taken in read(as_suite("n", "s", checks), stream="s").checks] == checks
