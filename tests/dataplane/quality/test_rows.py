"""Row rules on PostgreSQL's text form: exact numbers, real days, and nothing raised by a value."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import RowRule
from apps.dataplane.quality import rows

TODAY = datetime.date(2024, 2, 29)


def judged(kind: str, type_: str, texts: list[str | None], /, **params: Any) -> list[bool]:
    rule = RowRule("the-rule", kind, "c", params)
    rows.validate(rule, {"c": type_})
    batch = pa.record_batch({"other": pa.nulls(len(texts), pa.string()), "c": pa.array(texts, pa.string())})
    verdict = rows.holds(rule, batch, {"c": type_}, day=TODAY)
    assert verdict.null_count == 0
    return [bool(one) for one in verdict.to_pylist()]


def test_null_fails_not_null_and_nothing_else() -> None:
    assert judged("not_null", "text", ["a", "", None]) == [True, True, False]
    assert judged("matches", "text", [None], pattern="a") == [True]
    assert judged("between", "integer", [None], min=1) == [True]
    assert judged("in_set", "text", [None], values=["a"]) == [True]
    assert judged("not_in_set", "text", [None], values=["a"]) == [True]
    assert judged("length", "text", [None], min=1) == [True]


def test_a_pattern_matches_anywhere_unless_anchored() -> None:
    assert judged("matches", "text", ["a@b.org", "ab", "", "x\n@"], pattern="@") == [True, False, False, True]
    assert judged("matches", "text", ["a@b.org", "é@b"], pattern="^.@b$") == [False, True]


def test_a_list_holds_texts_numbers_in_any_spelling_and_truth_values() -> None:
    assert judged("in_set", "text", ["a", "A", "a "], values=["a"]) == [True, False, False]
    assert judged("in_set", "numeric(10,2)", ["1.00", "1.50", "-0.00", "2"], values=[1, "1.5", 0]) == [
        True,
        True,
        True,
        False,
    ]
    assert judged("in_set", "double precision", ["1e+20", "NaN"], values=["100000000000000000000"]) == [True, False]
    assert judged("in_set", "boolean", ["t", "f"], values=[True]) == [True, False]
    assert judged("in_set", "date", ["2024-01-01", "2024-01-02"], values=["2024-01-01"]) == [True, False]
    assert judged("not_in_set", "integer", ["1", "2"], values=[1]) == [False, True]


def test_lengths_count_characters_and_not_the_padding_of_character_columns() -> None:
    assert judged("length", "text", ["", "é", "日本語", "ab "], min=1, max=2) == [False, True, False, False]
    assert judged("length", "character(5)", ["ab   "], max=2) == [True]
    assert judged("in_set", "character(5)", ["ab   "], values=["ab"]) == [True]
    assert judged("length", "text", ["", "a"], min=0) == [True, True]


def test_numbers_are_compared_exactly_and_what_is_no_number_fails() -> None:
    values = [
        "1",
        "1.5",
        "1.50000000000000000000000000000000000000000001",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e1",
        "abc",
        "",
        " 1",
    ]

    assert judged("between", "numeric", values, min=1, max="1.5") == [True, True] + [False] * 8
    assert judged("between", "numeric", values, min=1) == [
        True,
        True,
        True,
        False,
        True,
        False,
        True,
        False,
        False,
        False,
    ]
    assert judged("between", "text", values, max="1.5") == [
        True,
        True,
        False,
        False,
        False,
        True,
        False,
        False,
        False,
        False,
    ]
    assert judged("between", "bigint", ["9007199254740993", "9007199254740992"], max=9007199254740992) == [False, True]
    assert judged("between", "numeric", ["9" * 60, "1" + "0" * 60, "5"], min="1" + "0" * 60) == [False, True, False]


def test_days_are_days() -> None:
    values = [
        "1904-02-29",
        "1904-02-28",
        "2024-02-29",
        "2024-03-01",
        "0044-03-15 BC",
        "infinity",
        "-infinity",
        "10000-01-01",
    ]

    assert judged("between", "date", values, min="today-120y", max="today") == [True, False, True] + [False] * 5
    assert judged("between", "date", values, min="1000-01-01") == [True, True, True, True, False, True, False, True]


def test_a_text_that_is_no_day_fails() -> None:
    values = [
        "2023-02-29",
        "2024-02-30",
        "2024-13-01",
        "2024-00-10",
        "0000-01-01",
        "24-01-01",
        "",
        "2024-02-29 24:00",
        "2024-02-29",
    ]

    assert judged("between", "text", values, max="today") == [False] * 8 + [True]


def test_instants_are_compared_in_utc_and_a_day_as_bound_takes_in_the_whole_day() -> None:
    type_ = "timestamp(6) with time zone"
    values = [
        "2024-02-29 00:00:00+00",
        "2024-02-29 23:59:59.999999+00",
        "2024-03-01 00:00:00+00",
        "2024-03-01 01:29:59+01:30",
    ]

    assert judged("between", type_, values, min="today", max="today") == [True, True, False, True]
    assert judged("between", type_, ["2024-02-28 23:30:00-00:45", "2024-02-28 23:59:59+00"], min="today") == [
        True,
        False,
    ]
    half = ["2024-02-29 12:00:00.45+00", "2024-02-29 12:00:00.450001+00", "2024-02-29 14:00:00.4+02"]
    assert judged("between", type_, half, max="2024-02-29 12:00:00.45Z") == [True, False, True]
    assert judged("between", type_, half, min="2024-02-29T13:00:00.45+01:00") == [True, True, False]
    assert judged(
        "between", "timestamp without time zone", ["0044-03-15 00:00:00 BC", "infinity"], min="0001-01-01"
    ) == [False, True]


@pytest.mark.parametrize(
    ("bound", "inside", "outside"),
    [
        ("today", "2024-02-29", "2024-03-01"),
        ("today+1d", "2024-03-01", "2024-03-02"),
        ("today-1w", "2024-02-22", "2024-02-23"),
        ("today-1m", "2024-01-29", "2024-01-30"),
        ("today+12m", "2025-02-28", "2025-03-01"),
        ("today-1y", "2023-02-28", "2023-03-01"),
        ("today-18y", "2006-02-28", "2006-03-01"),
    ],
)
def test_a_bound_may_be_counted_from_the_day_that_is_handed_in(bound: str, inside: str, outside: str) -> None:
    assert judged("between", "date", [inside, outside], max=bound) == [True, False]


def test_values_that_repeat_are_judged_as_those_that_do_not() -> None:
    once = ["2024-02-29", "2024-03-01", None, "x"]

    assert judged("between", "date", once * 50, max="today") == judged("between", "date", once, max="today") * 50
    assert judged("matches", "text", once * 50, pattern="^2") == judged("matches", "text", once, pattern="^2") * 50


def test_no_rows_are_judged_as_none() -> None:
    for kind, type_, params in [
        ("not_null", "text", {}),
        ("matches", "text", {"pattern": "a"}),
        ("between", "date", {"min": "today"}),
        ("between", "numeric", {"min": 1}),
        ("in_set", "integer", {"values": [1]}),
        ("length", "text", {"max": 1}),
    ]:
        assert judged(kind, type_, [], **params) == []


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda d: abs(d.adjusted()) < 400)


@given(st.lists(NUMBERS, min_size=1, max_size=20), NUMBERS, NUMBERS)
@example([Decimal("1E+30")], Decimal("-1"), Decimal("1E+31"))
@example([Decimal("0.1")], Decimal("0.1"), Decimal("0.1"))
def test_numbers_agree_with_exact_arithmetic(values: list[Decimal], one: Decimal, other: Decimal) -> None:
    low, high = min(one, other), max(one, other)

    found = judged("between", "numeric", [str(value) for value in values], min=str(low), max=str(high))

    assert found == [low <= value <= high for value in values]


@given(st.lists(st.dates(), min_size=1, max_size=20), st.dates(), st.dates())
def test_days_agree_with_the_calendar(values: list[datetime.date], one: datetime.date, other: datetime.date) -> None:
    low, high = min(one, other), max(one, other)

    found = judged(
        "between", "date", [value.isoformat() for value in values], min=low.isoformat(), max=high.isoformat()
    )

    assert found == [low <= value <= high for value in values]


@given(st.lists(st.text(max_size=30), max_size=20))
def test_no_text_makes_a_rule_raise(values: list[str]) -> None:
    for type_, params in [
        ("text", {"max": "today"}),
        ("text", {"max": 5}),
        ("date", {"min": "today"}),
        ("numeric", {"min": 0}),
    ]:
        assert len(judged("between", type_, list(values), **params)) == len(values)
    assert len(judged("in_set", "numeric", list(values), values=[1])) == len(values)


REFUSED: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("like", "text", {}, "kind", 'There is no row rule of kind "like".'),
    ("matches", "text", {}, "params.pattern", 'The row rule matches needs "pattern".'),
    ("matches", "text", {"pattern": "(a"}, "params.pattern", '"pattern" does not compile: missing ).'),
    ("matches", "text", {"pattern": "a", "x": 1}, "params.x", 'The row rule matches has no parameter "x".'),
    ("between", "integer", {}, "params.min", "The rule has no bound."),
    ("between", "integer", {"min": 2, "max": 1}, "params.min", "The lower bound is above the upper one."),
    (
        "between",
        "date",
        {"min": "2024-01-02", "max": "2024-01-01"},
        "params.min",
        "The lower bound is above the upper one.",
    ),
    ("between", "date", {"min": 5}, "params.min", '"min" must be a day, such as "2024-02-29".'),
    ("between", "integer", {"min": "today"}, "params.min", '"min" must be a number, such as 10 or "0.5".'),
    ("between", "text", {"min": 5, "max": "today"}, "params.max", "One bound is a number, the other a day."),
    ("between", "date", {"min": "today-5x"}, "params.min", '"min" must be a day, such as "2024-02-29".'),
    (
        "between",
        "jsonb",
        {"min": 5},
        "column",
        'The column "c" is jsonb; between needs a number or date or timestamp or text column.',
    ),
    ("length", "integer", {"max": 5}, "column", 'The column "c" is integer; length needs a text column.'),
    ("length", "text", {"max": -1}, "params.max", '"max" must be at least 0.'),
    ("length", "text", {"min": 3, "max": 2}, "params.min", "The lower bound is above the upper one."),
    ("in_set", "integer", {"values": ["x"]}, "params.values", '"values" holds a value that is no number.'),
]


@pytest.mark.parametrize(("kind", "type_", "params", "field", "wanted"), REFUSED)
def test_an_ill_formed_rule_is_refused(kind: str, type_: str, params: dict[str, Any], field: str, wanted: str) -> None:
    with pytest.raises(Invalid) as refused:
        rows.validate(RowRule("r", kind, "c", params), {"c": type_})

    assert (refused.value.field, refused.value.sentence) == (field, wanted)


def test_a_rule_names_a_column_and_what_happens_to_the_row() -> None:
    with pytest.raises(Invalid, match='no column "d"'):
        rows.validate(RowRule("r", "not_null", "d"), {"c": "text"})
    with pytest.raises(Invalid, match="quarantined or rejected"):
        rows.validate(RowRule("r", "not_null", "c", on_fail="drop"), {"c": "text"})  # type: ignore[arg-type]
