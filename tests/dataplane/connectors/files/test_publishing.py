"""Files are published whole, once, and never half: by killed, frozen and overtaken publications as well."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.dataplane.connectors.files import Publisher, inspect, manifest, positions
from apps.dataplane.connectors.files import test as connection_test
from apps.dataplane.errors import Fenced, Refused
from apps.dataplane.plan import ColumnSchema, KeptPosition, TableRef

from .conftest import Folder

PEOPLE, ORDERS = TableRef(".", "people"), TableRef("shop", "orders")
COLUMNS = (
    ColumnSchema("id", "bigint"),
    ColumnSchema("name", "character varying(40)"),
    ColumnSchema("ok", "boolean"),
    ColumnSchema("n", "numeric(10,2)"),
)
NAMES = [column.name for column in COLUMNS]
ROWS = [["1", 'a,"b"\nc', "t", "1.50"], ["2", None, "f", None], ["3", "", None, "-2.00"], ["4", "=1+1", "t", "0.00"]]


def batch(rows: Sequence[Sequence[Any]] = ROWS) -> pa.RecordBatch:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(len(COLUMNS))]
    return pa.RecordBatch.from_arrays(columns, names=NAMES)


def publish(
    folder: Folder, *, fence: int = 1, rows: Sequence[Sequence[Any]] = ROWS, run: str = "run-1", **settings: Any
) -> None:
    with Publisher(folder.settings(**settings)) as publisher:
        publisher.state("pipe", fence=fence)
        _write(publisher, rows)
        publisher.record_state("pipe", run, fence, "hash")
        publisher.commit()


def _write(publisher: Publisher, rows: Sequence[Sequence[Any]] = ROWS) -> None:
    for ref in (PEOPLE, ORDERS):
        if publisher.schema(ref) is None:
            publisher.create(ref, COLUMNS)
        else:
            publisher.delete_all(ref)
        assert publisher.load(ref, NAMES, iter([batch(rows)])) == len(rows)


def there(folder: Folder) -> list[str]:
    return sorted(str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file())


def test_csv_is_exact_and_no_formula_is_defused(folder: Folder) -> None:
    publish(folder)
    assert (folder.path / "people.csv").read_text() == (
        'id,name,ok,n\n1,"a,""b""\nc",true,1.50\n2,,false,\n3,"",,-2.00\n4,=1+1,true,0.00\n'
    )
    assert there(folder) == [".lockgate/pipe.json", ".lockgate/pipe.lock", "people.csv", "shop/orders.csv"]
    assert folder.read("people", pattern="*.csv")[0] == [dict(zip(NAMES, row, strict=True)) for row in ROWS]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"format": "csv", "compression": "gzip"}, "people.csv.gz"),
        ({"format": "tsv", "compression": "zstd"}, "people.tsv.zst"),
        ({"format": "csv", "compression": "xz"}, "people.csv.xz"),
        ({"format": "jsonl", "compression": "bz2"}, "people.jsonl.bz2"),
        ({"format": "parquet"}, "people.parquet"),
    ],
)
def test_every_format_gives_back_what_was_written(folder: Folder, settings: dict[str, str], name: str) -> None:
    publish(folder, **settings)
    assert (folder.path / name).is_file()
    assert folder.read("people")[0] == [dict(zip(NAMES, row, strict=True)) for row in ROWS]


def test_parquet_has_types_and_the_same_rows_give_the_same_bytes(folder: Folder) -> None:
    publish(folder, format="parquet")
    schema = pq.read_schema(folder.path / "people.parquet")
    assert [str(field.type) for field in schema] == ["int64", "string", "bool", "decimal128(10, 2)"]
    publish(folder, format="csv", compression="gzip", fence=2)
    first = (folder.path / "people.csv.gz").read_bytes()
    publish(folder, format="csv", compression="gzip", fence=3)
    assert (folder.path / "people.csv.gz").read_bytes() == first
    assert gzip.decompress(first).startswith(b"id,name,ok,n\n")


def test_excel_is_not_written(folder: Folder) -> None:
    with pytest.raises(Refused) as caught:
        publish(folder, format="excel")
    assert caught.value.sentence == "Excel files are read, not written."


def test_what_was_published_is_known_with_its_exact_types(folder: Folder) -> None:
    assert inspect(folder.settings(), None, [PEOPLE]) == {PEOPLE: None}
    publish(folder)
    found = inspect(folder.settings(), None, [PEOPLE, ORDERS, TableRef("no", "such")])
    assert [found[ref].columns for ref in (PEOPLE, ORDERS)] == [COLUMNS, COLUMNS]  # type: ignore[union-attr]
    assert found[TableRef("no", "such")] is None
    with Publisher(folder.settings()) as publisher:
        assert publisher.schema(PEOPLE) == found[PEOPLE]


def test_a_publication_that_is_left_leaves_nothing(folder: Folder) -> None:
    publish(folder, rows=ROWS[:1])
    before = (folder.path / "people.csv").read_bytes()
    with Publisher(folder.settings()) as publisher:
        _write(publisher)
        publisher.record_state("pipe", "run-2", 2, "hash")
    assert (folder.path / "people.csv").read_bytes() == before
    assert there(folder) == [".lockgate/pipe.json", ".lockgate/pipe.lock", "people.csv", "shop/orders.csv"]


def test_a_retried_publication_is_one(folder: Folder) -> None:
    publish(folder)
    status = os.stat(folder.path / "people.csv")
    publish(folder)
    assert os.stat(folder.path / "people.csv").st_ino == status.st_ino
    with Publisher(folder.settings()) as publisher:
        state = publisher.state("pipe")
    assert state is not None
    assert (state.run, state.fence, state.plan_hash, state.rows) == ("run-1", 1, "hash", 2 * len(ROWS))


def test_an_overtaken_publication_writes_nothing(folder: Folder) -> None:
    with Publisher(folder.settings()) as frozen:
        frozen.state("pipe", fence=1)
        _write(frozen, ROWS[:1])
        frozen.record_state("pipe", "run-1", 1, "hash")
        publish(folder, fence=2, run="run-2")
        after = (folder.path / "people.csv").read_bytes()
        with pytest.raises(Fenced):
            frozen.commit()
    assert (folder.path / "people.csv").read_bytes() == after
    with pytest.raises(Fenced), Publisher(folder.settings()) as late:
        late.state("pipe", fence=1)


@pytest.mark.parametrize("after", range(1, 3))
def test_a_publication_killed_while_it_was_carried_out_is_carried_out_by_the_next(
    folder: Folder, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rename happened, or the first two: the manifest decides, and a retry changes nothing."""
    publish(folder, rows=ROWS[:1])
    renames = 0
    rename = os.rename

    def dying(*arguments: Any, **named: Any) -> None:
        nonlocal renames
        renames += 1
        if renames > after:
            raise KeyboardInterrupt
        rename(*arguments, **named)

    monkeypatch.setattr(manifest.os, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        publish(folder, fence=2, run="run-2")
    monkeypatch.undo()
    assert positions(folder.settings(), None, "pipe") == {}
    with Publisher(folder.settings()) as publisher:
        state = publisher.state("pipe", fence=2)
    assert state is not None
    assert (state.run, state.fence) == ("run-2", 2)
    whole = 'id,name,ok,n\n1,"a,""b""\nc",true,1.50\n2,,false,\n3,"",,-2.00\n4,=1+1,true,0.00\n'
    assert [(folder.path / name).read_text() for name in ("people.csv", "shop/orders.csv")] == [whole, whole]
    assert there(folder) == [".lockgate/pipe.json", ".lockgate/pipe.lock", "people.csv", "shop/orders.csv"]


def test_a_file_that_lockgate_did_not_write_is_not_replaced(folder: Folder) -> None:
    folder.put("people.csv", "id,name,ok,n\n1,x,true,1.5\n")
    with pytest.raises(Refused) as caught, Publisher(folder.settings()) as publisher:
        publisher.delete_all(PEOPLE)
    assert caught.value.sentence == "people.csv was not written by Lockgate, so it is not replaced."


@pytest.mark.parametrize(
    "ref",
    [("..", "x"), (".", "../x"), (".", "a/b"), ("a/../..", "x"), (".", ".hid"), ("_x", "t"), (".", "a\nb"), ("/", "x")],
)  # fmt: skip
def test_a_destination_that_leads_elsewhere_is_refused(folder: Folder, ref: tuple[str, str]) -> None:
    with pytest.raises(Refused), Publisher(folder.settings()) as publisher:
        publisher.create(TableRef(*ref), COLUMNS)
    assert there(folder) == []


def test_a_folder_that_is_a_link_is_not_written_through(folder: Folder, tmp_path: Any) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder.path / "shop").symlink_to(outside)
    with pytest.raises(Exception) as caught:
        publish(folder)
    assert getattr(caught.value, "code", "") in ("refused", "unreachable")
    assert list(outside.iterdir()) == []


def test_files_are_not_added_to(folder: Folder) -> None:
    publish(folder)
    with Publisher(folder.settings()) as publisher:
        for call in (
            lambda: publisher.load(PEOPLE, NAMES, iter([batch()])),
            lambda: publisher.merge(PEOPLE, NAMES, ["id"], iter([batch()])),
        ):
            with pytest.raises(Refused) as caught:
                call()
            assert caught.value.sentence.startswith("Files are written whole")


def test_positions_are_kept_with_the_publication(folder: Folder) -> None:
    kept = KeptPosition("run-1", "{}", {"files": {"a.csv": [3, "ab"]}})
    with Publisher(folder.settings()) as publisher:
        _write(publisher)
        publisher.record_state("pipe", "run-1", 1, "hash", {"people": kept})
        publisher.commit()
        assert publisher.positions("pipe") == {"people": kept}
    assert positions(folder.settings(), None, "pipe") == {"people": kept}
    document = json.loads((folder.path / ".lockgate/pipe.json").read_text())
    assert (document["run"], document["fence"]) == ("run-1", 1)


def test_a_broken_record_stops_everything(folder: Folder) -> None:
    publish(folder)
    (folder.path / ".lockgate/pipe.json").write_text("{")
    with pytest.raises(Refused) as caught:
        publish(folder, fence=2)
    assert "cannot be read, so nothing is written" in caught.value.sentence


def test_the_test_writes_and_takes_back(folder: Folder) -> None:
    steps = list(connection_test(folder.settings(), None, purpose="write"))
    assert [(step.step, step.ok) for step in steps] == [("reach", True), ("write", True)]
    assert there(folder) == []
    missing = list(connection_test(folder.settings(path="no/such"), None, purpose="write"))
    assert [(step.step, step.ok, step.field, step.sentence) for step in missing] == [
        ("reach", False, "path", "There is no no/such.")
    ]
