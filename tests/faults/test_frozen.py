"""A worker frozen past its lease is taken over, and writes nothing any more when it goes on."""

from __future__ import annotations

from uuid import uuid4

import pytest

from apps.core import jobs
from apps.core.models import Job
from apps.runs.models import Part, Run, Step

from . import expected
from .databases import TARGET
from .installation import LEASE_SECONDS, Installation, eventually, gone
from .organisation import World, id_of, step_of

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

PIPELINE = "customers-to-target"
AT_THE_TARGET = "SELECT pid FROM pg_stat_activity WHERE application_name = 'lockgate/publish' AND datname = %s"


@pytest.mark.parametrize("name", ["extract", "publish"])
def test_a_frozen_worker_is_taken_over_and_fenced(installation: Installation, world: World, name: str) -> None:
    run = world.start(PIPELINE)
    job = Job.objects.filter(subject=f"run/{run.id}", kind=f"run.{name}")
    eventually(lambda: step_of(run, name) == Step.RUNNING, f"{name} to begin", 120, every=0.002)
    with installation.frozen(name) as pid:
        first = job.get()
        assert (first.state, step_of(run, name)) == (Job.CLAIMED, Step.RUNNING)
        with installation.second(name):
            run = world.ended(run, 20 * LEASE_SECONDS)
            assert run.state == Run.PUBLISHED, run.sentence
            second = job.get()
            assert (second.attempts, second.fence) == (2, first.fence + 2)
            fences = set(Part.objects.filter(run=run).values_list("fence", flat=True))
            before = world.databases.published(id_of(PIPELINE))
    _wait_until_it_has_given_up(installation, name, pid)
    assert set(Part.objects.filter(run=run).values_list("fence", flat=True)) == fences == {run.fence}
    assert world.databases.published(id_of(PIPELINE)) == before == (str(run.id), run.fence, run.plan_hash, before[3])
    assert expected.differences(world.databases) == expected.NO_DIFFERENCE
    assert installation.admin(AT_THE_TARGET, [TARGET]) == []
    assert job.get().state == Job.DONE
    assert Run.objects.get(id=run.id).state == Run.PUBLISHED


def _wait_until_it_has_given_up(installation: Installation, name: str, pid: int) -> None:
    """A worker takes its next job when it has done with the one before."""
    assert installation.pid(name) == pid
    assert not gone(pid)
    next_job = jobs.enqueue(
        "connection.test" if name == "extract" else "connection.test_write", subject=f"connectiontest/{uuid4()}"
    )
    eventually(lambda: Job.objects.get(id=next_job.id).state == Job.DONE, "the frozen worker's next job", 120)
