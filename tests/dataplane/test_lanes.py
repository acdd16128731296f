"""Typed values are exactly what PostgreSQL wrote, and go back to exactly its text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from apps.dataplane import lanes
from apps.dataplane.connectors.postgres import Credentials, PostgresSettings, Reader
from apps.dataplane.errors import Invalid, Refused
from apps.dataplane.plan import TableRef
from tests.postgres import Server

TEMPORAL = ("date", "timestamp without time zone", "timestamp with time zone")


def test_a_date_that_arrow_cannot_hold_is_masked_and_null() -> None:
    column = pa.array(["2024-02-29", None, "infinity", "-infinity", "0044-03-15 BC", "10000-01-01", "0001-01-01"])
    typed, unrepresentable = lanes.decode(column, "date")
    assert typed.type == pa.date32()
    assert typed.to_pylist() == [date(2024, 2, 29), None, None, None, None, None, date(1, 1, 1)]
    assert unrepresentable.to_pylist() == [False, False, True, True, True, True, False]


def test_timestamps_keep_microseconds() -> None:
    column = pa.array(["2024-02-29 23:59:59.000001", "2024-02-29 00:00:00", "infinity", "2024-02-29 00:00:00 BC", None])
    typed, unrepresentable = lanes.decode(column, "timestamp(6) without time zone")
    assert typed.type == pa.timestamp("us")
    assert typed.to_pylist() == [datetime(2024, 2, 29, 23, 59, 59, 1), datetime(2024, 2, 29), None, None, None]
    assert unrepresentable.to_pylist() == [False, False, True, True, False]


def test_timestamps_with_time_zone_are_utc_and_nothing_else() -> None:
    column = pa.array(["2024-02-29 23:59:59.5+00", "2024-02-29 00:00:00+02", "-infinity", None])
    typed, unrepresentable = lanes.decode(column, "timestamp with time zone")
    assert typed.type == pa.timestamp("us", "UTC")
    assert typed.to_pylist() == [datetime(2024, 2, 29, 23, 59, 59, 500_000, UTC), None, None, None]
    assert unrepresentable.to_pylist() == [False, True, True, False]


@pytest.mark.parametrize("pg_type", TEMPORAL)
def test_an_empty_column_and_one_of_nulls_go_both_ways(pg_type: str) -> None:
    for values in ([], [None, None]):
        typed, unrepresentable = lanes.decode(pa.array(values, pa.string()), pg_type)
        assert lanes.encode(typed, pg_type) == pa.array(values, pa.string())
        assert unrepresentable.to_pylist() == [False] * len(values)


@pytest.mark.parametrize("pg_type", TEMPORAL)
def test_text_of_a_real_server_comes_back_identical(pg_type: str, read: Callable[[str], pa.Array]) -> None:
    moments = "generate_series('0001-01-01 00:00:00'::timestamp, '9999-12-31', '997 days 01:02:03.04567')"
    column = read(f"SELECT (g AT TIME ZONE 'UTC')::timestamptz::{pg_type} AS v FROM {moments} AS g")
    typed, unrepresentable = lanes.decode(column, pg_type)
    assert len(column) == 3663
    assert not any(unrepresentable.to_pylist())
    assert lanes.encode(typed, pg_type) == column


def test_each_length_of_a_fraction_is_written_as_the_server_does(read: Callable[[str], pa.Array]) -> None:
    fractions = "unnest(ARRAY['0', '1', '12', '100', '1001', '12345', '000001', '999999', '500000']) AS f"
    column = read(f"SELECT ('2024-01-01 10:00:00.' || f)::timestamptz AS v FROM {fractions}")
    assert column[0].as_py() == "2024-01-01 10:00:00+00"
    assert lanes.encode(lanes.decode(column, "timestamptz")[0], "timestamptz") == column


def test_a_year_that_postgresql_would_write_otherwise_is_refused() -> None:
    with pytest.raises(Refused, match="outside the years 1 to 9999"):
        lanes.encode(pa.array([-800_000], pa.int32()).cast(pa.date32()), "date")


def test_other_types_have_no_typed_form() -> None:
    with pytest.raises(Invalid, match="The type text holds no date"):
        lanes.decode(pa.array(["2024-01-01"]), "text")


@pytest.mark.parametrize(
    ("pg_type", "expected"),
    [
        ("smallint", "SMALLINT"), ("integer", "INTEGER"), ("bigint", "BIGINT"), ("boolean", "BOOLEAN"),
        ("real", "FLOAT"), ("double precision", "DOUBLE"), ("date", "DATE"),
        ("numeric(10,2)", "DECIMAL(10,2)"), ("numeric(38,38)", "DECIMAL(38,38)"),
        ("numeric", "VARCHAR"), ("numeric(39,2)", "VARCHAR"), ("numeric(2,5)", "VARCHAR"), ("numeric(5,-2)", "VARCHAR"),
        ("timestamp(3) without time zone", "TIMESTAMP"), ("timestamp with time zone", "TIMESTAMPTZ"),
        ("time without time zone", "TIME"), ("time with time zone", "VARCHAR"), ("interval", "VARCHAR"),
        ("text", "VARCHAR"), ("character varying(40)", "VARCHAR"), ("uuid", "VARCHAR"), ("jsonb", "VARCHAR"),
        ("integer[]", "VARCHAR"), ("numeric(10,2)[]", "VARCHAR"), ("public.integer", "VARCHAR"), ("", "VARCHAR"),
    ],
)  # fmt: skip
def test_only_what_duckdb_holds_exactly_is_cast(pg_type: str, expected: str) -> None:
    assert lanes.duckdb_type(pg_type) == expected


@pytest.mark.parametrize(
    ("pg_type", "text", "value"),
    [
        ("boolean", "t", True), ("boolean", "f", False), ("numeric(5,2)", "-999.99", Decimal("-999.99")),
        ("double precision", "5e-324", 5e-324), ("bigint", "-9223372036854775808", -(2**63)),
        ("timestamp without time zone", "2024-01-01 00:00:00.1", datetime(2024, 1, 1, 0, 0, 0, 100_000)),
        ("text", "BC", "BC"),
    ],
)  # fmt: skip
def test_a_cast_gives_the_value_that_postgresql_means(pg_type: str, text: str, value: Any) -> None:
    assert cast(pg_type, text) == value


@pytest.mark.parametrize(
    ("pg_type", "text"),
    [("date", "0044-03-15 BC"), ("timestamp", "0044-03-15 00:00:00 BC"), ("timestamptz", "0044-03-15 00:00:00+00 BC"),
     ("numeric(5,2)", "NaN")],
)  # fmt: skip
def test_a_cast_fails_rather_than_to_mean_another_value(pg_type: str, text: str) -> None:
    with pytest.raises(duckdb.ConversionException):
        cast(pg_type, text)


def cast(pg_type: str, text: str) -> Any:
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {lanes.duckdb_cast('v', pg_type)} FROM (SELECT ? AS v)", [text]).fetchone()
    assert found is not None
    return found[0]


@pytest.fixture
def read(postgres: Server, new_database: Callable[..., str]) -> Callable[[str], pa.Array]:
    """The one column of a query, as the connector reads it."""
    database = new_database()

    def column(query: str) -> pa.Array:
        with postgres.connect(database) as connection:
            connection.execute("SET timezone TO 'UTC'")
            connection.execute(f"CREATE TABLE t AS {query}")
        settings = PostgresSettings(postgres.host, postgres.port, database)
        who = Credentials(postgres.superuser.name, postgres.superuser.password)
        with Reader(settings, who) as reader:
            return pa.Table.from_batches(reader.read(TableRef("public", "t"), ("v",))).column("v").combine_chunks()

    return column
