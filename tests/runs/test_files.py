"""Whole runs by the real workers: a folder of CSV into PostgreSQL, and PostgreSQL into a folder, both masked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from apps.changes.models import Change
from apps.core import jobs
from apps.core.models import Job
from apps.dataplane.connectors.files import roots
from apps.keys import services as keys
from apps.pipelines.models import Pipeline
from apps.runs import services as runs
from apps.runs.models import LogLine, Run
from apps.sources.models import Connection, Dataset, Discovery
from tests.sources.conftest import here  # noqa: F401
from tests.sources.support import KEKS, Installation
from tests.support import as_role

POLICY = {
    "slug": "personal",
    "name": "Personal",
    "text": {
        "format": 1,
        "rules": [{"name": "mail", "tag": "pii.contact.email", "zone": "*", "treatment": {"kind": "token"}}],
    },
}
CLASSES = (("extract", "worker"), ("publish", "publisher"), ("gate", "gate"))
SECRET = "anna.secret@example.org"


@dataclass
class Folder:
    """An installation that may reach one folder of files."""

    place: Installation
    path: Path

    def put(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def connected(self, purpose: str, **settings: Any) -> Connection:
        credentials: dict[str, Any] = {"read": None, "write": None, purpose: {}}
        definition = {
            "format": 1,
            "settings": {"root": "files", **settings},
            "zone": "analytics",
            "region": "",
            "credentials": credentials,
        }
        proposal = {"slug": f"files-{purpose}", "name": "Files", "kind": "files", "definition": definition}
        self.place.approved("connection", proposal)
        self.work()
        assert not Discovery.objects.exclude(state=Discovery.DONE).values_list("failure", flat=True)
        return Connection.objects.get(slug=f"files-{purpose}")

    def work(self) -> None:
        while waiting := list(Job.objects.filter(state=Job.QUEUED, queue__in=dict(CLASSES)).order_by("id")[:1]):
            with self.place.process(dict(CLASSES)[waiting[0].queue]):
                jobs.work(str(waiting[0].id))

    def classify(
        self, connection: Connection, schema: str, table: str, *, reviewers: str = "bob", **tags: list[str]
    ) -> None:
        columns = [{"schema": schema, "table": table, "column": name, "tags": held} for name, held in tags.items()]
        proposal = {"connection": str(connection.id), "columns": columns}
        self.place.approved("classification", proposal, reviewers=reviewers)

    def pipeline(self, source: Connection, destination: Connection, *streams: dict[str, Any]) -> Pipeline:
        definition = {"format": 1, "purpose": "analytics", "streams": list(streams), "output_checks": []}
        proposal = {
            "slug": "copy",
            "name": "Copy",
            "source": str(source.id),
            "destination": str(destination.id),
            "definition": definition,
        }
        self.place.approved("pipeline", proposal)
        return Pipeline.objects.get(slug="copy")

    def run(self, pipeline: Pipeline) -> Run:
        with as_role("web"):
            run = runs.start(actor=self.place.world.actor("alice"), pipeline_id=pipeline.id)
        self.work()
        run.refresh_from_db()
        return run


@pytest.fixture
def folder(here: Installation, tmp_path: Path) -> Iterator[Folder]:  # noqa: F811
    before = {name: roots.folder(name) for name in roots.names()}
    (tmp_path / "root").mkdir()
    roots.allow({"files": tmp_path / "root"})
    with as_role("worker"):
        keys.create_missing("extract", KEKS["worker"], domains=["default"])
    here.approved("policy", POLICY, by="bob", reviewers="erin")
    yield Folder(here, tmp_path / "root")
    roots.allow(before)


def stream(source: str, destination: str, **more: Any) -> dict[str, Any]:
    tables = zip(("source", "destination"), (source.split("/"), destination.split("/")), strict=True)
    named = {side: {"schema": schema, "table": table} for side, (schema, table) in tables}
    return {"name": "rows", **named, **more}


def rows(folder: Folder, query: str) -> list[tuple[Any, ...]]:
    with folder.place.server.connect(folder.place.database) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload, no-any-return]


def test_a_folder_of_csv_arrives_masked_and_malformed_lines_are_counted_and_named(folder: Folder) -> None:
    folder.put("in/people.csv", f'id,email,born\n1,{SECRET},1980-05-17\n2,,\n3,"x,y"\n')
    source = folder.connected("read", path="in")
    folder.place.approved("connection", folder.place.proposal(write=True, zone="analytics"))
    destination = Connection.objects.get(slug="demo-crm")
    folder.classify(source, ".", "people", reviewers="bob erin", id=[], email=["pii.contact.email"], born=[])
    pipeline = folder.pipeline(source, destination, stream("./people", "mart/people"))
    run = folder.run(pipeline)
    assert run.state == Run.PUBLISHED, (run.sentence, run.refusals)
    assert (run.rows_read, run.rows_published, run.rows_rejected) == (3, 2, 1)
    assert run.plan["consistency"] == "each file as it is when it is read; one that changes meanwhile stops the run"
    classified = Change.objects.get(kind="classification").sentence
    assert classified.endswith(" (people.born, people.email, people.id).")
    found = rows(folder, "SELECT id, email, born::text, pg_typeof(id)::text FROM mart.people ORDER BY id")
    assert [(one[0], one[2], one[3]) for one in found] == [(1, "1980-05-17", "integer"), (2, None, "integer")]
    assert [str(one[1])[:4] for one in found] == ["tok_", "None"]
    said = list(LogLine.objects.filter(run=run, level="WARN").values_list("sentence", flat=True))
    assert said == ["rows: in/people.csv, line 4: it has 2 fields instead of 3"]
    assert SECRET not in json.dumps(list(LogLine.objects.values_list("sentence", flat=True)))


def test_a_value_that_no_longer_fits_is_rejected_and_yesterdays_types_hold(folder: Folder) -> None:
    folder.put("in/people.csv", "id,email\n1,a@b.c\n")
    source = folder.connected("read", path="in")
    folder.place.approved("connection", folder.place.proposal(write=True, zone="analytics"))
    folder.classify(source, ".", "people", id=[], email=["pii.contact.email"])
    pipeline = folder.pipeline(source, Connection.objects.get(slug="demo-crm"), stream("./people", "mart/people"))
    folder.put("in/people.csv", "id,email\n1,a@b.c\nseven,d@e.f\n")
    run = folder.run(pipeline)
    assert (run.state, run.rows_published, run.rows_rejected) == (Run.PUBLISHED, 1, 1)
    folder.put("in/people.csv", "id,email,passport\n1,a@b.c,X1\n")
    refused = folder.run(pipeline)
    assert refused.state == Run.REFUSED
    assert [one["subject"] for one in refused.refusals] == ["people.passport"]
    assert rows(folder, "SELECT count(*) FROM mart.people") == [(1,)]


def test_new_files_are_added_once(folder: Folder) -> None:
    folder.put("in/a.csv", "id,email\n1,a@b.c\n")
    source = folder.connected("read", path="in", dataset="people")
    folder.place.approved("connection", folder.place.proposal(write=True, zone="analytics"))
    folder.classify(source, ".", "people", id=[], email=["pii.contact.email"])
    pipeline = folder.pipeline(
        source, Connection.objects.get(slug="demo-crm"), stream("./people", "mart/people", mode="append")
    )
    counted = []
    for name, text in (("in/a.csv", None), ("in/b.csv", "id,email\n2,d@e.f\n"), ("in/b.csv", None)):
        if text:
            folder.put(name, text)
        run = folder.run(pipeline)
        assert run.state == Run.PUBLISHED, (run.sentence, run.refusals)
        counted.append((run.rows_read, rows(folder, "SELECT count(*) FROM mart.people")[0][0]))
    assert counted == [(1, 1), (1, 2), (0, 2)]


@pytest.mark.parametrize(("kind", "name"), [("parquet", "customers.parquet"), ("csv", "customers.csv")])
def test_postgresql_arrives_masked_in_a_folder(folder: Folder, kind: str, name: str) -> None:
    source = folder.place.discovered()
    destination = folder.connected("write", path="", format=kind)
    folder.place.classify(reviewers="bob erin", id=[], email=["pii.contact.email"], phone=[], country=[], iban=[])
    pipeline = folder.pipeline(source, destination, stream("crm/customers", "out/customers"))
    for _ in range(2):
        run = folder.run(pipeline)
        assert (run.state, run.rows_published) == (Run.PUBLISHED, 50), (run.sentence, run.refusals)
    file = folder.path / "out" / name
    assert b"@example.org" not in file.read_bytes()
    if kind == "parquet":
        table = pq.read_table(file)
        assert (table.num_rows, str(table.schema.field("id").type)) == (50, "int64")
        assert {str(value)[:4] for value in table["email"].to_pylist()} == {"tok_"}
    else:
        assert len(file.read_text().splitlines()) == 51


def test_files_are_not_appended_to_and_nothing_is_read_for_it(folder: Folder) -> None:
    source = folder.place.discovered()
    destination = folder.connected("write")
    folder.place.classify(reviewers="bob erin", id=[], email=["pii.contact.email"], phone=[], country=[], iban=[])
    pipeline = folder.pipeline(
        source, destination, stream("crm/customers", "out/customers", mode="append", cursor="id")
    )
    run = folder.run(pipeline)
    assert run.state in (Run.REFUSED, Run.FAILED)
    assert run.sentence == ("Stream rows wants to append, and files are only written by replace. Nothing was written.")
    assert not (folder.path / "out").exists()


def test_what_cannot_be_read_any_more_keeps_what_is_known_of_it(folder: Folder) -> None:
    folder.put("in/people.csv", "id,email\n1,a@b.c\n")
    source = folder.connected("read", path="in")
    folder.classify(source, ".", "people", id=[], email=["pii.contact.email"])
    folder.put("in/people.csv", "id,id\n1,2\n")
    look = folder.place.look_again(source)
    dataset = Dataset.objects.get(table="people")
    assert (look.state, look.drift) == ("DONE", [])
    assert dataset.live_schema["detected"]["problem"].startswith("in/people.csv has two columns called id.")
    assert [column.name for column in dataset.columns.filter(gone_at=None).order_by("position")] == ["id", "email"]
