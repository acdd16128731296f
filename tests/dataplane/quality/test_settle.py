"""Settle: duplicates and orphans over all parts, in bounded memory, with names that are only names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import SettleRule
from apps.dataplane.quality.settle import settle, validate
from tests.dataplane.quality.support import part

Rules = Mapping[str, Sequence[SettleRule]]


def unique(*columns: str, id: str = "unique") -> SettleRule:
    return SettleRule(id, "unique", columns)


def references(column: str, target: str, to: str, id: str = "refers") -> SettleRule:
    return SettleRule(id, "references", (column,), target, (to,))


def fallen(streams: Mapping[str, Sequence[Path]], rules: Rules) -> dict[str, list[tuple[int, str]]]:
    found = settle(streams, rules)
    assert all(table.schema == pa.schema([("row_id", pa.int64()), ("rule", pa.string())]) for table in found.values())
    return {name: [(row["row_id"], row["rule"]) for row in table.to_pylist()] for name, table in found.items()}


def test_of_several_alike_the_lowest_row_id_stays_across_parts(tmp_path: Path) -> None:
    first = part(tmp_path / "0.parquet", {"id": ["a", "b", "a"]}, first=10)
    second = part(tmp_path / "1.parquet", {"id": ["b", "a", "c"]}, first=0)

    assert fallen({"s": [first, second]}, {"s": [unique("id")]}) == {
        "s": [(10, "unique"), (11, "unique"), (12, "unique")]
    }


def test_null_is_like_nothing_and_refers_to_nothing(tmp_path: Path) -> None:
    path = part(tmp_path / "0.parquet", {"a": ["1", "1", None, None, "1"], "b": ["1", None, None, None, "1"]})

    assert fallen({"s": [path]}, {"s": [unique("a", "b"), references("b", "s", "a")]}) == {"s": [(4, "unique")]}


def test_a_row_is_named_once_by_the_first_rule_it_broke(tmp_path: Path) -> None:
    path = part(tmp_path / "0.parquet", {"a": ["1", "1", "2"], "b": ["x", "x", "x"]})

    found = fallen({"s": [path]}, {"s": [unique("a", id="by-a"), unique("b", id="by-b"), references("b", "s", "a")]})

    assert found == {"s": [(0, "refers"), (1, "by-a"), (2, "by-b")]}


def test_orphans_fall_until_nothing_more_falls(tmp_path: Path) -> None:
    people = part(tmp_path / "p.parquet", {"id": ["1", "1", "2", "3"], "boss": [None, None, "1", "9"]})
    orders = part(tmp_path / "o.parquet", {"id": ["a", "b", "c", "d"], "person": ["1", "2", "3", None]})
    items = part(tmp_path / "i.parquet", {"order": ["a", "c", "e"]})
    rules = {
        "items": [references("order", "orders", "id")],
        "orders": [references("person", "people", "id")],
        "people": [unique("id"), references("boss", "people", "id", id="boss")],
    }

    assert fallen({"items": [items], "orders": [orders], "people": [people]}, rules) == {
        "people": [(1, "unique"), (3, "boss")],
        "orders": [(2, "refers")],
        "items": [(1, "refers"), (2, "refers")],
    }


def test_a_chain_of_references_within_one_stream_falls_whole(tmp_path: Path) -> None:
    path = part(tmp_path / "0.parquet", {"id": ["1", "2", "3", "4"], "next": ["2", "3", "4", "5"]})

    assert fallen({"s": [path]}, {"s": [references("next", "s", "id")]}) == {"s": [(i, "refers") for i in range(4)]}


def test_a_reference_of_several_columns_needs_them_all(tmp_path: Path) -> None:
    target = part(tmp_path / "t.parquet", {"x": ["1", "2"], "y": ["a", "b"]})
    path = part(tmp_path / "s.parquet", {"p": ["1", "1", "2", None], "q": ["a", "b", "b", "z"]})
    rule = SettleRule("both", "references", ("p", "q"), "t", ("x", "y"))

    assert fallen({"s": [path], "t": [target]}, {"s": [rule]}) == {"s": [(1, "both")], "t": []}


def test_streams_without_parts_or_rules(tmp_path: Path) -> None:
    path = part(tmp_path / "0.parquet", {"id": ["1", None]})

    assert fallen({}, {}) == {}
    assert fallen({"s": []}, {"s": [unique("id")]}) == {"s": []}
    assert fallen({"s": [path]}, {}) == {"s": []}
    assert fallen({"s": [path], "t": []}, {"s": [references("id", "t", "id")]}) == {"s": [(0, "refers")], "t": []}


def test_hostile_column_names_and_names_that_differ_in_case(tmp_path: Path) -> None:
    hostile = 'we"ird;--\n'
    path = part(tmp_path / "0.parquet", {"Id": ["1", "2", "2"], "id": ["x", "x", "y"], hostile: ["1", "3", "1"]})
    rules = [unique("Id"), references(hostile, "s", "Id")]

    assert fallen({"s": [path]}, {"s": rules}) == {"s": [(1, "refers"), (2, "unique")]}
    assert fallen({"s": [path]}, {"s": [unique("id")]}) == {"s": [(1, "unique")]}


def test_much_is_settled_in_little_memory_and_nothing_stays_behind(tmp_path: Path) -> None:
    rows = 400_000
    keys = [f"tok_{i % (rows - 1000):032x}" for i in range(rows)]
    paths = [
        part(tmp_path / f"{i}.parquet", {"k": keys[i::4], "text": ["x" * 50] * (rows // 4)}, first=i * rows)
        for i in range(4)
    ]
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    found = settle({"s": paths}, {"s": [unique("k")]}, scratch=scratch, memory_limit="48MiB")

    assert found["s"].num_rows == 1000
    assert list(scratch.iterdir()) == []


COLUMNS = {"s": ["a", "b"], "t": ["c"]}
REFUSED = [
    ({"x": [unique("a")]}, "target", 'refers to the stream "x"'),
    ({"s": [unique("z")]}, "columns", 'needs the column "z", which "s" does not write'),
    ({"s": [unique()]}, "columns", "needs different columns"),
    ({"s": [unique("a", "a")]}, "columns", "needs different columns"),
    ({"s": [references("a", "u", "c")]}, "target", 'refers to the stream "u"'),
    ({"s": [references("a", "t", "a")]}, "columns", 'needs the column "a", which "t" does not write'),
    ({"s": [SettleRule("r", "references", ("a", "b"), "t", ("c",))]}, "to", "pairs 2 columns with 1"),
    ({"s": [SettleRule("r", "few", ("a",))]}, "kind", "of no known kind"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("rules", "field", "wanted"), REFUSED)
def test_an_ill_formed_rule_is_refused(rules: Rules, field: str, wanted: str) -> None:
    with pytest.raises(Invalid, match=wanted) as refused:
        validate(rules, COLUMNS)

    assert refused.value.field == field


def test_a_rule_of_a_column_that_was_not_staged_is_refused(tmp_path: Path) -> None:
    path = part(tmp_path / "0.parquet", {"id": ["1"]})

    with pytest.raises(Invalid, match='needs the column "nope"'):
        settle({"s": [path]}, {"s": [unique("nope")]})
