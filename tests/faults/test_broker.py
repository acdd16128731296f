"""The broker is no truth: dead at a commit it loses nothing, and what is put into it by hand starts nothing."""

from __future__ import annotations

import os
import signal
import time
from uuid import uuid4

import pytest

from apps.accounts import services as accounts
from apps.audit.models import Event
from apps.core.models import Job
from apps.core.tasks import run_job
from apps.runs.models import Part, Run, Step

from . import expected
from .browser import Browser
from .installation import Installation, eventually
from .organisation import World, state_of, step_of

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

PIPELINE = "customers-to-target"


def test_a_run_started_while_the_broker_is_dead_waits_and_then_runs(installation: Installation, world: World) -> None:
    assert installation.process is not None
    supervisor, broker = installation.process.pid, installation.pid("broker")
    os.kill(supervisor, signal.SIGSTOP)  # Otherwise it would start the broker again within a moment.
    try:
        os.kill(broker, signal.SIGKILL)
        eventually(lambda: not (installation.data.run / "broker.sock").exists() or _refused(installation), "no broker")
        run = world.start(PIPELINE)
        time.sleep(1.5)
        assert state_of(run) == Run.QUEUED
        assert Job.objects.get(subject=f"run/{run.id}").state == Job.QUEUED
    finally:
        os.kill(supervisor, signal.SIGCONT)
    run = world.ended(run, 180)
    assert run.state == Run.PUBLISHED, run.sentence
    assert expected.differences(world.databases) == expected.NO_DIFFERENCE


def _refused(installation: Installation) -> bool:
    import socket

    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(installation.data.run / "broker.sock"))
        except OSError:
            return True
    return False


def test_a_broker_that_hangs_holds_up_nobody(installation: Installation, world: World) -> None:
    token = accounts.create_token(actor=world.people.actor("alice"), name="starter", scopes=["read", "write"], days=1)
    program = Browser(installation.port, bearer=token.secret)
    began = time.monotonic()
    with installation.frozen("broker"):
        answer = program.post(f"/api/v1/pipelines/crm/{PIPELINE}/start")
        assert (answer.status, time.monotonic() - began < 30) == (201, True)
    run = world.ended(Run.objects.get(number=answer.json()["number"]), 180)
    assert run.state == Run.PUBLISHED, run.sentence


def test_messages_made_by_hand_start_nothing(installation: Installation, world: World) -> None:
    before = _acts()
    for queue in ("extract", "gate", "publish", "general"):
        for job in ("", "1; DROP TABLE runs_run", "run/1", str(uuid4()), str(_done())):
            run_job.apply_async(args=[job], queue=queue)
    run = world.run(PIPELINE, 120)
    assert run.state == Run.PUBLISHED, run.sentence
    after = _acts()
    jobs = ("run.inspect", "run.extract", "run.gate", "run.publish")
    assert {kind: after[kind] - before[kind] for kind in after} == {
        **dict.fromkeys(jobs, 1), "attempts": 4, "run.started": 1, "run.published": 1, "other run events": 0,
    }  # fmt: skip


def test_a_message_that_comes_three_times_works_once(installation: Installation, world: World) -> None:
    run = world.start(PIPELINE)
    for step in ("inspect", "extract", "gate", "publish"):
        eventually(lambda step=step: step_of(run, step) != Step.WAITING or state_of(run) in Run.ENDED, step, 120, 0.01)
        job = Job.objects.filter(subject=f"run/{run.id}").latest("created_at")
        for _again in range(2):
            run_job.apply_async(args=[str(job.id)], queue=job.queue)
    run = world.ended(run, 120)
    assert run.state == Run.PUBLISHED, run.sentence
    assert [job.attempts for job in Job.objects.filter(subject=f"run/{run.id}")] == [1, 1, 1, 1]
    assert set(Part.objects.filter(run=run).values_list("fence", flat=True)) == {run.fence}
    assert expected.differences(world.databases) == expected.NO_DIFFERENCE


def test_a_message_in_another_workers_queue_leaves_the_run_alone(installation: Installation, world: World) -> None:
    """Whoever can write to the broker must not be able to hand the extract worker's job to the gate worker."""
    with installation.frozen("extract"):
        run = world.start(PIPELINE)
        waiting = Job.objects.filter(subject=f"run/{run.id}", kind="run.extract")
        eventually(lambda: waiting.exists(), "the run to wait for the extract worker")
        job = waiting.get()
        for queue in ("gate", "publish", "general"):
            run_job.apply_async(args=[str(job.id)], queue=queue)
        time.sleep(3)
        job.refresh_from_db()
        assert (job.state, job.attempts) == (Job.QUEUED, 0)
    run = world.ended(run, 120)
    assert run.state == Run.PUBLISHED, run.sentence


def test_garbage_in_the_broker_does_not_keep_a_run_from_ending(installation: Installation, world: World) -> None:
    import redis

    place = installation.broker_url().removeprefix("redis+socket://")
    with redis.Redis(unix_socket_path=place.replace("%2F", "/")) as broker:
        for queue in ("extract", "gate", "publish", "general"):
            for content in (b"not json", b"{}", b'{"body": "gASV", "content-type": "application/x-python-serialize"}'):
                broker.lpush(queue, content)
    run = world.run(PIPELINE, 180)
    assert run.state == Run.PUBLISHED, run.sentence
    assert expected.differences(world.databases) == expected.NO_DIFFERENCE


def _done() -> object:
    return Job.objects.filter(state=Job.DONE).values_list("id", flat=True).first()


def _acts() -> dict[str, int]:
    kinds = ("run.inspect", "run.extract", "run.gate", "run.publish")
    started, published = (Event.objects.filter(action=action).count() for action in ("run.started", "run.published"))
    return {
        **{kind: Job.objects.filter(kind=kind).count() for kind in kinds},
        "attempts": sum(Job.objects.filter(kind__in=kinds).values_list("attempts", flat=True)),
        "run.started": started,
        "run.published": published,
        "other run events": Event.objects.filter(action__startswith="run.").count() - started - published,
    }
