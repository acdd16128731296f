"""The text lane: columns travel in PostgreSQL's own text form and become typed only where somebody must calculate.

Session settings are fixed by the connector (ISO dates, UTC), so each type has exactly one text form.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.errors import Invalid, Refused

LANE = "text"
DATE = r"^\d{4}-\d\d-\d\d$"
TIMESTAMP = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$"
TIMESTAMPTZ = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$"
# Arrow counts further in both directions, but writes those years otherwise than PostgreSQL.
FIRST_YEAR, LAST_YEAR = 1, 9999

_MODIFIER = re.compile(r"\([^)]*\)")
_ALIASES = {
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "decimal": "numeric",
}
_TEMPORAL: dict[str, tuple[pa.DataType, str]] = {
    "date": (pa.date32(), DATE),
    "timestamp without time zone": (pa.timestamp("us"), TIMESTAMP),
    "timestamp with time zone": (pa.timestamp("us", "UTC"), TIMESTAMPTZ),
}
# uuid, character types and whatever is not named here stay VARCHAR: their text is what checks look at.
_DUCKDB = {
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "date": "DATE",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMPTZ",
    "time without time zone": "TIME",
}
_DUCKDB_DIGITS = 38


def decode(column: pa.StringArray, pg_type: str) -> tuple[pa.Array, pa.BooleanArray]:
    """Text to Arrow for date (date32) and timestamps (microseconds; with time zone: UTC).

    Returns the typed column and a mask without nulls: true where a value is there that the type cannot hold
    (infinity, BC, years after 9999); the typed column is null in those places. Raises Invalid for another `pg_type`.
    """
    typed, pattern = _temporal(pg_type)
    held = pc.match_substring_regex(column, pattern)
    unrepresentable = pc.fill_null(pc.invert(held), False)
    plain = pc.if_else(held, column, pa.scalar(None, pa.string()))
    if pa.types.is_timestamp(typed) and typed.tz:
        naive = pc.cast(pc.utf8_slice_codeunits(plain, 0, -len("+00")), pa.timestamp("us"))
        return pc.assume_timezone(naive, "UTC"), unrepresentable
    return pc.cast(plain, typed), unrepresentable


def encode(array: pa.Array, pg_type: str) -> pa.StringArray:
    """Arrow back to exactly the text that PostgreSQL writes. Raises Refused for years outside 1 to 9999."""
    typed, _ = _temporal(pg_type)
    _require_years(array)
    if pa.types.is_date(typed):
        return pc.cast(pc.cast(array, typed), pa.string())
    naive = pc.cast(pc.cast(array, typed), pa.timestamp("us"))
    # PostgreSQL leaves out the zeros at the end of a fraction, and a fraction of nothing but zeros.
    text = pc.replace_substring_regex(pc.cast(naive, pa.string()), r"(\.\d*[1-9])0+$|\.0+$", r"\1")
    return pc.binary_join_element_wise(text, "+00", "") if typed.tz else text


def duckdb_type(pg_type: str) -> str:
    """The DuckDB type that holds every value of `pg_type` exactly as PostgreSQL means it; else VARCHAR.

    A cast of NaN in a numeric column, and of dates and timestamps BC, fails or misreads: use `duckdb_cast`.
    """
    found = re.fullmatch(r"(?:numeric|decimal)\((\d+),(\d+)\)", pg_type)
    if found:
        precision, scale = int(found[1]), int(found[2])
        return f"DECIMAL({precision},{scale})" if scale <= precision <= _DUCKDB_DIGITS else "VARCHAR"
    return _DUCKDB.get(_bare(pg_type), "VARCHAR")


def duckdb_cast(column: str, pg_type: str) -> str:
    """SQL that turns a quoted text column into `duckdb_type`, and fails where it cannot do so exactly.

    DuckDB reads the timestamp `0044-03-15 00:00:00 BC` as one of our era: here it is an error.
    """
    kind = duckdb_type(pg_type)
    if kind == "VARCHAR":
        return column
    if kind == "TIMESTAMP":
        return f"CAST(CASE WHEN {column} LIKE '%BC' THEN 'a timestamp BC' ELSE {column} END AS TIMESTAMP)"
    return f"CAST({column} AS {kind})"


def _temporal(pg_type: str) -> tuple[pa.DataType, str]:
    found = _TEMPORAL.get(_bare(pg_type))
    if found is None:
        raise Invalid(f"The type {pg_type} holds no date.", remedy="Choose a treatment that takes this type.")
    return found


def _bare(pg_type: str) -> str:
    bare = _MODIFIER.sub("", pg_type).strip()
    return _ALIASES.get(bare, bare)


def _require_years(array: pa.Array) -> None:
    bounds = pc.min_max(pc.year(array))
    first, last = bounds["min"].as_py(), bounds["max"].as_py()
    if first is not None and not FIRST_YEAR <= first <= last <= LAST_YEAR:
        raise Refused(
            f"A date lies outside the years {FIRST_YEAR} to {LAST_YEAR}.",
            remedy="Null or drop the column, or mend the dates at the source.",
        )
