"""date_truncate gives the first moment of the unit and the type it was given; zoned times are cut in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dataplane.errors import Invalid
from tests.dataplane.treatments.support import spec, treated

UNITS = st.sampled_from(["year", "quarter", "month", "day"])


def first_day(value: date, unit: str) -> date:
    month = {"year": 1, "quarter": value.month - (value.month - 1) % 3}.get(unit, value.month)
    return date(value.year, month, value.day if unit == "day" else 1)


def first_moment(value: datetime, unit: str) -> datetime:
    return datetime.combine(first_day(value.date(), unit), datetime.min.time(), value.tzinfo)


@given(values=st.lists(st.none() | st.dates()), unit=UNITS)
def test_dates(values: list[date | None], unit: str) -> None:
    out = treated(spec("date_truncate", unit=unit), pa.array(values, pa.date32()))
    assert out.type == pa.date32()
    assert out.to_pylist() == [value and first_day(value, unit) for value in values]


@given(values=st.lists(st.none() | st.datetimes()), unit=UNITS, resolution=st.sampled_from(["s", "ms", "us"]))
def test_timestamps(values: list[datetime | None], unit: str, resolution: str) -> None:
    column = pa.array(values, pa.timestamp("us")).cast(pa.timestamp(resolution), safe=False)
    out = treated(spec("date_truncate", unit=unit), column)
    assert out.type == pa.timestamp(resolution)
    assert out.to_pylist() == [value and first_moment(value, unit) for value in values]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Havana"])
@given(values=st.lists(st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))), unit=UNITS)
def test_zoned_timestamps_keep_their_zone_and_are_cut_in_utc(
    zone: str, values: list[datetime | None], unit: str
) -> None:
    moments = [value and value.replace(tzinfo=UTC) for value in values]
    out = treated(spec("date_truncate", unit=unit), pa.array(moments, pa.timestamp("us", zone)))
    assert out.type == pa.timestamp("us", zone)
    assert out.to_pylist() == [value and first_moment(value, unit) for value in moments]


def test_times_before_the_epoch_go_down_and_not_towards_it() -> None:
    column = pa.array([datetime(1969, 12, 31, 23, 59, 59)], pa.timestamp("ns"))
    out = treated(spec("date_truncate", unit="year"), column)
    assert out.to_pylist() == [pa.scalar(datetime(1969, 1, 1), pa.timestamp("ns")).as_py()]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([-(2**63) + 1], pa.int64()).view(pa.timestamp("ns")),
        pa.array([-(2**63)], pa.int64()).view(pa.timestamp("ns")),
        pa.array([-(2**63)], pa.int64()).view(pa.timestamp("us", "UTC")),
        pa.array([-(2**31)], pa.int32()).view(pa.date32()),
    ],
    ids=lambda column: str(column.type),
)
def test_a_value_whose_year_begins_before_its_type_does_is_refused(column: pa.Array) -> None:
    with pytest.raises(Invalid) as invalid:
        treated(spec("date_truncate", unit="year"), column)
    assert invalid.value.sentence == (
        f"The treatment date_truncate met a value whose year begins before the earliest {column.type}."
    )
