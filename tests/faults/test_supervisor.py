"""The supervisor killed or asked to stop, and an installation that starts without one of its keys."""

from __future__ import annotations

import os
import signal

import pytest
from django.db import connection

from apps.core import beats
from apps.dataplane.errors import Locked
from apps.keys import selectors as keys
from apps.runs.models import Run, Step
from apps.sources.models import ConnectionTest

from . import expected
from .browser import Browser
from .databases import READER, SOURCE
from .installation import Installation, eventually, gone
from .organisation import World, step_of
from .registering import ask_for_test

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]

PIPELINE = "customers-to-target"


def test_the_next_start_takes_over_from_a_killed_supervisor(installation: Installation, world: World) -> None:
    run = world.start(PIPELINE)
    eventually(lambda: step_of(run, "extract") == Step.RUNNING, "the extraction", 120, every=0.005)
    before = installation.everything()
    assert installation.process is not None
    os.kill(installation.process.pid, signal.SIGKILL)
    installation.process.wait()
    _start_again(installation)
    assert {pid for pid in before if not gone(pid)} == set()
    assert len(before) >= len(installation.running())
    run = world.ended(run, 180)
    assert run.state == Run.PUBLISHED, run.sentence
    assert expected.differences(world.databases) == expected.NO_DIFFERENCE


def test_without_a_key_people_sign_in_and_nothing_opens_until_it_is_back(
    installation: Installation, world: World
) -> None:
    before = installation.everything()
    assert installation.stop() == 0
    assert {pid for pid in before if not gone(pid)} == set()
    assert list(installation.data.run.glob("*.pid")) == []
    key, elsewhere = installation.data.keys / "extract.kek", installation.place / "extract.kek"
    key.rename(elsewhere)
    try:
        _start_again(installation)
        assert "extract starts locked" in installation.said
        _refused_as_locked(installation, world)
    finally:
        elsewhere.rename(key)
    assert installation.stop() == 0
    _start_again(installation)
    assert keys.locked() == []
    run = world.run(PIPELINE, 180)
    assert run.state == Run.PUBLISHED, run.sentence
    assert expected.differences(world.databases) == expected.NO_DIFFERENCE


def _start_again(installation: Installation) -> None:
    connection.close()
    installation.start()


def _refused_as_locked(installation: Installation, world: World) -> None:
    browser = Browser(installation.port)
    answer = browser.sign_in("alice@acme.example", world.people.passwords["alice"])
    assert answer.status == 302
    assert browser.get("/").status == 200, browser.get("/").headers
    eventually(lambda: keys.locked() == ["extract"], "the extract worker to say that it is locked")
    runs = Run.objects.count()
    with pytest.raises(Locked, match="extract"):
        world.start(PIPELINE)
    assert Run.objects.count() == runs
    assert {beat.name for beat in beats.everybody() if beat.locked} == {"extract"}
    sealed = world.sealed("read", READER)
    batch = ask_for_test(world, SOURCE, "read", sealed)
    eventually(lambda: not ConnectionTest.objects.filter(batch=batch, state="RUNNING").exists(), "the test")
    found = ConnectionTest.objects.get(batch=batch)
    assert (found.state, [step["ok"] for step in found.steps]) == ("FAILED", [False])
    assert "started without its key" in found.steps[0]["sentence"]
