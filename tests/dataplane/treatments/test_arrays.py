"""Every layout of a column gives the same values; every Arrow type is handled or refused by name."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dataplane.errors import Invalid
from tests.dataplane.treatments.support import EVERY_KIND, spec, treated

KINDS = [kind for kind in EVERY_KIND if kind != "drop"]
VALUES = ["ann@example.com", None, "", "Zoë", "ann@example.com", "x" * 40]
MOMENTS = [datetime(2020, 5, 17, 3, 4, 5), None, datetime(1950, 1, 1), datetime(2020, 5, 17, 3, 4, 5)]


def column_for(kind: str) -> pa.Array:
    return pa.array(MOMENTS, pa.timestamp("us")) if kind == "date_truncate" else pa.array(VALUES, pa.string())


def values_of(kind: str, column: pa.Array) -> list[object]:
    out = treated(spec(kind, **EVERY_KIND[kind]), column)
    assert isinstance(out, pa.Array)
    out.validate(full=True)
    return list(out.to_pylist())


def layouts(column: pa.Array) -> dict[str, pa.Array]:
    padded = pa.concat_arrays([column, column, column])
    count = len(column)
    with_null = pa.concat_arrays([column.dictionary_encode().dictionary, pa.nulls(1, column.type)])
    null_at = len(with_null) - 1
    indices = column.dictionary_encode().indices.fill_null(null_at)
    return {
        "slice": padded.slice(count, count),
        "chunks": pa.chunked_array([column.slice(0, 1), column.slice(1, 0), column.slice(1)]),
        "dictionary": column.dictionary_encode(),
        "dictionary with a null in it": pa.DictionaryArray.from_arrays(indices, with_null),
        "slice of a dictionary": padded.dictionary_encode().slice(count, count),
        "chunks of dictionaries": pa.chunked_array([column.slice(0, 2), column.slice(2)]).dictionary_encode(),
        "runs": pc.run_end_encode(column),
        "slice of runs": pc.run_end_encode(padded).slice(count, count),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_layout_gives_the_same_values(kind: str) -> None:
    column = column_for(kind)
    expected = values_of(kind, column)
    for name, layout in layouts(column).items():
        assert (name, values_of(kind, layout)) == (name, expected)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "date_truncate"])
@pytest.mark.parametrize("type_", [pa.large_string(), pa.string_view()], ids=str)
def test_every_type_of_text_gives_the_same_values(kind: str, type_: pa.DataType) -> None:
    column = column_for(kind)
    assert values_of(kind, column.cast(type_)) == values_of(kind, column)


@pytest.mark.parametrize("kind", KINDS)
def test_null_in_null_out(kind: str) -> None:
    column = column_for(kind)
    expected = [True] * len(column) if kind == "null" else column.is_null().to_pylist()
    assert [value is None for value in values_of(kind, column)] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_empty_and_all_null_columns(kind: str) -> None:
    column = column_for(kind)
    assert values_of(kind, column.slice(0, 0)) == []
    assert values_of(kind, pa.chunked_array([], column.type)) == []
    assert values_of(kind, pa.nulls(3, column.type)) == [None] * 3
    assert values_of(kind, pa.nulls(3000, column.type)) == [None] * 3000


@pytest.mark.parametrize("kind", ["redact", "constant", "partial", "token"])
def test_a_column_without_a_type_stays_null(kind: str) -> None:
    assert values_of(kind, pa.nulls(2)) == [None, None]


def test_a_dropped_column_is_gone() -> None:
    assert treated(spec("drop"), pa.array(VALUES)) is None


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_batches_of_any_size_give_the_same_result(kind: str, data: st.DataObject) -> None:
    pool = column_for(kind)
    picks = st.integers(0, len(pool) - 1)
    column = pool.take(pa.array(data.draw(st.lists(picks, max_size=30)), pa.int64()))
    size = data.draw(st.integers(1, 31))
    pieces = [values_of(kind, column.slice(start, size)) for start in range(0, len(column), size)]
    assert [value for piece in pieces for value in piece] == values_of(kind, column)


EVERY_TYPE = [
    pa.array([True]),
    pa.array([1], pa.int8()),
    pa.array([1], pa.uint64()),
    pa.array([1.5], pa.float16()),
    pa.array([1.5], pa.float32()),
    pa.array([1.5], pa.float64()),
    pa.array([Decimal("1.50")], pa.decimal128(5, 2)),
    pa.array([Decimal("1.50")], pa.decimal256(50, 2)),
    pa.array([date(2020, 1, 1)], pa.date32()),
    pa.array([date(2020, 1, 1)], pa.date64()),
    pa.array([1], pa.time32("s")),
    pa.array([1], pa.time64("us")),
    pa.array([1], pa.timestamp("us")),
    pa.array([1], pa.timestamp("us", "UTC")),
    pa.array([1], pa.duration("us")),
    pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
    pa.array([b"a"], pa.binary()),
    pa.array([b"a"], pa.large_binary()),
    pa.array([b"a"], pa.binary_view()),
    pa.array([b"ab"], pa.binary(2)),
    pa.array(["a"], pa.string()),
    pa.array(["a"], pa.large_string()),
    pa.array(["a"], pa.string_view()),
    pa.array([["a"]], pa.list_(pa.string())),
    pa.array([["a"]], pa.large_list(pa.string())),
    pa.array([["a"]], pa.list_view(pa.string())),
    pa.array([["a"]], pa.list_(pa.string(), 1)),
    pa.array([{"a": "b"}], pa.struct([("a", pa.string())])),
    pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string())),
    pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array(["a"])]),
    pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array(["a"])]),
    pa.array([b"0" * 16], pa.uuid()),
    pa.array(['{"a": 1}'], pa.json_(pa.string())),
]
TEXT = {"string", "large_string", "string_view", "int8", "uint64"}
TEMPORAL = {"date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]"}
TAKES = {"partial": TEXT, "token": TEXT, "date_truncate": TEMPORAL}


@pytest.mark.parametrize("kind", TAKES)
@pytest.mark.parametrize("column", EVERY_TYPE, ids=lambda column: str(column.type))
def test_every_arrow_type_is_handled_or_refused_by_name(kind: str, column: pa.Array) -> None:
    if str(column.type) in TAKES[kind]:
        (value,) = values_of(kind, column)
        assert value is not None
        return
    with pytest.raises(Invalid) as invalid:
        values_of(kind, column)
    assert f"The treatment {kind} cannot take a column of type Arrow {column.type}" in invalid.value.sentence


@pytest.mark.parametrize("kind", ["redact", "constant", "null"])
@pytest.mark.parametrize("column", EVERY_TYPE, ids=lambda column: str(column.type))
def test_what_looks_only_at_null_handles_every_arrow_type(kind: str, column: pa.Array) -> None:
    constant = {"redact": "[redacted]", "constant": "n/a", "null": None}
    assert values_of(kind, column) == [constant[kind]]
