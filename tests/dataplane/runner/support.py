"""A source table, a destination, and as many runs between them as a test wants."""

from __future__ import annotations

import datetime

from apps.dataplane import increments
from apps.dataplane.connectors.postgres import Credentials, PostgresSettings, Publisher, Reader, positions
from apps.dataplane.crypto import signing
from apps.dataplane.definition import parse
from apps.dataplane.plan import EndpointRef, TreatmentSpec
from apps.dataplane.planner import Inputs, StreamFacts, compile_plan
from apps.dataplane.policy import PolicyText, Rule
from apps.dataplane.runner.extract import Extraction
from apps.dataplane.runner.publish import Publication
from apps.dataplane.runner.restore import Restoration
from apps.dataplane.runner.stage import Stage
from apps.dataplane.runner.staged import Staged

DAY = datetime.date(2026, 1, 1)
CURSOR = {"cursor": "seen_at"}
BY_SEEN = {"mode": "merge", "key": ["id"], **CURSOR}
SOURCE = """
CREATE TABLE visits (id bigint PRIMARY KEY, mail text, place text, seen_at timestamptz, serial bigint UNIQUE);
INSERT INTO visits VALUES
 (1, 'ada@x.example', 'Rome', '2026-01-01 10:00Z', 1), (2, 'bo@x.example', 'Oslo', '2026-01-01 11:00Z', 2),
 (3, 'cy@x.example', 'Bonn', '2026-01-01 11:00Z', 3);
"""
MAIL = Rule("mail", TreatmentSpec("token"), tag="pii.contact.email")
TAGS = {"id": (), "mail": ("pii.contact.email",), "place": (), "seen_at": (), "serial": ()}


FIRST = [(1, "Rome"), (2, "Oslo"), (3, "Bonn")]


def _silent(progress):
    pass


class Keys:
    def treatment(self, key):
        return bytes([key.version]) * 32

    def quarantine(self):
        return bytes(32)


class Play:
    """A source table, a destination, and as many runs between them as a test wants."""

    def __init__(self, postgres, new_database, tmp_path):
        self.server, self.root = postgres, tmp_path / "parts"
        self.source, self.destination = new_database(), new_database()
        self.private, self.public = signing.generate()
        self.number, self.rules, self.tags = 0, (MAIL,), dict(TAGS)
        self.at_source(SOURCE)

    def at_source(self, statement):
        with self.server.connect(self.source) as connection:
            connection.execute(statement)

    def at_destination(self, statement):
        with self.server.connect(self.destination) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def settings(self, database):
        role = self.server.superuser
        where = PostgresSettings(host=self.server.host, port=self.server.port, database=database)
        return where, Credentials(user=role.name, password=role.password)

    def plan(self, reader, definition, *, reload=False):
        kept = positions(*self.settings(self.destination), "p")
        facts = {}
        with Publisher(*self.settings(self.destination)) as looking:
            for stream in definition.streams:
                live, there = reader.schema(stream.source), looking.schema(stream.destination)
                own = None if reload or there is None else kept.get(stream.name)
                window = None
                if increments.askable(stream, live):
                    window = reader.window(stream.source, stream.increment, (own.position or None) if own else None)
                facts[stream.name] = StreamFacts(live, live, there, self.tags, window, own)
        policies = (PolicyText("personal", 1, self.rules),)
        ends = EndpointRef("s", 1, "restricted", "eu"), EndpointRef("d", 1, "analytics", "eu")
        return compile_plan(Inputs("p", 1, "t", definition, *ends, policies, facts, {"default": 1}, "test", reload))

    def extract(self, *streams, reload=False):
        self.number += 1
        definition = parse({"format": 1, "streams": [stream(**given) for given in streams]})
        with Reader(*self.settings(self.source)) as reader:
            plan = self.plan(reader, definition, reload=reload)
            sign = lambda message: signing.sign(self.private, message)  # noqa: E731
            stage = Stage(self.root, self.root, f"run-{self.number}", self.number, plan, sign)
            report = Extraction(plan, reader, stage, Keys(), DAY, _silent).run()
        staged = Staged(self.root, f"run-{self.number}", self.number, plan, self.public, tuple(stage.parts))
        return staged, report

    def publish(self, staged, report):
        expected = {name: counts.staged for name, counts in report.counts.items()}
        required = {stream.name: stream.columns for stream in staged.plan.streams}
        with Publisher(*self.settings(self.destination)) as publisher:
            return Publication(staged, required, expected, publisher, _silent).run()

    def run(self, *streams, **options):
        staged, report = self.extract(*streams, **options)
        return dict(self.publish(staged, report).rows), report

    def recall(self, recalled, good, *, recall="recall-1", mine=(), required=None):
        """Put the destination back from `recalled` to the good runs, newest first."""
        if required is None:
            required = {stream.name: stream.columns for staged in good[:1] for stream in staged.plan.streams}
        with Publisher(*self.settings(self.destination)) as publisher:
            own = {recall, *mine}
            return Restoration(
                *(recalled.plan, good, recall, recalled.fence, recalled.run, own, required, publisher, _silent)
            ).run()

    def staged(self, *streams, **options):
        """A run from start to end; its parts."""
        staged, report = self.extract(*streams, **options)
        self.publish(staged, report)
        return staged

    def visits(self):
        return self.at_destination("SELECT id, place FROM lake.visits ORDER BY id, place")

    def position(self, stream="visits"):
        kept = positions(*self.settings(self.destination), "p")
        return kept[stream].position.get("value") if stream in kept else None


def stream(name="visits", table=None, **more):
    place = {"schema": "public", "table": table or name}
    return {"name": name, "source": place, "destination": {"schema": "lake", "table": table or name}, **more}
