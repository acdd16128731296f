"""The control process applies, numbers and sweeps, each loop as its own database role; it outlives a lost database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.audit import services as audit
from apps.changes import services as changes
from apps.changes.models import Change
from apps.core.models import Job, ProcessBeat
from apps.keys.models import Key
from controlplane import roles
from tests.changes.support import Crm
from tests.copies import Copy, copy
from tests.support import World

__all__ = ["copy"]
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def control(copy: Copy, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts control processes on the copy and stops what is left of them."""
    kek = tmp_path / "notary.kek"
    kek.write_text("ab" * 32)
    (tmp_path / "secret").write_text("only for this test")
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, role: str = "notary", **environment: str) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCKGATE_")}
        given = {
            "DJANGO_SETTINGS_MODULE": "controlplane.settings",
            "LOCKGATE_BOOT_ENVIRONMENT": "ready",
            "LOCKGATE_DATA": str(tmp_path),
            "LOCKGATE_ROLE": role,
            "LOCKGATE_DATABASE_URL": copy.url(role),
            "LOCKGATE_KEK_FILE": str(kek),
            "LOCKGATE_SECRET_KEY_FILE": str(tmp_path / "secret"),
            "LOCKGATE_BROKER_URL": "memory://",
            **{f"LOCKGATE_DATABASE_URL_{loop.upper()}": copy.url(loop) for loop in ("scheduler", "applier", "notary")},
            **environment,
        }
        command = [sys.executable, "manage.py", "control", *arguments]
        with (tmp_path / "control.log").open("ab") as log:
            started.append(subprocess.Popen(command, cwd=ROOT, env=kept | given, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(what: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def approved(crm: Crm, tag: str) -> Change:
    change = changes.propose(
        actor=crm.world.actor("alice"),
        kind="classification",
        team_id=crm.world.team.id,
        proposal=crm.proposal(**{tag: []}),
    )
    return changes.approve(actor=crm.world.actor("bob"), change_id=change.id)


def is_applied(change: Change) -> bool:
    return Change.objects.filter(id=change.id, state="APPLIED").exists()


def test_it_applies_numbers_beats_and_stops_in_time(copy: Copy, control: Callable[..., Any]) -> None:
    with copy.as_role("owner"):
        crm = Crm.discovered(World.found())
        change = approved(crm, "email")
        process = control()
        wait_for(lambda: is_applied(change))
        wait_for(lambda: audit.verify().pending == 0)
        beat = wait_for(lambda: ProcessBeat.objects.filter(kind="control", locked=False).first())
        assert (beat.pid, beat.role) == (process.pid, "control")
        assert Key.objects.get(holder="notary").purpose == "notary"
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - began < 2.5


def test_it_goes_on_after_its_connections_were_cut(copy: Copy, control: Callable[..., Any]) -> None:
    with copy.as_role("owner"):
        crm = Crm.discovered(World.found())
        control()
        first = approved(crm, "email")
        wait_for(lambda: is_applied(first))
        with copy.server.connect() as admin:
            mine = [roles.ROLES[role] for role in ("scheduler", "applier", "notary")]
            cut = admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY(%s)", [mine]
            )
            assert len(cut.fetchall()) >= 3
        second = approved(crm, "country")
        wait_for(lambda: is_applied(second))
        wait_for(lambda: audit.verify().pending == 0)


def test_a_loop_by_itself_does_only_its_own_work(copy: Copy, control: Callable[..., Any]) -> None:
    with copy.as_role("owner"):
        crm = Crm.discovered(World.found())
        change = approved(crm, "email")
        left_behind = Job.objects.create(kind="alert.deliver", queue="general", subject="delivery/x", state="CLAIMED",
                                         owner="gone", lease_until="2000-01-01T00:00:00Z")  # fmt: skip
        control("--loops", "scheduler", role="scheduler")
        wait_for(lambda: Job.objects.filter(id=left_behind.id, state="QUEUED").exists())
        assert not is_applied(change)
        control("--loops", "applier", role="applier")
        wait_for(lambda: is_applied(change))
        assert audit.verify().sequenced == 0


def test_without_its_key_it_is_locked_but_still_numbers(copy: Copy, control: Callable[..., Any]) -> None:
    with copy.as_role("owner"):
        crm = Crm.discovered(World.found())
        approved(crm, "email")
        control(LOCKGATE_KEK_FILE="/nonexistent/notary.kek")
        wait_for(lambda: ProcessBeat.objects.filter(kind="control", locked=True).exists())
        wait_for(lambda: audit.verify().pending == 0)
        assert Key.objects.count() == 0


def test_an_unknown_loop_is_named(control: Callable[..., Any], tmp_path: Path) -> None:
    process = control("--loops", "scheduler,nonsense")
    assert process.wait(60) == 1
    assert (
        "There is no loop 'nonsense'; there are scheduler, applier, notary." in (tmp_path / "control.log").read_text()
    )
