"""A profile counts; of a column that nobody called harmless it keeps shapes, never values."""

from __future__ import annotations

import pyarrow as pa
import pytest

from apps.dataplane.plan import ColumnSchema
from apps.dataplane.profile import BINS, ColumnProfile, profile


def of(type_: str, values: list[str | None], *, readable: bool = True) -> ColumnProfile:
    rows = pa.table({"x": pa.array(values, pa.string())})
    (found,) = profile([ColumnSchema("x", type_)], rows, readable={"x"} if readable else set())
    return found


def test_a_number_has_bounds_and_a_histogram() -> None:
    assert of("integer", ["1", "9", "12", None, "9"]) == ColumnProfile(
        name="x",
        type="integer",
        sensitive=False,
        nulls=1,
        distinct=3,
        min_length=1,
        max_length=2,
        minimum="1",
        maximum="12",
        patterns=(("9", 3), ("99", 1)),
        histogram=(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1),
    )


def test_dates_and_moments_compare_as_such() -> None:
    dates = of("date", ["2020-01-02", "1999-12-31", "infinity"])
    assert (dates.minimum, dates.maximum, sum(dates.histogram)) == ("1999-12-31", "2020-01-02", 2)
    moments = of("timestamp with time zone", ["2020-01-01 01:00:00+00", "2020-01-01 01:30:00+01"])
    assert (moments.minimum, moments.maximum) == ("2020-01-01 01:30:00+01", "2020-01-01 01:00:00+00")


@pytest.mark.parametrize(("type_", "value"), [("integer", "4711"), ("date", "1980-04-30"), ("text", "Anna Canary")])
def test_of_a_sensitive_column_no_value_is_kept(type_: str, value: str) -> None:
    found = of(type_, [value] * 3, readable=False)
    assert (found.sensitive, found.minimum, found.maximum, found.histogram) == (True, None, None, ())
    assert found.patterns == ((value.translate(str.maketrans(dict.fromkeys("0123456789", "9"))), 3),) or type_ == "text"
    assert value not in repr(found)


def test_a_text_has_shapes_and_no_bounds() -> None:
    found = of("text", ["Anna", "Bob", "eve@example.org"])
    assert (found.minimum, found.maximum, found.histogram) == (None, None, ())
    assert found.patterns == (("Aaa", 1), ("Aaaa", 1), ("aaa@aaaaaaa.aaa", 1))


def test_what_is_no_number_is_left_out_of_the_bounds() -> None:
    found = of("double precision", ["NaN", "Infinity", "2", "-1e308", "1e308"])
    assert (found.minimum, found.maximum, sum(found.histogram), len(found.histogram)) == ("-1e308", "1e308", 3, BINS)


def test_equal_values_are_one_bar_and_no_values_none() -> None:
    assert of("integer", ["5", "5"]).histogram == (2,)
    empty = of("integer", [])
    assert (empty.nulls, empty.distinct, empty.min_length, empty.minimum, empty.histogram) == (0, 0, None, None, ())
