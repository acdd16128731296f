"""From a source table to a destination: treated, checked, signed, verified, and written once."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace

import pytest

from apps.dataplane.connectors.postgres import Credentials, PostgresSettings, Publisher, Reader
from apps.dataplane.crypto import signing
from apps.dataplane.crypto.rows import decrypt_row
from apps.dataplane.definition import parse
from apps.dataplane.errors import Fenced, PartRejected, PublishRefused
from apps.dataplane.parts import open_part
from apps.dataplane.plan import EndpointRef, TableRef, TreatmentSpec
from apps.dataplane.planner import Inputs, StreamFacts, compile_plan
from apps.dataplane.policy import PolicyText, Rule
from apps.dataplane.runner import gate
from apps.dataplane.runner.extract import Extraction
from apps.dataplane.runner.publish import Publication
from apps.dataplane.runner.stage import Stage
from apps.dataplane.runner.staged import Staged

DAY = datetime.date(2026, 1, 1)
QUARANTINE = bytes(range(32))
RULES = PolicyText(
    "personal",
    1,
    (
        Rule("mail", TreatmentSpec("token"), tag="pii.contact.email"),
        Rule("birth", TreatmentSpec("date_truncate", {"unit": "year"}), tag="pii.birth_date"),
        Rule("ids", TreatmentSpec("drop"), tag="pii.national_id"),
    ),
)
TAGS = {
    "people": {
        "id": (),
        "email": ("pii.contact.email",),
        "born": ("pii.birth_date",),
        "ssn": ("pii.national_id",),
        "extra": (),
    },
    "orders": {"id": (), "person": (), "email": ("pii.contact.email",), "kind": ()},
}
SOURCE_SQL = """
CREATE TABLE people (id bigint, email text, born date, ssn text, extra jsonb);
INSERT INTO people VALUES
 (1, 'ada@example.com', '1980-05-17', '900-1', '{"a": "x, \\"y\\""}'), (2, 'bo@example.com', '1990-02-03', NULL, NULL),
 (3, 'not mail', '1970-01-01', '900-3', '{}'), (4, NULL, 'infinity', '900-4', '{}'), (5, '', '2093-01-01', '', '[]'),
 (2, 'twice@example.com', '1991-01-01', '900-6', '{}');
CREATE TABLE orders (id int, person bigint, email text, kind text);
INSERT INTO orders VALUES
 (10, 1, 'ada@example.com', 'a'), (11, 3, 'x@example.com', 'a'), (12, 99, NULL, 'a'), (13, 2, NULL, 'test');
"""


class Keys:
    def treatment(self, key):
        return bytes([key.version]) * 32

    def quarantine(self):
        return QUARANTINE


def silent(progress):
    pass


def definition():
    def table(name):
        return {"schema": "public", "table": name}

    return parse(
        {
            "format": 1,
            "streams": [
                {
                    "name": "people",
                    "source": table("people"),
                    "destination": table("people_masked"),
                    "row_checks": [
                        {"id": "mail", "kind": "matches", "column": "email", "params": {"pattern": "@|^$"}},
                        {"id": "born", "kind": "between", "column": "born", "params": {"max": "today"}},
                    ],
                    "settle": [{"id": "once", "kind": "unique", "columns": ["id"]}],
                },
                {
                    "name": "orders",
                    "source": table("orders"),
                    "destination": table("orders_masked"),
                    "filters": [{"id": "real", "kind": "not_in_set", "column": "kind", "params": {"values": ["test"]}}],
                    "settle": [
                        {"id": "known", "kind": "references", "columns": ["person"], "target": "people", "to": ["id"]}
                    ],
                },
            ],
            "output_checks": [
                {
                    "id": "ids",
                    "stream": "people",
                    "expectation": "expect_column_values_to_be_unique",
                    "kwargs": {"column": "id"},
                },
                {
                    "id": "few",
                    "stream": "orders",
                    "expectation": "expect_table_row_count_to_be_between",
                    "kwargs": {"min_value": 1, "max_value": 1},
                },
            ],
        }
    )


class Play:
    """A source, a destination, and one attempt to move rows between them."""

    def __init__(self, postgres, new_database, tmp_path):
        self.server, self.root = postgres, tmp_path / "parts"
        self.source, self.destination = new_database(), new_database()
        with postgres.connect(self.source) as connection:
            connection.execute(SOURCE_SQL)
        self.private, self.public = signing.generate()

    def settings(self, database):
        role = self.server.superuser
        return (
            PostgresSettings(host=self.server.host, port=self.server.port, database=database),
            Credentials(user=role.name, password=role.password),
        )

    def plan(self, reader, policies=(RULES,)):
        with Publisher(*self.settings(self.destination)) as looking:
            there = {s.name: looking.schema(s.destination) for s in definition().streams}
        live = {s.name: reader.schema(s.source) for s in definition().streams}
        return compile_plan(
            Inputs(
                pipeline="pipeline-1",
                pipeline_version=1,
                team="t",
                definition=definition(),
                source=EndpointRef("s", 1, "restricted", "eu"),
                destination=EndpointRef("d", 1, "analytics", "eu"),
                policies=policies,
                streams={n: StreamFacts(live[n], live[n], there[n], TAGS[n]) for n in live},
                key_versions={"default": 1},
                code_version="test",
            )
        )

    def extract(self, *, run="run-1", fence=1):
        with Reader(*self.settings(self.source)) as reader:
            plan = self.plan(reader)
            stage = Stage(self.root, self.root, run, fence, plan, lambda message: signing.sign(self.private, message))
            report = Extraction(plan, reader, stage, Keys(), DAY, silent).run()
        return Staged(self.root, run, fence, plan, self.public, tuple(stage.parts)), report

    def publish(self, staged, report, *, required=None):
        expected = {name: counts.staged for name, counts in report.counts.items()}
        required = required or {stream.name: stream.columns for stream in staged.plan.streams}
        with Publisher(*self.settings(self.destination)) as publisher:
            return Publication(staged, required, expected, publisher, silent).run()

    def rows(self, query):
        with self.server.connect(self.destination) as connection:
            return connection.execute(query).fetchall()

    def tables(self):
        return {name for (name,) in self.rows("SELECT relname FROM pg_class WHERE relname LIKE '%_masked'")}


@pytest.fixture
def play(postgres, new_database, tmp_path):
    return Play(postgres, new_database, tmp_path)


def test_every_row_is_accounted_for_and_only_treated_rows_arrive(play):
    staged, report = play.extract()
    people, orders = report.counts["people"], report.counts["orders"]
    assert (people.read, people.staged, people.quarantined, people.rejected, people.excluded) == (6, 2, 4, 0, 0)
    assert (orders.read, orders.staged, orders.quarantined, orders.rejected, orders.excluded) == (4, 1, 2, 0, 1)
    outcomes = gate.check(staged)
    assert [outcome.status for outcome in outcomes] == ["passed", "passed"]
    published = play.publish(staged, report)
    assert dict(published.rows) == {"people": 2, "orders": 1}
    rows = play.rows("SELECT id, email, born::text, extra::text FROM people_masked ORDER BY id")
    assert [row[0] for row in rows] == [1, 2]
    assert all(row[1].startswith("tok_") and len(row[1]) == 36 for row in rows)
    assert [row[2] for row in rows] == ["1980-01-01", "1990-01-01"]
    assert rows[0][3] == '{"a": "x, \\"y\\""}'
    joined = play.rows("SELECT o.id FROM orders_masked o JOIN people_masked p ON p.email = o.email")
    assert joined == [(10,)]
    columns = play.rows("SELECT attname FROM pg_attribute WHERE attrelid = 'people_masked'::regclass AND attnum > 0")
    assert ("ssn",) not in columns


def test_what_a_rule_turned_away_is_encrypted_and_shown_as_shapes_only(play):
    staged, report = play.extract()
    away = report.turned_away["people"]
    assert dict(away.counts) == {"mail": 1, "born": 2, "not-representable": 1, "once": 1}
    assert away.shapes["mail"][0]["columns"] == {
        "id": "9",
        "email": "aaa aaaa",
        "born": "9999-99-99",
        "ssn": "999-9",
        "extra": "{}",
    }
    part = staged.of("people", "quarantine")[0]
    _, table = open_part(play.root, part.path, verify_key=play.public, run="run-1", plan_hash=staged.plan.hash, fence=1)
    row_id, sealed = table["row_id"][0].as_py(), table["sealed"][0].as_py()
    assert b"not mail" not in sealed
    opened = json.loads(decrypt_row(QUARANTINE, sealed, place="run/run-1/people", row_id=row_id))
    assert opened["email"] == "not mail"
    bodies = b"".join(path.read_bytes() for path in play.root.rglob("*") if path.is_file())
    assert b"ada@example.com" not in bodies
    assert b"900-1" not in bodies


def test_a_second_run_replaces_and_the_content_hash_says_it_is_the_same(play):
    first = play.publish(*play.extract())
    staged, report = play.extract(run="run-2", fence=2)
    assert [stream.method for stream in staged.plan.streams] == ["delete_insert", "delete_insert"]
    second = play.publish(staged, report)
    assert dict(first.content) == dict(second.content)
    assert play.rows("SELECT count(*) FROM people_masked") == [(2,)]


def test_publishing_the_same_run_twice_writes_once(play):
    staged, report = play.extract()
    once = play.publish(staged, report)
    again = play.publish(staged, report)
    assert (once.already, again.already) == (False, True)
    assert (again.rows, again.content) == (once.rows, once.content)
    assert play.rows("SELECT count(*) FROM people_masked") == [(2,)]


def test_an_older_attempt_is_fenced(play):
    old = play.extract(fence=1)
    play.publish(*play.extract(run="run-2", fence=2))
    with pytest.raises(Fenced):
        play.publish(*old)


@pytest.mark.parametrize("place", ["body", "header"])
def test_a_part_with_one_byte_changed_is_refused_and_nothing_is_written(play, place):
    staged, report = play.extract()
    path = play.root / staged.of("people", "rows")[0].path
    path = path if place == "body" else next(path.parent.glob(f"{path.stem}*.json"))
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(changed)
    with pytest.raises(PartRejected):
        gate.check(staged)
    with pytest.raises(PartRejected):
        play.publish(staged, report)
    assert play.tables() == set()


def test_a_part_signed_for_another_plan_is_refused(play):
    staged, report = play.extract()
    other = replace(staged.plan, purpose="something else")
    with pytest.raises(PartRejected):
        play.publish(replace(staged, plan=other), report)
    assert play.tables() == set()


def test_a_part_of_another_worker_is_refused(play):
    staged, report = play.extract()
    _, stranger = signing.generate()
    with pytest.raises(PartRejected):
        play.publish(replace(staged, verify_key=stranger), report)
    assert play.tables() == set()


def test_a_policy_that_changed_since_extract_refuses_publish(play):
    staged, report = play.extract()
    stricter = PolicyText(
        "personal", 2, (Rule("mail", TreatmentSpec("redact"), tag="pii.contact.email"), *RULES.rules[1:])
    )
    with Reader(*play.settings(play.source)) as reader:
        now = play.plan(reader, (stricter,))
    with pytest.raises(PublishRefused) as refused:
        play.publish(staged, report, required={stream.name: stream.columns for stream in now.streams})
    assert "public.people.email" in refused.value.sentence
    assert play.tables() == set()


def test_a_destination_that_changed_since_the_plan_refuses_publish(play):
    staged, report = play.extract()
    with play.server.connect(play.destination) as connection:
        connection.execute("CREATE TABLE people_masked (id bigint)")
    with pytest.raises(PublishRefused):
        play.publish(staged, report)
    assert play.rows("SELECT count(*) FROM people_masked") == [(0,)]


def test_a_plan_that_passes_raw_values_off_as_tokens_is_refused_by_their_look(play):
    """The extract worker is trusted to mask; its mistakes are caught all the same."""
    staged, report = play.extract()
    raw = _staged_raw(play, staged)
    with pytest.raises(PublishRefused) as refused:
        play.publish(raw, report)
    assert "does not look like token" in refused.value.sentence
    assert play.tables() == set()


def _staged_raw(play, staged):
    """A part whose e-mail column was never treated, honestly signed."""
    part = staged.of("people", "rows")[0]
    _, table = open_part(play.root, part.path, verify_key=play.public, run="run-1", plan_hash=staged.plan.hash, fence=1)
    index = table.schema.get_field_index("email")
    raw = table.set_column(index, "email", [["ada@example.com"] * table.num_rows])
    stage = Stage(play.root, play.root, "run-1", 7, staged.plan, lambda message: signing.sign(play.private, message))
    for stream in staged.plan.streams:
        stage.write(stream, "rows", raw if stream.name == "people" else _table(play, staged, stream.name))
    for name in ("people", "orders"):
        for removed in staged.of(name, "removed"):
            _, ids = open_part(
                play.root, removed.path, verify_key=play.public, run="run-1", plan_hash=staged.plan.hash, fence=1
            )
            stage.write(staged.plan.stream(name), "removed", ids)
    return replace(staged, fence=7, parts=tuple(stage.parts))


def _table(play, staged, name):
    part = staged.of(name, "rows")[0]
    return open_part(play.root, part.path, verify_key=play.public, run="run-1", plan_hash=staged.plan.hash, fence=1)[1]


def test_the_destination_is_named_as_the_plan_says(play):
    staged, _ = play.extract()
    assert staged.plan.stream("people").destination == TableRef("public", "people_masked")
