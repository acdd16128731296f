"""Where a row check and an expectation say the same, both count the same rows of the same data."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from apps.dataplane import lanes
from apps.dataplane.plan import OutputCheck, RowRule
from apps.dataplane.quality import rows
from apps.dataplane.quality.gate import StagedStream, run
from tests.dataplane.quality.support import part

TODAY = datetime.date(2024, 2, 29)
DATA: dict[str, tuple[str, list[str | None]]] = {
    "text": ("text", ["a@b.org", "", "ab", None, "Ä@", "x\n@", " a ", "日本語", "tok_1", "AB", "ab", "a" * 40]),
    "padded": ("character varying(5)", ["ab", "abcde", "", None, "a b", "ü", "12", "1", "éé", "ab ", "AB", "a"]),
    "number": ("integer", ["0", "-1", "5", None, "10", "11", "2147483647", "-5", "5", "9", "1", "2"]),
    "amount": (
        "numeric(10,2)",
        ["0.00", "1.50", "-0.01", None, "9.99", "10.00", "10.01", "1.05", "0.50", "2", "3", "4"],
    ),
    "ratio": ("double precision", ["0.5", "1e+20", "-1.5", None, "0.1", "10", "3", "4", "5", "1e-05", "7", "0"]),
    "day": ("date", ["2024-02-29", "1999-12-31", "2000-01-01", None, "2024-03-01", "0001-01-01", "9999-12-31",
                     "2020-06-15", "2024-02-28", "2010-10-10", "2000-01-02", "1970-01-01"]),
    "moment": ("timestamp without time zone", [
        "2024-02-29 00:00:00", "2024-02-29 23:59:59.999999", "2024-03-01 00:00:00", None, "2000-01-01 12:00:00",
        "1999-12-31 23:59:59", "2024-01-01 00:00:00", "2024-01-01 00:00:00.000001", "2010-01-01 00:00:00",
        "2011-01-01 00:00:00", "2012-01-01 00:00:00", "2013-01-01 00:00:00"]),
    "yes": ("boolean", ["t", "f", "t", None, "f", "t", "t", "t", "f", "f", "t", "t"]),
}  # fmt: skip


@dataclass(frozen=True)
class Same:
    """One condition, said twice."""

    column: str
    kind: str
    params: dict[str, Any]
    expectation: str
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.column} {self.kind} {self.params}"


def between(column: str, low: Any, high: Any) -> Same:
    both = {key: value for key, value in (("min", low), ("max", high)) if value is not None}
    kwargs = {f"{key}_value": value for key, value in both.items()}
    return Same(column, "between", both, "expect_column_values_to_be_between", kwargs)


def matching(column: str, pattern: str) -> Same:
    return Same(column, "matches", {"pattern": pattern}, "expect_column_values_to_match_regex", {"regex": pattern})


def on_a_list(column: str, *values: Any) -> tuple[Same, Same]:
    listed, given = list(values), {"value_set": list(values)}
    return (
        Same(column, "in_set", {"values": listed}, "expect_column_values_to_be_in_set", given),
        Same(column, "not_in_set", {"values": listed}, "expect_column_values_to_not_be_in_set", given),
    )


def long(column: str, low: int | None, high: int | None) -> Same:
    same = between(column, low, high)
    return Same(column, "length", same.params, "expect_column_value_lengths_to_be_between", same.kwargs)


SAME = [
    *(Same(column, "not_null", {}, "expect_column_values_to_not_be_null") for column in DATA),
    matching("text", "@"), matching("text", "^.@"), matching("text", "(?i)^ab$"), matching("text", r"\p{Lu}"),
    matching("padded", "^[a-z]{2}$"), matching("padded", r"\d"),
    between("number", 0, 10), between("number", None, 5), between("number", -1, None), between("number", "0.5", "9.5"),
    between("amount", "0", "9.99"), between("amount", "1.05", None), between("ratio", "0.1", "5"),
    between("ratio", None, "9e+19"),
    between("day", "2000-01-01", "2024-02-29"), between("day", "2024-02-29", None), between("day", None, "1999-12-31"),
    between("moment", "2010-01-01 00:00:00", "2024-01-01 00:00:00"),
    between("moment", None, "2024-02-29"), between("moment", "2024-02-29", None),
    between("moment", "2024-02-29", "2024-02-29"),
    long("text", 1, 3), long("text", None, 2), long("padded", 2, None),
    *on_a_list("text", "ab", "", "AB"), *on_a_list("number", 5, 10), *on_a_list("amount", "1.5", 2),
    *on_a_list("day", "2024-02-29"), *on_a_list("moment", "2024-02-29", "2000-01-01T12:00"),
    *on_a_list("moment", "2024-02-29 23:59:59.999999"), *on_a_list("yes", True),
]  # fmt: skip


def turned_away(same: Same) -> int:
    types = {name: type_ for name, (type_, _texts) in DATA.items()}
    rule = RowRule("the-rule", same.kind, same.column, same.params)
    rows.validate(rule, types)
    batch = pa.record_batch({name: pa.array(texts, pa.string()) for name, (_type, texts) in DATA.items()})
    return sum(1 for holds in rows.holds(rule, batch, types, day=TODAY).to_pylist() if not holds)


def test_both_count_the_same_rows(tmp_path: Path) -> None:
    path = part(tmp_path / "0.parquet", {name: texts for name, (_type, texts) in DATA.items()})
    stream = StagedStream((path,), (), {name: lanes.duckdb_type(type_) for name, (type_, _texts) in DATA.items()})
    checks = [
        OutputCheck(f"c{number}", "rows", same.expectation, {"column": same.column, **same.kwargs})
        for number, same in enumerate(SAME)
    ]
    found = run({"rows": stream}, checks)
    counted = {str(same): one.unexpected for same, one in zip(SAME, found, strict=True)}
    assert counted == {str(same): turned_away(same) for same in SAME}
    assert [one.status for one in found if one.status == "error"] == []
    assert sum(one.unexpected or 0 for one in found) > 0


@pytest.mark.parametrize("same", SAME, ids=str)
def test_each_condition_tells_rows_apart(same: Same) -> None:
    """One that lets everything through, or nothing, would prove little."""
    assert 0 < turned_away(same) < 12
