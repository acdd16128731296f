"""Reading is of one moment, bounded in memory, and never takes a broken stream for a short table."""

from __future__ import annotations

import tracemalloc

import psycopg
import pyarrow as pa
import pytest

from apps.dataplane.connectors.postgres import Reader, end_backends, sample
from apps.dataplane.errors import Invalid, NotFound, Refused, Unreachable
from apps.dataplane.plan import TableRef

from .conftest import Side

T = TableRef("public", "t")


def values(reader: Reader, ref: TableRef = T, column: str = "v") -> list[str | None]:
    return [value for batch in reader.read(ref, (column,)) for value in batch.column(0).to_pylist()]


def test_everything_read_is_of_one_moment(source: Side) -> None:
    source.run("CREATE TABLE t (v int); CREATE TABLE u (v int); INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)")
    with source.reader() as reader:
        assert values(reader) == ["1"]
        source.run("INSERT INTO t VALUES (2); INSERT INTO u VALUES (2); ALTER TABLE u ADD w int")
        assert values(reader) == ["1"]
        assert values(reader, TableRef("public", "u")) == ["1"]
    with source.reader() as reader:
        assert values(reader) == ["1", "2"]


def test_batches_hold_no_more_rows_than_asked_for(source: Side) -> None:
    source.run("CREATE TABLE t AS SELECT v FROM generate_series(1, 10) AS v")
    with source.reader() as reader:
        sizes = [batch.num_rows for batch in reader.read(T, ("v",), batch_rows=4)]
    assert sizes == [4, 4, 2]


def test_batches_hold_no_more_bytes_than_asked_for_unless_one_row_is_larger(source: Side) -> None:
    source.run("CREATE TABLE t AS SELECT repeat('x', n) AS v FROM unnest(ARRAY[10, 10, 1000, 10]) AS n")
    with source.reader() as reader:
        sizes = [[len(v) for v in batch.column(0).to_pylist()] for batch in reader.read(T, ("v",), batch_bytes=30)]
    assert sizes == [[10, 10], [1000], [10]]


def test_a_large_table_is_read_in_bounded_memory(source: Side) -> None:
    source.run("CREATE TABLE t AS SELECT repeat('x', 100000) AS v FROM generate_series(1, 1500)")
    before = pa.total_allocated_bytes()
    peaks: list[int] = []
    tracemalloc.start()
    with source.reader() as reader:
        rows = 0
        for batch in reader.read(T, ("v",), batch_bytes=4 << 20):
            rows += batch.num_rows
            peaks.append(pa.total_allocated_bytes() - before)
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 1500
    assert len(peaks) == 37
    assert max(peaks) < 16 << 20
    assert peak < 16 << 20


def test_an_empty_table_gives_no_batch(source: Side) -> None:
    source.run("CREATE TABLE t (v int)")
    with source.reader() as reader:
        assert list(reader.read(T, ("v",))) == []


def test_no_column_is_refused(source: Side) -> None:
    source.run("CREATE TABLE t (v int)")
    with source.reader() as reader, pytest.raises(Invalid, match=r"No column of public\.t was asked for"):
        list(reader.read(T, ()))


def test_an_error_of_the_source_in_mid_stream_is_raised_and_tells_no_value(source: Side) -> None:
    source.run(
        "CREATE TABLE raw AS SELECT n, CASE WHEN n = 900 THEN 'alice@example.com' ELSE '1' END AS v"
        " FROM generate_series(1, 1000) AS n; CREATE VIEW t AS SELECT v::int AS v FROM raw"
    )
    seen: list[int] = []
    with source.reader() as reader, pytest.raises(Refused) as caught:
        seen.extend(batch.num_rows for batch in reader.read(T, ("v",), batch_rows=100))
    assert seen == [100] * 8
    assert caught.value.sentence == "Could not read public.t: a value does not fit its type (SQLSTATE 22P02)."
    assert_tells_nothing(caught.value, "alice")


def test_a_connection_that_ends_in_mid_stream_is_raised(source: Side) -> None:
    source.run("CREATE TABLE t AS SELECT repeat('x', 1000) AS v FROM generate_series(1, 200000)")
    with source.reader() as reader:
        batches = reader.read(T, ("v",), batch_rows=1000)
        next(batches)
        assert end_backends(source.settings, source.credentials, reader.backend_pids) == 1
        with pytest.raises(Unreachable, match=r"Could not read public\.t: the connection was lost") as caught:
            list(batches)
    assert caught.value.step == "read"


def test_a_table_can_be_abandoned_and_the_next_is_of_the_same_moment(source: Side) -> None:
    source.run("CREATE TABLE t AS SELECT v FROM generate_series(1, 300000) AS v; CREATE TABLE u AS SELECT 1 AS v")
    with source.reader() as reader:
        batches = reader.read(T, ("v",), batch_rows=10)
        assert next(batches).num_rows == 10
        source.run("INSERT INTO u VALUES (2)")
        batches.close()
        assert values(reader, TableRef("public", "u")) == ["1"]


def test_two_tables_at_a_time_are_a_bug_and_no_table_ends_early(source: Side) -> None:
    source.run("CREATE TABLE t AS SELECT v FROM generate_series(1, 100) AS v")
    with source.reader() as reader:
        first = reader.read(T, ("v",), batch_rows=10)
        next(first)
        with pytest.raises(RuntimeError, match="another table is being read"):
            reader.read(T, ("v",))
        assert sum(batch.num_rows for batch in first) == 90
        assert len(values(reader)) == 100


def test_a_table_that_is_read_on_after_its_reader_was_left_raises(source: Side) -> None:
    source.run("CREATE TABLE t AS SELECT v FROM generate_series(1, 100000) AS v")
    with source.reader() as reader:
        first = reader.read(T, ("v",), batch_rows=10)
        next(first)
    with pytest.raises(Unreachable, match="the connection was lost"):
        list(first)
    with pytest.raises(RuntimeError, match="the reader is not open"):
        list(reader.read(T, ("v",)))


def test_rows_come_in_the_same_order_every_time(source: Side) -> None:
    # More than a quarter of the shared buffers, where the server would join a scan that is under way.
    source.run("CREATE TABLE t AS SELECT v, repeat('x', 2000) AS w FROM generate_series(1, 8000) AS v")
    with source.reader() as one, source.reader() as two:
        first = one.read(T, ("v",), batch_rows=1000)
        next(first)
        assert values(two) == [str(v) for v in range(1, 8001)]


def test_a_row_level_policy_never_leaves_rows_out_silently(source: Side) -> None:
    role = source.server.create_role()
    source.run(
        "CREATE TABLE t (v int); INSERT INTO t VALUES (1), (2); ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY p ON t USING (v = 1); GRANT SELECT ON t TO {role.name}"
    )
    with source.acting(role).reader() as reader, pytest.raises(Refused, match="row-level security policy"):
        values(reader)


def test_a_table_without_the_right_to_read_it_names_the_user_field(source: Side) -> None:
    source.run("CREATE TABLE t (v int)")
    with source.acting(source.server.create_role()).reader() as reader, pytest.raises(Unreachable) as caught:
        values(reader)
    assert (caught.value.step, caught.value.field) == ("read", "user")


def test_a_table_that_is_gone_is_refused(source: Side) -> None:
    with source.reader() as reader, pytest.raises(Refused, match="a table that it needs does not exist"):
        values(reader)


def test_bytes_that_are_no_utf8_are_refused_without_showing_them(source: Side) -> None:
    database = f"{source.settings.database}_ascii"
    source.run(f"CREATE DATABASE {database} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    try:
        with source.server.connect(database, client_encoding="SQL_ASCII") as admin:
            admin.execute(b"CREATE TABLE t AS SELECT 'secret \xff' AS v")
        settings = type(source.settings)(source.settings.host, source.settings.port, database)
        with Reader(settings, source.credentials) as reader, pytest.raises(Refused) as caught:
            values(reader)
        assert_tells_nothing(caught.value, "secret")
    finally:
        source.server.drop_database(database)


def test_a_source_cannot_be_written_through_a_reader(source: Side) -> None:
    source.run(
        "CREATE TABLE t (v int); CREATE FUNCTION grow() RETURNS int LANGUAGE sql AS"
        " 'INSERT INTO public.t VALUES (1) RETURNING v'; CREATE VIEW u AS SELECT grow() AS v"
    )
    with source.reader() as reader, pytest.raises(Unreachable, match="the server accepts no writes"):
        values(reader, TableRef("public", "u"))
    assert source.one("SELECT count(*) FROM t") == 0


def test_the_connection_says_what_it_is_for(source: Side) -> None:
    with source.reader() as reader:
        pid = reader.backend_pids[0].pid
        assert source.one(f"SELECT application_name FROM pg_stat_activity WHERE pid = {pid}") == "lockgate/extract"
    assert source.gone(pid)


def test_a_sample_is_the_same_every_time_and_not_the_first_rows(source: Side) -> None:
    source.run("CREATE TABLE t AS SELECT v, v % 7 AS w FROM generate_series(1, 5000) AS v")
    samples = [sample(source.settings, source.credentials, T, ("v", "w"), 50) for _ in range(2)]
    assert samples[0] == samples[1]
    assert samples[0].num_rows == 50
    assert samples[0].schema == pa.schema([("v", pa.string()), ("w", pa.string())])
    assert max(int(v) for v in samples[0].column("v").to_pylist()) > 2500


def test_with_a_key_the_same_rows_are_drawn_whatever_the_columns(source: Side) -> None:
    source.run(
        "CREATE TABLE t AS SELECT v, v * 2 AS w FROM generate_series(1, 5000) AS v; ALTER TABLE t ADD PRIMARY KEY (v)"
    )
    ids = sample(source.settings, source.credentials, T, ("v",), 50).column("v").to_pylist()
    doubles = sample(source.settings, source.credentials, T, ("w",), 50).column("w").to_pylist()
    assert [int(w) for w in doubles] == [2 * int(v) for v in ids]


def test_a_sample_of_a_large_table_or_a_view_is_drawn_too(source: Side) -> None:
    source.run(
        "CREATE TABLE t AS SELECT v FROM generate_series(1, 200000) AS v; ANALYZE t;"
        "CREATE VIEW u AS SELECT v FROM t; CREATE TABLE empty (v int)"
    )
    for table, rows in (("t", 100), ("u", 100), ("empty", 0)):
        samples = [
            sample(source.settings, source.credentials, TableRef("public", table), ("v",), 100) for _ in range(2)
        ]
        assert samples[0] == samples[1]
        assert samples[0].num_rows == rows


def test_a_sample_of_an_absent_table_is_not_found(source: Side) -> None:
    with pytest.raises(NotFound, match=r"There is no table public\.t"):
        sample(source.settings, source.credentials, T, ("v",), 5)


def assert_tells_nothing(error: BaseException, value: str) -> None:
    """Neither the error nor anything that a log of the whole chain would print holds the value."""
    chain: BaseException | None = error
    while chain is not None:
        assert value not in str(chain)
        assert value not in repr(chain)
        if isinstance(chain, psycopg.Error):
            assert chain.args == (f"SQLSTATE {chain.sqlstate}",)
        chain = chain.__cause__ or chain.__context__
