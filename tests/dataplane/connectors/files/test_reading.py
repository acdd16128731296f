"""Files as datasets: what is found out is shown, what fits is exact, and what is no row is named by its line."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from datetime import date, datetime
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.dataplane.connectors.base import RejectedLine
from apps.dataplane.connectors.files import Reader, opened, sample
from apps.dataplane.connectors.files import excel_table as excel
from apps.dataplane.connectors.files import test as connection_test
from apps.dataplane.errors import NotFound, Refused
from apps.dataplane.plan import ColumnSchema, Increment, TableRef, TableSchema

from .conftest import Folder

T = TableRef(".", "t")


def test_types_are_those_that_lose_nothing(folder: Folder) -> None:
    folder.put(
        "t.csv",
        "i,big,dec,sci,zip,flag,day,at,zoned,either,words,none\n"
        "-1,2147483648,1.50,1e-4,01234,true,2024-02-29,2024-01-01 10:00,2024-01-01T10:00:00Z,2024-01-01,x,\n"
        "2147483647,5,2,NaN,99999,FALSE,2024-03-01,2024-01-01T10:00:00.5,2024-01-01 12:00:00+02:00,"
        "2024-01-01 05:00:00,,\n",
    )
    assert folder.types("t") == {
        "i": "integer",
        "big": "bigint",
        "dec": "numeric",
        "sci": "double precision",
        "zip": "text",
        "flag": "boolean",
        "day": "date",
        "at": "timestamp without time zone",
        "zoned": "timestamp with time zone",
        "either": "timestamp without time zone",
        "words": "text",
        "none": "text",
    }
    (first, second), rejected = folder.read()
    assert rejected.total == 0
    assert (first["flag"], first["at"], first["zoned"]) == ("t", "2024-01-01 10:00:00", "2024-01-01 10:00:00+00")
    assert (second["zoned"], second["at"]) == ("2024-01-01 10:00:00+00", "2024-01-01 10:00:00.5")
    assert (first["either"], second["words"], second["none"]) == ("2024-01-01 00:00:00", None, None)


def test_nothing_empty_and_quoted_nothing_stay_apart(folder: Folder) -> None:
    folder.put("t.csv", 'a,b\n,""\n"",x\n')
    assert folder.read()[0] == [{"a": None, "b": ""}, {"a": "", "b": "x"}]


def test_missing_values_are_suggested_never_assumed(folder: Folder) -> None:
    folder.put("t.csv", "speed,name\n10,NA\nNA,x\n")
    assert folder.types("t") == {"speed": "text", "name": "text"}
    assert folder.found()["t"].detected["missing"] == (
        "speed would be numbers or dates but for NA: if that means a missing value, write NA under “Missing values” of "
        "the connection"
    )
    assert folder.types("t", na={"speed": ["NA"]}) == {"speed": "integer", "name": "text"}
    assert folder.read(na={"speed": ["NA"]})[0] == [{"speed": "10", "name": "NA"}, {"speed": None, "name": "x"}]
    assert folder.read(na={"*": ["NA"]})[0][0] == {"speed": "10", "name": None}
    step = list(connection_test(folder.settings(), None, purpose="read"))[-1]
    said = step.sentence.splitlines()
    assert said[0] == "Read t: csv, utf-8, fields separated by commas, 2 columns, 2 rows."
    assert said[1].startswith("In t, speed would be numbers or dates but for NA")


def test_malformed_and_shifted_lines_are_rejected_by_number_and_never_shown(folder: Folder) -> None:
    folder.put(
        "t.csv",
        'id,note\n1,fine\n2,one,too many secret\n3\n\n4,"quoted\nline"\n5,"secret"tail\nfive,x\n6,\0secret\n7,last',
    )
    known = TableSchema(T, (ColumnSchema("id", "integer"), ColumnSchema("note", "text")))
    with Reader(folder.settings()) as reader:
        assert reader.schema(T, known) == known
        rows = [row for batch in reader.read(T, ("id", "note")) for row in batch.to_pylist()]
        rejected = reader.rejected(T)
    assert rows == [{"id": "1", "note": "fine"}, {"id": "4", "note": "quoted\nline"}, {"id": "7", "note": "last"}]
    assert rejected.total == 5
    assert set(rejected.lines) == {
        RejectedLine("t.csv", 3, "it has 3 fields instead of 2"),
        RejectedLine("t.csv", 4, "it has 1 field instead of 2"),
        RejectedLine("t.csv", 8, "text follows a closing quote, or a carriage return stands in the midst of the line"),
        RejectedLine("t.csv", 9, "the value of column id is no integer"),
        RejectedLine("t.csv", 10, "it is no utf-8 text"),
    }
    assert not any("secret" in str(line) for line in rejected.lines)


def test_a_value_that_does_not_fit_is_never_a_silent_null(folder: Folder) -> None:
    folder.put("t.csv", "d\n2024-02-29\n2023-02-29\n24-01-01\n")
    known = TableSchema(T, (ColumnSchema("d", "date"),))
    with Reader(folder.settings()) as reader:
        reader.schema(T, known)
        assert [b.to_pylist() for b in reader.read(T, ("d",))] == [[{"d": "2024-02-29"}]]
        assert [line.line for line in reader.rejected(T).lines] == [3, 4]


@pytest.mark.parametrize(
    ("encoding", "content", "shown"),
    [
        ("utf-8-sig", None, "utf-8 (its byte order mark says so)"),
        ("utf-16", None, "utf-16-le (its byte order mark says so)"),
        ("utf-16-le", None, "utf-16-le (every other byte is zero)"),
        ("cp1252", None, "cp1252 (a guess: it is not UTF-8)"),
        ("utf-8", None, "utf-8 (all of it is valid)"),
    ],
)
def test_the_encoding_is_found_out_and_shown(folder: Folder, encoding: str, content: Any, shown: str) -> None:
    folder.put("t.csv", "name;ort\nJürgen;Köln\n".encode(encoding))
    assert folder.found()["t"].detected["encoding"] == shown
    assert folder.read()[0] == [{"name": "Jürgen", "ort": "Köln"}]


def test_a_wrong_encoding_rejects_the_lines_that_are_none(folder: Folder) -> None:
    folder.put("t.csv", "name,n\nJürgen,1\nAda,2\n".encode("cp1252"))
    rows, rejected = folder.read(encoding="utf-8")
    assert rows == [{"name": "Ada", "n": "2"}]
    assert [str(line) for line in rejected.lines] == ["t.csv, line 2: it is no utf-8 text"]


@pytest.mark.parametrize(("delimiter", "shown"), [(",", ","), (";", ";"), ("\t", "tab"), ("|", "|")])
def test_the_delimiter_is_found_out_and_shown(folder: Folder, delimiter: str, shown: str) -> None:
    folder.put("t.csv", f'a{delimiter}b\n1{delimiter}"x,;|y"\n2{delimiter}z\n')
    assert folder.found()["t"].detected["delimiter"] == shown
    assert folder.read()[0] == [{"a": "1", "b": "x,;|y"}, {"a": "2", "b": "z"}]


def test_without_a_header_columns_are_numbered(folder: Folder) -> None:
    folder.put("t.csv", "1,2024-01-01\n2,2024-01-02\n")
    assert folder.types("t") == {"column_1": "integer", "column_2": "date"}
    assert folder.types("t", header="yes") == {"1": "integer", "2024-01-01": "date"}


def test_lines_before_the_header_are_skipped_and_still_counted(folder: Folder) -> None:
    folder.put("t.csv", "made by\nsomebody\na,b\n1,2\n3\n")
    rows, rejected = folder.read(skip_lines=2)
    assert rows == [{"a": "1", "b": "2"}]
    assert [str(line) for line in rejected.lines] == ["t.csv, line 5: it has 1 field instead of 2"]


def test_columns_of_the_same_name_are_refused_by_name(folder: Folder) -> None:
    folder.put("t.csv", "id,mail,id\n1,2,3\n")
    assert folder.found()["t"].detected == {
        "problem": "t.csv has two columns called id. Rename one of them in the file, or say that its first line holds "
        "no names."
    }
    with pytest.raises(Refused) as caught:
        folder.read()
    assert caught.value.sentence == "t.csv has two columns called id."


@pytest.mark.parametrize(
    ("name", "pack"),
    [("t.csv.gz", gzip.compress), ("t.csv.bz2", bz2.compress), ("t.csv.xz", lzma.compress),
     ("t.csv.zst", lambda raw: pa.compress(raw, "zstd", asbytes=True)), ("t.csv", gzip.compress)],
)  # fmt: skip
def test_compressed_files_are_known_by_their_content(folder: Folder, name: str, pack: Any) -> None:
    folder.put(name, pack(b"a,b\n1,x\n" * 1))
    assert folder.read()[0] == [{"a": "1", "b": "x"}]


def test_two_gzip_members_are_one_file_and_a_cut_one_is_refused(folder: Folder) -> None:
    whole = gzip.compress(b"a,b\n1,x\n") + gzip.compress(b"2,y\n")
    folder.put("t.csv.gz", whole)
    assert [row["a"] for row in folder.read()[0]] == ["1", "2"]
    folder.put("t.csv.gz", whole[:-6])
    with pytest.raises(Refused) as caught:
        folder.read()
    assert caught.value.sentence == "t.csv.gz cannot be decompressed: its gzip data is broken or ends early."


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_refused_long_before_it_is_unpacked(
    folder: Folder, pack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "RATIO_FROM", 5 * 1024 * 1024)
    folder.put("t.csv.gz", pack(b"a,b\n" + b"0,0\n" * 8_000_000))
    with pytest.raises(Refused) as caught:
        folder.read()
    assert caught.value.sentence == "t.csv.gz is refused: it grows more than 250 times when it is decompressed."
    step = list(connection_test(folder.settings(), None, purpose="read"))[-1]
    assert (step.ok, step.sentence) == (False, caught.value.sentence)


def test_a_zip_bomb_that_calls_itself_a_workbook_is_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "RATIO_FROM", 1024 * 1024)
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 20_000_000)
    folder.put("t.xlsx", body.getvalue())
    problem = folder.found()["t"].detected["problem"]
    assert problem.startswith("t.xlsx is refused: unzipped it is 19 MiB in 1 entries, which no workbook")


def test_json_lines_keep_numbers_as_written_and_nested_values_as_json(folder: Folder) -> None:
    folder.put(
        "t.jsonl",
        '{"id": 1, "n": 1.10, "who": {"a": [1, 2.50, null, true, "ü"]}, "ok": true}\n'
        '\n{"id": 2, "late": null}\n[1]\n{"id": 3, "id": 4}\nnot json\n{"id": NaN}\n{"id": 12345678901234567890}\n',
    )
    rows, rejected = folder.read()
    assert folder.types("t") == {"id": "numeric", "n": "numeric", "who": "text", "ok": "boolean", "late": "text"}
    assert rows == [
        {"id": "1", "n": "1.10", "who": '{"a": [1, 2.50, null, true, "ü"]}', "ok": "t", "late": None},
        {"id": "2", "n": None, "who": None, "ok": None, "late": None},
        {"id": "12345678901234567890", "n": None, "who": None, "ok": None, "late": None},
    ]
    assert [(line.line, line.reason) for line in rejected.lines] == [
        (4, "it is no JSON object"),
        (5, "a key stands in it twice"),
        (6, "it is no JSON"),
        (7, "it is no JSON"),
    ]


def test_parquet_types_come_over_exactly(folder: Folder) -> None:
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int32()),
            "f": pa.array([0.1, float("inf")], pa.float64()),
            "d": pa.array(["1.10", None], pa.string()).cast(pa.decimal128(10, 2)),
            "day": pa.array([date(2024, 2, 29), None]),
            "at": pa.array([datetime(2024, 1, 1, 10, 0, 0, 500_000), None], pa.timestamp("us", "UTC")),
            "ok": pa.array([True, False]),
            "raw": pa.array([b"\x00\xff", None]),
            "word": pa.array(["x", None]).dictionary_encode(),
            "u": pa.array([2**64 - 1, 0], pa.uint64()),
        }
    )
    body = io.BytesIO()
    pq.write_table(table, body)
    folder.put("t.parquet", body.getvalue())
    assert folder.types("t") == {
        "i": "integer",
        "f": "double precision",
        "d": "numeric(10,2)",
        "day": "date",
        "at": "timestamp with time zone",
        "ok": "boolean",
        "raw": "bytea",
        "word": "text",
        "u": "numeric(20,0)",
    }
    assert folder.read()[0][0] == {
        "i": "1",
        "f": "0.1",
        "d": "1.10",
        "day": "2024-02-29",
        "at": "2024-01-01 10:00:00.5+00",
        "ok": "t",
        "raw": "\\x00ff",
        "word": "x",
        "u": "18446744073709551615",
    }
    assert folder.read()[0][1]["f"] == "Infinity"


def test_parquet_rejects_what_microseconds_cannot_hold_and_refuses_types_without_a_form(folder: Folder) -> None:
    body = io.BytesIO()
    pq.write_table(pa.table({"at": pa.array([1_000, 1_001], pa.timestamp("ns"))}), body)
    folder.put("t.parquet", body.getvalue())
    rows, rejected = folder.read()
    assert rows == [{"at": "1970-01-01 00:00:00.000001"}]
    assert [str(line) for line in rejected.lines] == [
        "t.parquet, line 2: column at holds a value that has no exact form as text"
    ]
    body = io.BytesIO()
    pq.write_table(pa.table({"list": pa.array([[1]])}), body)
    folder.put("t.parquet", body.getvalue())
    assert "Column list of t.parquet is list<element: int64>" in folder.found()["t"].detected["problem"]
    folder.put("t.parquet", b"PAR1 is not enough")
    assert "it is broken, or no Parquet file" in folder.found()["t"].detected["problem"]


def test_excel_values_come_as_they_are_and_errors_are_rejected(folder: Folder) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Data"
    for row in (
        ["id", "name", "born", "at", "share"],
        [1, "Ada", date(1980, 5, 17), datetime(2024, 1, 1, 10, 30), 0.5],
        [2.0, None, None, None, 2],
        [None, None, None, None, None],
        [3, "=1+1", None, None, None],
        [4, "#DIV/0!", None, None, None],
    ):
        sheet.append(row)
    body = io.BytesIO()
    book.save(body)
    folder.put("t.xlsx", body.getvalue())
    rows, rejected = folder.read()
    assert rows == [
        {"id": "1", "name": "Ada", "born": "1980-05-17", "at": "2024-01-01 10:30:00", "share": "0.5"},
        {"id": "2", "name": None, "born": None, "at": None, "share": "2"},
    ]
    assert [(line.line, line.reason) for line in rejected.lines] == [
        (5, "a cell holds a formula whose result was not saved"),
        (6, "a cell holds an error of Excel"),
    ]
    assert folder.found()["t"].detected["sheet"] == "Data"
    assert "has no sheet of that name" in folder.found(sheet="Other")["t"].detected["problem"]


def test_partitions_become_columns_and_one_dataset(folder: Folder) -> None:
    for year, place, number in (("2023", "K%C3%B6ln", 1), ("2024", "__HIVE_DEFAULT_PARTITION__", 2)):
        folder.put(f"sales/year={year}/place={place}/part.csv", f"n\n{number}\n")
    folder.put("other/x.csv", "a\nb\n")
    assert list(folder.found(pattern="**/*.csv")) == ["sales", "other.x"]
    assert folder.types("sales", pattern="**/*.csv") == {"n": "integer", "year": "integer", "place": "text"}
    assert folder.read("sales", pattern="**/*.csv")[0] == [
        {"n": "1", "year": "2023", "place": "Köln"},
        {"n": "2", "year": "2024", "place": None},
    ]


def test_files_of_one_dataset_must_have_the_same_columns(folder: Folder) -> None:
    folder.put("a.csv", "id,name\n1,x\n")
    folder.put("b.csv", "name,id\ny,2.5\n")
    assert folder.types("all", dataset="all") == {"id": "numeric", "name": "text"}
    assert folder.read("all", dataset="all")[0] == [{"id": "1", "name": "x"}, {"id": "2.5", "name": "y"}]
    folder.put("c.csv", "id,naam\n1,x\n")
    assert "c.csv has other columns than a.csv" in folder.found(dataset="all")["all"].detected["problem"]


def test_two_files_of_one_name_are_no_dataset(folder: Folder) -> None:
    folder.put("t.csv", "a\nx\n")
    folder.put("t.jsonl", '{"a": 1}\n')
    assert "t.csv and t.jsonl would both be this dataset" in folder.found()["t"].detected["problem"]


def test_a_file_that_changes_while_it_is_read_is_refused_by_name(folder: Folder) -> None:
    file = folder.put("t.csv", "a,b\n" + "1,2\n" * 100_000)
    with Reader(folder.settings()) as reader:
        batches = reader.read(T, ("a",), batch_rows=1000)
        next(batches)
        with file.open("a") as more:
            more.write("3,4\n")
        with pytest.raises(Refused) as caught:
            list(batches)
    assert caught.value.sentence == "t.csv changed while it was read."


def test_a_file_whose_content_changed_behind_the_same_time_is_refused_too(folder: Folder) -> None:
    file = folder.put("t.csv", "a,b\n1,2\n")
    status = file.stat()
    with Reader(folder.settings()) as reader:
        reader.window(T, Increment("append"), None)
        file.write_bytes(b"a,b\n9,2\n")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(Refused):
            list(reader.read(T, ("a",)))


def test_files_are_picked_up_once(folder: Folder) -> None:
    folder.put("a.csv", "n\n1\n")
    settings = folder.settings(dataset="all")
    ref = TableRef(".", "all")

    def new(position: Any) -> tuple[tuple[str, ...], Any, list[str]]:
        with Reader(settings) as reader:
            reader.schema(ref)
            window = reader.window(ref, Increment("append"), position)
            rows = [row["n"] for batch in reader.read(ref, ("n",), window=window) for row in batch.to_pylist()]
            return window.files, json.loads(json.dumps(window.position)), rows

    files, position, rows = new(None)
    assert (files, rows) == (("a.csv",), ["1"])
    assert new(position)[0] == ()
    folder.put("b.csv", "n\n2\n")
    files, position, rows = new(position)
    assert (files, rows) == (("b.csv",), ["2"])
    folder.put("a.csv", "n\n3\n")
    assert new(position)[2] == ["3"]


def test_batches_are_bounded_and_hold_everything_in_order(folder: Folder) -> None:
    folder.put("t.csv", "n,word\n" + "".join(f"{n},{'x' * (n % 50)}\n" for n in range(150_000)))
    with Reader(folder.settings()) as reader:
        batches = list(reader.read(T, ("n",)))
        assert len(batches) > 1
        assert max(batch.num_rows for batch in batches) <= 65_536
        assert [row for batch in batches for row in batch.column("n").to_pylist()] == [str(n) for n in range(150_000)]
        small = list(reader.read(T, ("n",), batch_bytes=10_000))
    assert max(batch.nbytes for batch in small) <= 20_000


def test_a_sample_repeats_and_a_dataset_that_is_not_there_is_not_found(folder: Folder) -> None:
    folder.put("t.csv", "n\n" + "".join(f"{n}\n" for n in range(1000)))
    first, second = (sample(folder.settings(), None, T, ("n",), 50) for _ in range(2))
    assert first.equals(second)
    assert first.num_rows == 50
    with pytest.raises(NotFound):
        sample(folder.settings(), None, TableRef(".", "no"), ("n",), 5)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe", b"\x00\x01\x02\xff" * 100])
def test_files_that_hold_no_table_say_so(folder: Folder, content: bytes) -> None:
    folder.put("t.csv", content)
    assert folder.found()["t"].detected["problem"]
