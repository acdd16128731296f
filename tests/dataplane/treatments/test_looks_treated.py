"""A staged column that a treatment cannot have made is told apart, by a reason that shows no value."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dataplane.plan import TreatmentSpec
from apps.dataplane.treatments import looks_treated
from tests.dataplane.treatments.support import EVERY_KIND, spec, treated

SECRET = "ann@example.com"
TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TEXT_KINDS = [kind for kind in EVERY_KIND if kind not in ("drop", "date_truncate")]


@pytest.mark.parametrize("kind", TEXT_KINDS)
@given(values=st.lists(TEXT))
def test_what_a_treatment_made_looks_treated(kind: str, values: list[str | None]) -> None:
    given = spec(kind, **EVERY_KIND[kind])
    assert looks_treated(given, treated(given, pa.array(values, pa.string()))) is None


@given(values=st.lists(TEXT | st.emails()), first=st.integers(0, 3), last=st.integers(0, 3), domain=st.booleans())
def test_what_partial_made_looks_treated(values: list[str | None], first: int, last: int, domain: bool) -> None:
    given = spec("partial", keep_first=first, keep_last=last, keep_domain=domain)
    assert looks_treated(given, treated(given, pa.array(values, pa.string()))) is None


@pytest.mark.parametrize("unit", ["year", "quarter", "month", "day"])
@given(values=st.lists(st.none() | st.datetimes()))
def test_truncated_times_look_treated_as_times_and_as_text(unit: str, values: list[datetime | None]) -> None:
    given = spec("date_truncate", unit=unit)
    for type_ in (pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.date32()):
        out = treated(given, pa.array(values, pa.timestamp("us")).cast(type_, safe=False))
        assert looks_treated(given, out) is None
        assert looks_treated(given, out.cast(pa.string())) is None


@pytest.mark.parametrize(
    ("given", "good", "reason"),
    [
        (spec("null"), None, "1 of 1 values are not NULL"),
        (spec("redact"), "[redacted]", "1 of 2 values are not [redacted]"),
        (spec("constant", value="n/a"), "n/a", "1 of 2 values are not the fixed value"),
        (spec("token"), "tok_" + "0" * 32, "1 of 2 values are not tok_ and 32 hex digits"),
        (spec("partial"), "***", "1 of 2 values are not masked except for what may stay readable"),
        (spec("partial", keep_last=4), "**.com", "1 of 2 values are not masked except for what may stay readable"),
        (
            spec("partial", keep_domain=True),
            "***@example.com",
            "1 of 2 values are not masked except for what may stay readable",
        ),
        (spec("date_truncate", unit="year"), "2020-01-01", "1 of 2 values are not the first moment of a year"),
    ],
    ids=str,
)
def test_a_raw_value_is_counted_and_not_shown(given: TreatmentSpec, good: str | None, reason: str) -> None:
    assert looks_treated(given, pa.array([None, good, SECRET], pa.string())) == reason
    assert looks_treated(given, pa.array([None, good], pa.string())) is None


@pytest.mark.parametrize(
    "value",
    ["tok_" + "0" * 31, "tok_" + "0" * 33, "tok_" + "A" * 32, "tok_" + "0" * 32 + "\n", "\ntok_" + "0" * 32, ""],
)
def test_a_token_is_exactly_a_token(value: str) -> None:
    assert looks_treated(spec("token"), pa.array([value])) == "1 of 1 values are not tok_ and 32 hex digits"


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("month", "2020-02-02"),
        ("quarter", "2020-02-01"),
        ("year", "2020-04-01 00:00:00+00"),
        ("day", "2020-04-01 00:00:01"),
        ("day", "2020-04-01 00:00:00+02"),
        ("day", "infinity"),
    ],
)
def test_a_date_that_was_not_cut_is_found(unit: str, text: str) -> None:
    reason = f"1 of 1 values are not the first moment of a {unit}"
    assert looks_treated(spec("date_truncate", unit=unit), pa.array([text])) == reason


def test_a_time_that_was_not_cut_is_found() -> None:
    staged = pa.array([date(2020, 1, 1), date(2020, 1, 2), None])
    reason = "1 of 2 values are not the first moment of a month"
    assert looks_treated(spec("date_truncate", unit="month"), staged) == reason


def test_a_dropped_column_must_not_be_there() -> None:
    assert looks_treated(spec("drop"), pa.array([None])) == "a column that is to be dropped is staged"
    assert looks_treated(spec("pass"), pa.array([SECRET])) is None


def test_chunks_and_dictionaries_are_looked_through() -> None:
    staged = pa.chunked_array([["tok_" + "0" * 32], [SECRET, None]]).dictionary_encode()
    assert looks_treated(spec("token"), staged) == "1 of 2 values are not tok_ and 32 hex digits"
