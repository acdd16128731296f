"""A publication happens wholly or not at all, once, and only by the worker whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from apps.dataplane.connectors.postgres import Publisher, end_backends, session
from apps.dataplane.errors import Fenced, PartRejected, Refused, Unreachable
from apps.dataplane.plan import ColumnSchema, TableRef

from .conftest import Side
from .test_reader import assert_tells_nothing

T = TableRef("public", "t")
V = (ColumnSchema("v", "integer"),)
LOCKS = "SELECT mode FROM pg_locks WHERE relation = 't'::regclass AND pid = {} ORDER BY mode"


def batch(*values: str | None, column: str = "v") -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, pa.string())], names=[column])


def publish(side: Side, *values: str, fence: int = 1, run: str = "run") -> None:
    with side.publisher() as publisher:
        publisher.state("p", fence=fence)
        publisher.delete_all(T)
        publisher.load(T, ("v",), iter([batch(*values)]))
        publisher.record_state("p", run, fence, "hash")
        publisher.commit()


def rows(side: Side) -> list[Any]:
    return [v for (v,) in side.rows("SELECT v FROM t ORDER BY v")]


@pytest.fixture
def table(destination: Side) -> Side:
    destination.run("CREATE TABLE t (v int); INSERT INTO t VALUES (1), (2)")
    return destination


class TestState:
    def test_the_first_publication_finds_no_state_and_leaves_one(self, table: Side) -> None:
        with table.publisher() as publisher:
            assert publisher.state("p") is None
            publisher.load(T, ("v",), iter([batch("3"), batch("4", "5")]))
            publisher.record_state("p", "run-1", 7, "hash-1")
            publisher.commit()
        with table.publisher() as publisher:
            state = publisher.state("p")
            assert publisher.state("q") is None
        assert state is not None
        assert (state.run, state.fence, state.plan_hash, state.rows) == ("run-1", 7, "hash-1", 3)
        assert state.published_at == table.one("SELECT published_at FROM lockgate.state")

    def test_without_commit_nothing_is_there(self, table: Side) -> None:
        with table.publisher() as publisher:
            publisher.delete_all(T)
            publisher.load(T, ("v",), iter([batch("3")]))
            publisher.create(TableRef("public", "u"), V)
            publisher.record_state("p", "run", 1, "hash")
        assert rows(table) == [1, 2]
        assert table.one("SELECT to_regclass('u')") is None
        assert table.rows("SELECT * FROM lockgate.state") == []

    def test_commit_without_a_record_is_a_bug(self, table: Side) -> None:
        with table.publisher() as publisher, pytest.raises(RuntimeError, match="record_state comes before commit"):
            publisher.commit()

    def test_a_lower_fence_is_turned_away_and_changes_nothing(self, table: Side) -> None:
        publish(table, "3", fence=5)
        with table.publisher() as publisher, pytest.raises(Fenced, match="Fence 5 has published here already"):
            publisher.state("p", fence=4)
        with table.publisher() as publisher:
            publisher.delete_all(T)
            with pytest.raises(Fenced):
                publisher.record_state("p", "late", 4, "hash")
        assert rows(table) == [3]
        assert table.rows("SELECT run, fence FROM lockgate.state") == [("run", 5)]

    def test_the_same_and_a_higher_fence_go_on(self, table: Side) -> None:
        for fence, value in ((5, "3"), (5, "4"), (6, "5")):
            publish(table, value, fence=fence)
        assert rows(table) == [5]

    def test_two_publications_of_one_pipeline_wait_for_each_other_even_the_first_time(self, table: Side) -> None:
        seen: list[str | None] = []

        def second() -> None:
            with table.publisher() as publisher:
                state = publisher.state("p")
                seen.append(state.run if state else None)

        with table.publisher() as publisher:
            assert publisher.state("p") is None
            thread = threading.Thread(target=second)
            thread.start()
            thread.join(0.5)
            assert seen == []
            publisher.record_state("p", "first", 1, "hash")
            publisher.commit()
        thread.join(20)
        assert seen == ["first"]

    def test_another_pipeline_does_not_wait(self, table: Side) -> None:
        with table.publisher() as one, table.publisher() as two:
            assert one.state("p") is None
            assert two.state("q") is None

    def test_publishers_that_come_at_once_create_the_bookkeeping_once(self, table: Side) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: publish(table, "3"), range(4)))
        assert rows(table) == [3]
        assert table.rows("SELECT pipeline FROM lockgate.state") == [("p",)]

    def test_a_publication_that_died_before_its_commit_left_nothing(self, table: Side) -> None:
        with table.publisher() as publisher:
            publisher.delete_all(T)
            publisher.record_state("p", "run", 1, "hash")
            assert publisher.backend_pid is not None
            assert end_backends(table.settings, table.credentials, [publisher.backend_pid]) == 1
            with pytest.raises(Unreachable, match="Could not commit the publication: the connection was lost"):
                publisher.commit()
        assert rows(table) == [1, 2]
        assert table.rows("SELECT * FROM lockgate.state") == []


class TestReplace:
    def test_readers_see_the_old_rows_until_the_commit(self, table: Side) -> None:
        with table.publisher() as publisher:
            assert publisher.delete_all(T) == 2
            publisher.load(T, ("v",), iter([batch("3")]))
            table.run("SET lock_timeout TO '1s'")
            assert rows(table) == [1, 2]
            publisher.record_state("p", "run", 1, "hash")
            publisher.commit()
            assert rows(table) == [3]

    def test_other_writers_and_changes_of_the_definition_are_kept_out(self, table: Side) -> None:
        with table.publisher() as publisher:
            publisher.delete_all(T)
            assert publisher.backend_pid is not None
            assert ("ShareRowExclusiveLock",) in table.rows(LOCKS.format(publisher.backend_pid.pid))
            table.run("SET lock_timeout TO '100ms'")
            for statement in ("INSERT INTO t VALUES (9)", "ALTER TABLE t ADD w int"):
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    table.run(statement)

    def test_a_table_that_somebody_holds_is_told_and_not_waited_for_for_ever(
        self, table: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(session.TEXT_FORM, "lock_timeout", "100ms")
        with table.server.connect(table.settings.database) as other, other.transaction():
            other.execute("INSERT INTO t VALUES (9)")
            with table.publisher() as publisher, pytest.raises(Unreachable) as caught:
                publisher.delete_all(T)
        assert caught.value.sentence == "Could not lock public.t: somebody else holds a lock on it."

    def test_a_deletion_that_would_reach_another_table_is_refused(self, destination: Side) -> None:
        destination.run(
            "CREATE TABLE t (v int PRIMARY KEY);"
            "CREATE TABLE child (v int CONSTRAINT k REFERENCES t ON DELETE CASCADE);"
            "INSERT INTO t VALUES (1); INSERT INTO child VALUES (1)"
        )
        with destination.publisher() as publisher, pytest.raises(Refused) as caught:
            publisher.delete_all(T)
        assert caught.value.sentence == (
            "Could not empty public.t: foreign key k would carry the deletion into public.child."
        )
        assert destination.one("SELECT count(*) FROM child") == 1

    def test_a_key_that_can_wait_is_checked_at_the_commit(self, destination: Side) -> None:
        destination.run(
            "CREATE TABLE t (v int PRIMARY KEY);"
            "CREATE TABLE child (v int CONSTRAINT k REFERENCES t DEFERRABLE);"
            "INSERT INTO t VALUES (1), (2); INSERT INTO child VALUES (1)"
        )
        publish(destination, "1", "3")
        assert rows(destination) == [1, 3]
        with pytest.raises(Refused) as caught:
            publish(destination, "3", "4")
        assert caught.value.sentence == (
            "Could not commit the publication: it would break a foreign key constraint (k)."
        )
        assert rows(destination) == [1, 3]

    def test_a_partitioned_table_is_replaced_in_all_its_parts(self, destination: Side) -> None:
        destination.run(
            "CREATE TABLE t (v int) PARTITION BY LIST (v); CREATE TABLE one PARTITION OF t FOR VALUES IN (1);"
            "CREATE TABLE rest PARTITION OF t DEFAULT; INSERT INTO t VALUES (1), (2)"
        )
        publish(destination, "1", "3")
        assert rows(destination) == [1, 3]
        assert destination.rows("SELECT v FROM one") == [(1,)]

    def test_rows_that_a_rule_keeps_back_are_refused(self, table: Side) -> None:
        table.run("CREATE RULE keep AS ON DELETE TO t DO INSTEAD NOTHING")
        with table.publisher() as publisher, pytest.raises(Refused, match="a rule or trigger of the destination keeps"):
            publisher.delete_all(T)

    def test_rows_hidden_by_a_row_level_policy_are_never_left_behind(self, table: Side) -> None:
        role = writer(
            table, KEEP_STATE, "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON t USING (v = 1)"
        )
        with table.acting(role).publisher() as publisher, pytest.raises(Refused, match="row-level security policy"):
            publisher.delete_all(T)

    @pytest.mark.parametrize("statement", ["DROP TABLE t", "DROP TABLE t; CREATE VIEW t AS SELECT 1 AS v"])
    def test_what_is_no_table_is_refused(self, table: Side, statement: str) -> None:
        table.run(statement)
        with table.publisher() as publisher, pytest.raises(Refused, match=r"Could not write to public\.t"):
            publisher.delete_all(T)

    def test_the_definition_can_be_read_under_the_lock(self, table: Side) -> None:
        with table.publisher() as publisher:
            publisher.lock(T)
            schema = publisher.schema(T)
            assert publisher.schema(TableRef("public", "absent")) is None
        assert schema is not None
        assert schema.columns == V


class TestCreate:
    def test_a_new_table_in_a_new_schema_with_types_and_not_nulls(self, destination: Side) -> None:
        ref = TableRef("new", "t")
        columns = (
            ColumnSchema("a", "numeric(10,2)", not_null=True),
            ColumnSchema("b", "timestamp(3) with time zone[]"),
        )
        with destination.publisher() as publisher:
            publisher.create(ref, columns)
            publisher.record_state("p", "run", 1, "hash")
            publisher.commit()
        with destination.reader() as reader:
            schema = reader.schema(ref)
        assert schema is not None
        assert schema.columns == columns

    def test_a_type_that_the_destination_lacks_is_refused_by_name(self, destination: Side) -> None:
        with destination.publisher() as publisher, pytest.raises(Refused) as caught:
            publisher.create(T, (ColumnSchema("m", "public.mood"),))
        assert caught.value.sentence == ("Could not create public.t: the destination has no type public.mood for m.")

    def test_a_type_is_never_more_than_a_type(self, destination: Side) -> None:
        with destination.publisher() as publisher, pytest.raises(Refused, match="the destination has no type"):
            publisher.create(T, (ColumnSchema("m", "text); CREATE TABLE stolen (v text"),))
        assert destination.one("SELECT to_regclass('stolen')") is None

    def test_a_table_that_is_there_is_never_replaced(self, table: Side) -> None:
        with table.publisher() as publisher, pytest.raises(Refused, match=r"Could not create public\.t"):
            publisher.create(T, V)
        assert rows(table) == [1, 2]

    def test_names_that_the_server_would_cut_off_are_refused(self, destination: Side) -> None:
        with destination.publisher() as publisher:
            for ref, column in ((TableRef("public", "ü" * 32), "v"), (T, "x" * 64), (T, "")):
                with pytest.raises(Refused, match="names have 1 to 63 bytes"):
                    publisher.create(ref, (ColumnSchema(column, "text"),))


class TestLoad:
    def test_columns_that_the_destination_generates_are_left_to_it(self, destination: Side) -> None:
        destination.run(
            "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, v int, twice int GENERATED ALWAYS AS (v * 2) STORED)"
        )
        given = pa.RecordBatch.from_pylist(
            [{"id": "40", "v": "7", "twice": "1"}, {"id": "41", "v": None, "twice": "1"}]
        )
        with destination.publisher() as publisher:
            assert publisher.load(T, ("id", "v", "twice"), iter([given])) == 2
            publisher.record_state("p", "run", 1, "hash")
            publisher.commit()
        assert destination.rows("SELECT id, v, twice FROM t ORDER BY id") == [(40, 7, 14), (41, None, None)]

    def test_columns_beside_the_named_ones_stay_out(self, table: Side) -> None:
        given = pa.RecordBatch.from_arrays([pa.array([0], pa.int64()), pa.array(["3"])], names=["__row_id", "v"])
        with table.publisher() as publisher:
            assert publisher.load(T, ("v",), iter([given])) == 1

    def test_no_batch_and_empty_batches_are_no_rows(self, table: Side) -> None:
        with table.publisher() as publisher:
            assert publisher.load(T, ("v",), iter([])) == 0
            assert publisher.load(T, ("v",), iter([batch(), batch()])) == 0

    def test_a_value_that_breaks_a_constraint_is_told_by_the_constraints_name_alone(self, destination: Side) -> None:
        destination.run("CREATE TABLE t (v text CONSTRAINT must_be_masked CHECK (v LIKE 'tok_%'))")
        with destination.publisher() as publisher, pytest.raises(Refused) as caught:
            publisher.load(T, ("v",), iter([batch("alice@example.com")]))
        assert caught.value.sentence == ("Could not load public.t: it would break a CHECK constraint (must_be_masked).")
        assert_tells_nothing(caught.value, "alice")

    def test_a_value_that_does_not_fit_is_told_by_the_columns_name_alone(self, table: Side) -> None:
        with table.publisher() as publisher, pytest.raises(Refused) as caught:
            publisher.load(T, ("v",), iter([batch("alice@example.com")]))
        assert caught.value.sentence == (
            "Could not load public.t: a value of column v does not fit its type (SQLSTATE 22P02)."
        )
        assert_tells_nothing(caught.value, "alice")

    def test_duplicates_and_nulls_are_told_without_their_values(self, destination: Side) -> None:
        destination.run("CREATE TABLE t (v text PRIMARY KEY)")
        for values, sentence in (
            (("alice", "alice"), "Could not load public.t: it would break a unique constraint (t_pkey)."),
            ((None,), "Could not load public.t: it would break a NOT NULL constraint (v)."),
        ):
            with destination.publisher() as publisher, pytest.raises(Refused) as caught:
                publisher.load(T, ("v",), iter([batch(*values)]))
            assert caught.value.sentence == sentence
            assert_tells_nothing(caught.value, "alice")

    def test_rows_that_a_trigger_turns_away_are_noticed(self, table: Side) -> None:
        table.run(
            "CREATE FUNCTION drop_odd() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN IF new.v % 2 = 1 THEN RETURN NULL; END IF; RETURN new; END $$;"
            "CREATE TRIGGER odd BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION drop_odd()"
        )
        with table.publisher() as publisher, pytest.raises(Refused, match="of 3 rows the destination stored 1"):
            publisher.load(T, ("v",), iter([batch("3", "4", "5")]))

    def test_a_part_that_is_rejected_in_mid_load_stops_it_and_tells_the_server_nothing(self, table: Side) -> None:
        def batches() -> Iterator[pa.RecordBatch]:
            yield batch("3")
            raise PartRejected("Part 2 was changed after it was signed: canary-value.")

        with table.publisher() as publisher, pytest.raises(PartRejected, match="Part 2 was changed"):
            publisher.load(T, ("v",), batches())
        assert rows(table) == [1, 2]
        assert "canary-value" not in (table.server.directory / "log").read_text()

    def test_columns_that_are_not_text_are_a_bug(self, table: Side) -> None:
        given = pa.RecordBatch.from_arrays([pa.array([3])], names=["v"])
        with table.publisher() as publisher, pytest.raises(TypeError, match="loads strings only, not int64"):
            publisher.load(T, ("v",), iter([given]))

    def test_large_strings_and_dictionaries_of_strings_load_too(self, destination: Side) -> None:
        destination.run("CREATE TABLE t (v text)")
        kinds = (pa.array(["a", None], pa.large_string()), pa.array(["b", "b"]).dictionary_encode())
        with destination.publisher() as publisher:
            for kind in kinds:
                publisher.load(T, ("v",), iter([pa.RecordBatch.from_arrays([kind], names=["v"])]))
            publisher.record_state("p", "run", 1, "hash")
            publisher.commit()
        assert rows(destination) == ["a", "b", "b", None]


class TestWho:
    def test_a_role_with_rights_to_the_table_and_a_schema_of_its_own_can_publish(self, table: Side) -> None:
        role = writer(table, KEEP_STATE)
        publish(table.acting(role), "3")
        assert rows(table) == [3]

    def test_without_the_right_to_keep_state_the_user_field_is_named(self, table: Side) -> None:
        with pytest.raises(Unreachable) as caught, table.acting(writer(table)).publisher():
            pass
        assert (caught.value.step, caught.value.field) == ("write", "user")

    def test_a_session_that_skips_triggers_and_keys_is_refused(self, table: Side) -> None:
        table.run(f"ALTER DATABASE {table.settings.database} SET session_replication_role TO replica")
        with pytest.raises(Refused, match="session_replication_role"), table.publisher():
            pass

    def test_the_session_is_bounded_whatever_the_role_says(self, table: Side) -> None:
        with table.publisher() as publisher:
            shown = {name: current(publisher, name) for name in BOUNDED}
            sockets = publisher._open.info.get_parameters()  # type: ignore[union-attr]
        assert shown == BOUNDED
        assert {name: sockets[name] for name in WATCHED} == WATCHED


BOUNDED = {
    "application_name": "lockgate/publish",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "5min",
    "statement_timeout": "0",
    "transaction_isolation": "read committed",
    "synchronous_commit": "on",
    "search_path": "",
    "timezone": "UTC",
}


WATCHED = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000"}


def current(publisher: Publisher, name: str) -> str:
    return str(publisher._open.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[index]


KEEP_STATE = "GRANT CREATE ON DATABASE {database} TO {role}"


def writer(side: Side, *statements: str) -> Any:
    """A role that may read and replace the rows of t and nothing else."""
    role = side.server.create_role()
    side.run(f"GRANT SELECT, INSERT, DELETE ON t TO {role.name}")
    for statement in statements:
        side.run(statement.format(database=side.settings.database, role=role.name))
    return role
