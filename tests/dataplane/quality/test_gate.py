"""The gate: what it leaves out, what breaks a check, and that no value of a row gets out."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.dataplane.errors import PartRejected
from apps.dataplane.quality.gate import CheckOutcome, StagedStream, is_open, run
from tests.dataplane.quality.support import check, outcome, part, removed_part

ROOT = Path(__file__).resolve().parents[3]
CANARY = "canary-4711@example.org"
HOSTILE = ['we"ird', "a;--\nb", "%(x)s :y ?", "<script>", "ü" * 31, "Name", "name", "select"]


def stream_of(tmp_path: Path, types: dict[str, str], **columns: list[str | None]) -> StagedStream:
    return StagedStream((part(tmp_path / "0.parquet", columns),), (), types)


def test_rows_that_settle_removed_do_not_count(tmp_path: Path) -> None:
    first = part(tmp_path / "0.parquet", {"id": ["1", "1", "2"]})
    second = part(tmp_path / "1.parquet", {"id": ["2", "3"]}, first=3)
    removed = removed_part(tmp_path / "removed.parquet", [1, 3])
    stream = StagedStream((first, second), (removed,), {"id": "INTEGER"})

    assert outcome(stream, check("expect_column_values_to_be_unique", column="id")) == CheckOutcome(
        "the-check",
        "people",
        "expect_column_values_to_be_unique",
        "ERROR",
        "passed",
        "100 % of 3 rows, limit 100 %",
        0,
        3,
        Decimal(1),
        Decimal(1),
    )


def test_hostile_column_names_are_only_names(tmp_path: Path) -> None:
    path = part(tmp_path / "0.parquet", {name: [str(index)] for index, name in enumerate(HOSTILE)})
    stream = StagedStream((path,), (), dict.fromkeys(HOSTILE, "VARCHAR"))
    checks = [
        check("expect_column_values_to_be_in_set", column=name, value_set=[str(index)])
        for index, name in enumerate(HOSTILE)
    ]

    outcomes = run(
        {"people": stream}, [*checks, check("expect_table_columns_to_match_ordered_list", column_list=HOSTILE)]
    )

    assert [one.status for one in outcomes] == ["passed"] * (len(HOSTILE) + 1)


@pytest.mark.parametrize("folder", ["a=1", "it's", "[x] *?", 'say "hi"'])
def test_a_hostile_path_is_only_a_path(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder
    place.mkdir()
    stream = stream_of(place, {"id": "INTEGER"}, id=["1"])

    found = run({"people": stream}, [check("expect_table_column_count_to_equal", value=1)])

    assert [(one.status, one.observed) for one in found] == [("passed", "1 column, limit exactly 1")]


@pytest.mark.parametrize("parts", ["no parts", "a part without rows"])
def test_an_empty_stream_has_nothing_wrong_in_its_rows_but_fails_a_volume_check(tmp_path: Path, parts: str) -> None:
    types = {"id": "INTEGER", "seen": "TIMESTAMPTZ"}
    paths = (part(tmp_path / "0.parquet", {"id": [], "seen": []}),) if parts == "a part without rows" else ()
    checks = [
        check("expect_column_values_to_be_unique", column="id"),
        check("expect_column_values_to_be_between", column="seen", min_value="2020-01-01"),
        check("expect_table_row_count_to_be_between", min_value=1),
        check("expect_column_max_to_be_between", column="seen", max_value="2020-01-01"),
    ]

    outcomes = run({"people": StagedStream(paths, (), types)}, checks)

    assert [(one.status, one.observed, one.unexpected, one.total) for one in outcomes] == [
        ("passed", "no rows to check, limit 100 %", 0, 0),
        ("passed", "no rows to check, limit 100 %", 0, 0),
        ("failed", "0 rows, limit at least 1", None, None),
        ("failed", "there are no values to take the largest value of, limit at most 2020-01-01", None, None),
    ]


def test_years_before_our_era_and_instants_of_other_zones_are_read_as_postgresql_means_them(tmp_path: Path) -> None:
    stream = stream_of(
        tmp_path,
        {"born": "DATE", "seen": "TIMESTAMPTZ", "noted": "TIMESTAMP"},
        born=["0044-03-15 BC", "0044-03-15", "infinity"],
        seen=["2024-01-01 00:30:00+01", "0044-03-15 00:00:00+00 BC", None],
        noted=["2024-01-01 00:30:00", "0044-03-15 00:00:00 BC", None],
    )
    checks = [
        check("expect_column_values_to_be_between", column="born", min_value="0044-03-15", max_value="2024-01-01"),
        check(
            "expect_column_values_to_be_between",
            column="seen",
            min_value="2023-12-31 23:30Z",
            max_value="2023-12-31 23:30Z",
        ),
        check("expect_column_values_to_be_between", column="noted", min_value="0001-01-01"),
    ]

    assert [(one.unexpected, one.total) for one in run({"people": stream}, checks)] == [(2, 3), (1, 2), (1, 2)]


def test_a_value_that_does_not_read_as_its_type_is_an_error_of_that_check_alone(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, {"born": "DATE", "mail": "VARCHAR"}, born=["2000-01-01", CANARY], mail=["a", "b"])
    checks = [
        check("expect_column_values_to_be_between", id="born", column="born", min_value="1900-01-01"),
        check("expect_column_values_to_be_unique", id="mail", column="mail"),
        check("expect_table_row_count_to_equal", id="rows", value=2),
    ]

    outcomes = run({"people": stream}, checks)

    assert [(one.check, one.status, one.observed) for one in outcomes] == [
        ("born", "error", "The check could not be evaluated: a staged value does not read as its column's type."),
        ("mail", "passed", "100 % of 2 rows, limit 100 %"),
        ("rows", "passed", "2 rows, limit exactly 2"),
    ]


def test_a_check_that_cannot_be_evaluated_is_an_error_and_not_an_exception(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, {"mail": "VARCHAR"}, mail=["a"])
    unsupported = check("expect_column_values_to_be_increasing", column="mail")
    elsewhere = type(unsupported)("x", "nowhere", "expect_column_to_exist", {"column": "mail"})

    assert [(one.status, one.observed) for one in run({"people": stream}, [unsupported, elsewhere])] == [
        (
            "error",
            '"expect_column_values_to_be_increasing" cannot be checked on staged data: staged rows have no order.',
        ),
        ("error", "The run has no such stream."),
    ]


def test_the_gate_is_open_only_when_every_error_check_passed() -> None:
    def of(status: str, severity: str) -> CheckOutcome:
        return CheckOutcome("c", "people", "x", severity, status, "")  # type: ignore[arg-type]

    assert is_open([])
    assert is_open([of("passed", "ERROR"), of("failed", "WARN"), of("error", "WARN")])
    assert not is_open([of("passed", "ERROR"), of("failed", "ERROR")])
    assert not is_open([of("error", "ERROR")])


OTHERS = [({"mail": ["a"]}, ["mail", "more"]), ({"mail": ["a"], "x": ["b"]}, ["mail"])]


@pytest.mark.parametrize(("columns", "planned"), OTHERS)
def test_a_part_with_other_columns_than_the_plan_is_rejected(
    tmp_path: Path, columns: dict[str, list[str | None]], planned: list[str]
) -> None:
    stream = StagedStream((part(tmp_path / "0.parquet", columns),), (), dict.fromkeys(planned, "VARCHAR"))

    with pytest.raises(PartRejected, match="do not hold the columns of the plan"):
        run({"people": stream}, [check("expect_column_to_exist", column="mail")])


def test_parts_that_disagree_are_rejected(tmp_path: Path) -> None:
    first, second = (
        part(tmp_path / "0.parquet", {"a": ["1"], "b": ["2"]}),
        part(tmp_path / "1.parquet", {"b": ["2"], "a": ["1"]}),
    )

    with pytest.raises(PartRejected, match="hold different columns"):
        run(
            {"people": StagedStream((first, second), (), {"a": "VARCHAR", "b": "VARCHAR"})},
            [check("expect_column_to_exist", column="a")],
        )


def test_a_part_without_row_ids_is_rejected(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array(["1"])}), tmp_path / "0.parquet")
    stream = StagedStream((tmp_path / "0.parquet",), (), {"a": "VARCHAR"})

    with pytest.raises(PartRejected, match="no row ids"):
        run({"people": stream}, [check("expect_column_to_exist", column="a")])


def test_no_value_of_a_row_is_told_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stream = stream_of(
        tmp_path,
        {"mail": "VARCHAR", "born": "DATE", "n": "INTEGER"},
        mail=[CANARY, CANARY],
        born=[CANARY, None],
        n=["4711", "1"],
    )
    checks = [
        check("expect_column_values_to_be_unique", column="mail"),
        check("expect_column_values_to_be_in_set", column="mail", value_set=["x"]),
        check("expect_column_values_to_match_regex", column="mail", regex="^x"),
        check("expect_column_max_to_be_between", column="born", max_value="2000-01-01"),
        check("expect_column_max_to_be_between", column="n", max_value=1),
        check("expect_column_mean_to_be_between", column="n", max_value=1),
    ]

    outcomes = run({"people": stream}, checks)

    assert [one.status for one in outcomes] == ["failed", "failed", "failed", "error", "failed", "failed"]
    told = json.dumps([asdict(one) for one in outcomes], default=str) + caplog.text
    assert "canary" not in told
    assert "4711" not in told
    assert "2356" not in told


SCRIPT = """
import sys
from pathlib import Path
from apps.dataplane.plan import OutputCheck
import apps.dataplane.quality.settle, apps.dataplane.quality.rows, apps.dataplane.classify
from apps.dataplane.quality import gate
assert "great_expectations" not in sys.modules
gate.preload()
assert "great_expectations" in sys.modules
stream = gate.StagedStream((Path(sys.argv[1]),), (), {"mail": "VARCHAR", "born": "DATE"})
checks = [
    OutputCheck("1", "s", "expect_column_values_to_be_unique", {"column": "mail"}),
    OutputCheck("2", "s", "expect_column_min_to_be_between", {"column": "born", "min_value": "2000-01-01"}),
]
print([one.status for one in gate.run({"s": stream}, checks)])
"""


def test_the_engine_loads_late_says_nothing_and_writes_nothing(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    path = part(tmp_path / "0.parquet", {"mail": [CANARY, CANARY], "born": [CANARY, None]})
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}

    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", SCRIPT, str(path)],
        cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert (done.stdout, done.stderr, done.returncode) == ("['failed', 'error']\n", "", 0)
    assert list(home.rglob("*")) == []
    assert list(work.rglob("*")) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.parquet", "home", "work"]


def test_the_database_opens_nothing_but_the_parts(tmp_path: Path) -> None:
    from apps.dataplane.quality.staged import database

    path = part(tmp_path / "0.parquet", {"a": ["1"]})
    other = part(tmp_path / "other.parquet", {"a": ["1"]})
    with database([path]) as connection:
        assert connection.execute("SELECT count(*) FROM read_parquet(?)", [[str(path)]]).fetchall() == [(1,)]
        with pytest.raises(Exception, match="disabled by configuration"):
            connection.execute("SELECT count(*) FROM read_parquet(?)", [[str(other)]])
        with pytest.raises(Exception, match="configuration has been locked"):
            connection.execute("SET memory_limit = '99GB'")
