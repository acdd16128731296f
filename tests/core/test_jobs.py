"""A job is carried out once, whoever is told about it and however often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from apps.core import jobs
from apps.core.jobkinds import JobKind
from apps.core.models import Job
from apps.core.tasks import run_job
from apps.dataplane.errors import Fenced, Refused
from tests.support import as_role

DONE: list[str] = []


def do(lease: jobs.Lease) -> None:
    DONE.append(lease.subject)


def refuse(lease: jobs.Lease) -> None:
    raise Refused("The rule says no.")


def break_down(lease: jobs.Lease) -> None:
    raise RuntimeError("a value of a row: secret")


def bury(subject: str, outcome: str) -> None:
    DONE.append(f"dead {subject} {outcome}")


@pytest.fixture(autouse=True)
def kinds(settings, db):
    settings.LOCKGATE_JOBS = {
        "do": JobKind("tests.core.test_jobs.do", queue="general", lease_seconds=30),
        "refuse": JobKind("tests.core.test_jobs.refuse", queue="general", lease_seconds=30),
        "break": JobKind(
            "tests.core.test_jobs.break_down", "general", 30, attempts=2, on_dead="tests.core.test_jobs.bury"
        ),
    }
    DONE.clear()


def enqueue(kind: str) -> Job:
    with as_role("web"):
        return jobs.enqueue(kind, subject="thing/1")


def state(job: Job) -> str:
    return Job.objects.get(id=job.id).state


def test_a_message_that_comes_three_times_works_once():
    job = enqueue("do")
    with as_role("general"):
        for _ in range(3):
            jobs.work(str(job.id))
    assert DONE == ["thing/1"]
    assert state(job) == "DONE"


def test_a_hand_made_message_does_nothing():
    job = enqueue("do")
    run_job("no id at all")
    run_job("00000000-0000-7000-8000-000000000000")
    assert DONE == []
    assert state(job) == "QUEUED"


def test_an_expected_failure_is_not_tried_again_and_keeps_its_sentence():
    job = enqueue("refuse")
    jobs.work(str(job.id))
    assert (state(job), Job.objects.get(id=job.id).outcome) == ("FAILED", "The rule says no.")


def test_an_unexpected_failure_is_tried_again_until_the_job_is_dead_and_its_text_stays_out(caplog):
    job = enqueue("break")
    for _ in range(3):
        Job.objects.update(run_after=Now() - timedelta(seconds=1))
        jobs.work(str(job.id))
    assert state(job) == "DEAD"
    assert DONE == ["dead thing/1 Unexpected RuntimeError; the worker's log has the place."]


def test_a_lease_that_ran_out_is_taken_back_and_its_old_owner_is_fenced():
    job = enqueue("do")
    lease = jobs.claim(str(job.id), owner="worker one")
    Job.objects.update(lease_until=Now() - timedelta(seconds=1))
    taken: list[Job] = []
    with as_role("scheduler"):
        assert jobs.sweep(on_takeover=taken.append) == 1
    assert [row.id for row in taken] == [job.id]
    assert state(job) == "QUEUED"
    with pytest.raises(Fenced):
        jobs.finish(lease)
    assert lease.renew() is False
    assert state(job) == "QUEUED"


def test_a_lease_that_is_renewed_is_left_alone():
    job = enqueue("do")
    lease = jobs.claim(str(job.id), owner="worker one")
    assert lease.renew() is True
    assert jobs.sweep() == 0
    assert state(job) == "CLAIMED"


def test_a_dead_broker_loses_nothing(django_capture_on_commit_callbacks, monkeypatch):
    def refuse_connection(*args, **kwargs):
        raise ConnectionRefusedError("broker dead")

    monkeypatch.setattr(run_job, "apply_async", refuse_connection)
    with django_capture_on_commit_callbacks(execute=True):
        job = enqueue("do")
    assert state(job) == "QUEUED"
    Job.objects.update(created_at=Now() - timedelta(minutes=1))
    nudged: list[str] = []
    monkeypatch.setattr(run_job, "apply_async", lambda args, **kwargs: nudged.append(args[0]))
    jobs.sweep()
    assert nudged == [str(job.id)]
