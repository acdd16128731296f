"""An export holds exactly the events that fit, proves itself, cannot run as a formula, and goes after a day."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from apps.audit import exporting, proof, services
from apps.audit.models import Event, Export
from apps.audit.searching import Filters
from apps.core import jobs
from apps.core.models import Job
from apps.dataplane.errors import Conflict, Denied, Refused
from tests.support import World, as_role

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "LOCKGATE", replace(settings.LOCKGATE, data=tmp_path))
    return tmp_path


@pytest.fixture
def log(world: World) -> World:
    for number in range(5):
        services.append(
            actor=world.actor("alice"), action="run.started", subject=f"run/{number}", summary=f"=started run {number}",
            detail={"rows": number},
        )  # fmt: skip
    services.append(actor=world.actor("bob"), action="change.approved", subject="change/1", summary="approved change 1")
    with as_role("notary"):
        services.sequence(3)
    return world


def written(world: World, filters: Filters, format: str) -> tuple[exporting.Asked, bytes]:
    with as_role("web"):
        asked = exporting.request(actor=world.actor("dora"), filters=filters, format=format)
    job = Job.objects.get(kind="audit.export", subject=f"audit-export/{asked.id}")
    with as_role("general"):
        jobs.work(str(job.id), owner="test", queue="general")
    job.refresh_from_db()
    assert (job.state, job.outcome) == (Job.DONE, "")
    with as_role("web"):
        done, content = exporting.open_file(actor=world.actor("dora"), export_id=asked.id)
    with content:
        return done, content.read()


def test_csv_holds_what_fits_and_its_trailer_proves_it(log: World, data: Path) -> None:
    done, content = written(log, Filters(action="run.started"), "csv")
    *body, last = content.splitlines(keepends=True)
    rows = list(csv.DictReader(io.StringIO(b"".join(body).decode())))
    assert [row["subject"] for row in rows] == [f"run/{number}" for number in range(5)]
    assert [row["number"] for row in rows] == ["1", "2", "3", "", ""]
    assert rows[0]["what"] == "'=started run 0"
    assert rows[0]["who"] == "Alice"
    assert json.loads(rows[4]["detail"]) == {"rows": 4}
    digest = hashlib.sha256(b"".join(body)).hexdigest()
    trailer = next(csv.reader([last.decode()]))
    assert trailer == ["lockgate_audit_export", "filter: action: run.started", "rows: 5", f"sha256: {digest}"]
    assert (done.rows, done.sha256, done.size) == (5, digest, len(content))
    event = Event.objects.select_related("detail").get(action="audit.exported")
    said = json.loads(bytes(event.detail.body))
    assert (said["rows"], said["sha256"], said["filter"]) == (5, digest, "action: run.started")
    (file,) = (data / "exports").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_json_lines_carry_every_proof(log: World) -> None:
    _done, content = written(log, Filters(), "jsonl")
    *events, last = [json.loads(line) for line in content.decode().splitlines()]
    chain = bytes(32)
    for said in events[:3]:
        own = hashlib.sha256(said["event"].encode()).digest()
        chain = proof.chain(chain, own)
        assert (said["event_hash"], said["chain_hash"]) == (own.hex(), chain.hex())
        committed = json.loads(said["event"])["detail_hash"]
        assert proof.detail_hash(bytes.fromhex(said["salt"]), said["detail"].encode()) == committed
    assert [said["number"] for said in events] == [1, 2, 3, None, None, None]
    assert last["lockgate_audit_export"]["rows"] == 6
    assert last["lockgate_audit_export"]["filter"] == "every event"


def test_what_happens_after_asking_is_not_in_it(log: World) -> None:
    with as_role("web"):
        asked = exporting.request(actor=log.actor("dora"), filters=Filters(), format="csv")
    services.append(actor=log.actor("bob"), action="run.started", subject="run/99", summary="too late")
    job = Job.objects.get(kind="audit.export")
    with as_role("general"):
        jobs.work(str(job.id), owner="test", queue="general")
        done = exporting.export(log.actor("dora"), asked.id)
    assert done.rows == 6


def test_steps_and_windows_lose_nothing(log: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "STEP", 2)
    monkeypatch.setattr(exporting, "WINDOW", 2)
    done, _content = written(log, Filters(text="run"), "jsonl")
    assert done.rows == 5
    done, _content = written(log, Filters(subject="change/"), "jsonl")
    assert done.rows == 1


def test_an_erased_detail_leaves_a_row_that_proves_itself(log: World) -> None:
    Event.objects.get(subject="run/0").detail.delete()
    _done, content = written(log, Filters(subject="run/0"), "jsonl")
    said = json.loads(content.decode().splitlines()[0])
    assert (said["detail"], said["salt"], said["who"]) == (None, None, "")
    assert said["event_hash"] == hashlib.sha256(said["event"].encode()).hexdigest()


def test_the_file_goes_after_a_day_and_a_second_download_says_so(log: World, data: Path) -> None:
    done, _content = written(log, Filters(), "csv")
    job = Job.objects.get(kind="audit.expire_export")
    assert (job.run_after - Job.objects.get(kind="audit.export").created_at).total_seconds() > 86_000
    Job.objects.filter(id=job.id).update(run_after=job.created_at)
    with as_role("general"):
        jobs.work(str(job.id), owner="test", queue="general")
    assert list((data / "exports").iterdir()) == []
    with as_role("web"), pytest.raises(Conflict):
        exporting.open_file(actor=log.actor("dora"), export_id=done.id)
    assert Export.objects.get().state == Export.EXPIRED


def test_a_full_disk_ends_it_with_a_sentence(log: World, data: Path) -> None:
    with as_role("web"):
        exporting.request(actor=log.actor("dora"), filters=Filters(), format="csv")
    (data / "exports").write_text("in the way")
    with as_role("general"):
        jobs.work(str(Job.objects.get(kind="audit.export").id), owner="test", queue="general")
    row = Export.objects.get()
    assert (row.state, row.failure) == (Export.FAILED, "The file could not be written: File exists.")


def test_no_more_than_three_are_written_at_once(log: World) -> None:
    with as_role("web"):
        for _ in range(3):
            exporting.request(actor=log.actor("dora"), filters=Filters(), format="csv")
        with pytest.raises(Refused, match="Three exports"):
            exporting.request(actor=log.actor("dora"), filters=Filters(), format="csv")


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "admin"])
def test_nobody_but_an_auditor_exports(log: World, name: str) -> None:
    done, _content = written(log, Filters(), "csv")
    before = Event.objects.count()
    with as_role("web"):
        for attempt in (
            lambda: exporting.request(actor=log.actor(name), filters=Filters(), format="csv"),
            lambda: exporting.open_file(actor=log.actor(name), export_id=done.id),
            lambda: exporting.export(log.actor(name), done.id),
            lambda: exporting.exports(log.actor(name)),
        ):
            with pytest.raises(Denied):
                attempt()
    assert Event.objects.count() == before


def test_an_auditor_goes_from_the_search_to_the_file_in_the_browser(log: World, client: Client) -> None:
    client.force_login(log.users["dora"], backend=BACKEND)
    with as_role("web"):
        asked = client.post("/audit/exports/", {"format": "csv", "actor": "ali", "period": "24h"})
        assert asked.status_code == 302
        waiting = client.get(asked.url)
    assert b"every 1s" in waiting.content
    with as_role("general"):
        jobs.work(str(Job.objects.get(kind="audit.export").id), owner="test", queue="general")
    with as_role("web"):
        done = client.get(asked.url).content.decode()
        file = client.post(f"{asked.url}file")
        content = b"".join(file.streaming_content)
    assert "every 1s" not in done
    assert hashlib.sha256(b"".join(content.splitlines(keepends=True)[:-1])).hexdigest() in done
    assert file["Content-Disposition"].startswith('attachment; filename="audit-')
    assert content.count(b"run.started") == 5
    assert Event.objects.filter(action="audit.export_downloaded").count() == 1


@pytest.mark.parametrize(
    "given", [{}, {"format": "exe"}, {"format": "csv", "q": "x\x00"}, {"format": "csv", "team": "'"}]
)
def test_an_export_that_cannot_be_read_is_not_asked_for(log: World, client: Client, given: dict[str, str]) -> None:
    client.force_login(log.users["dora"], backend=BACKEND)
    with as_role("web"):
        assert client.post("/audit/exports/", given).status_code == 422
        assert client.post("/api/v1/audit/exports", given, content_type="application/json").status_code == 422
    assert not Export.objects.exists()


def test_a_program_exports_too(log: World, client: Client) -> None:
    client.force_login(log.users["dora"], backend=BACKEND)
    with as_role("web"):
        asked = client.post(
            "/api/v1/audit/exports", {"format": "jsonl", "subject": "run/"}, content_type="application/json"
        )
        assert asked.status_code == 202
        here = f"/api/v1/audit/exports/{asked.json()['id']}"
        assert client.post(f"{here}/file").status_code == 409
    with as_role("general"):
        jobs.work(str(Job.objects.get(kind="audit.export").id), owner="test", queue="general")
    with as_role("web"):
        assert client.get(here).json()["rows"] == 5
        assert len(b"".join(client.post(f"{here}/file").streaming_content).splitlines()) == 6
