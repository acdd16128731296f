"""kill -9 of every process at twelve moments of a run: each time the run is published, exactly once and whole."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from apps.audit import services as audit
from apps.runs.models import Run, Step
from controlplane.embedded import ports

from . import expected
from .browser import Browser
from .databases import TARGET
from .installation import Installation, eventually
from .organisation import World, patiently, state_of, step_of

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1500)]

PIPELINE = "customers-to-target"
CHANCE = random.Random(20260310)
NEVER_TOO_LATE = 0.8


@dataclass(frozen=True)
class Kill:
    """Whom to hit, and in which step; without a step anywhere in the run. `moment` is a share of that time."""

    process: str
    step: str
    moment: float

    def __str__(self) -> str:
        return f"{self.process} at {self.moment:.0%} of {self.step or 'the run'}"


def _moments(count: int) -> list[float]:
    """Random, one in each of so many equal spans, in random order."""
    found = [(place + CHANCE.random()) / count * NEVER_TOO_LATE for place in range(count)]
    CHANCE.shuffle(found)
    return found


HIT_AT_WORK = (
    ("extract", "extract"), ("extract", "extract"), ("gate", "gate"), ("gate child", "gate"), ("publish", "inspect"),
    ("publish", "publish"), ("postgres", "extract"),
)  # fmt: skip
HIT_ANYWHERE = ("postgres", "broker", "control", "general", "web")
KILLS = [
    *(Kill(*who, moment) for who, moment in zip(HIT_AT_WORK, _moments(len(HIT_AT_WORK)), strict=True)),
    *(Kill(who, "", moment) for who, moment in zip(HIT_ANYWHERE, _moments(len(HIT_ANYWHERE)), strict=True)),
]


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, float]:
    """Seconds of each step and, under "", of the whole run; filled by the first test."""
    return {}


def test_the_undisturbed_run_is_exact(world: World, undisturbed: dict[str, float]) -> None:
    world.run(PIPELINE)  # The gate worker's first run is slower than all others.
    run = world.run(PIPELINE)
    assert run.state == Run.PUBLISHED, run.sentence
    for step in Step.objects.filter(run=run):
        undisturbed[step.name] = (step.ended_at - step.started_at).total_seconds()  # type: ignore[operator]
    undisturbed[""] = (run.ended_at - run.created_at).total_seconds()  # type: ignore[operator]
    assert outcome(world, run) == as_expected(world, run)


@pytest.mark.parametrize("kill", KILLS, ids=str)
def test_a_kill_costs_nothing_but_time(
    installation: Installation, world: World, undisturbed: dict[str, float], kill: Kill, record: list[str]
) -> None:
    began = time.monotonic()
    run, pid = _hit(installation, world, undisturbed, kill)
    run = world.ended(run, 240)
    said = f"{kill}: {run.state} after {time.monotonic() - began:.1f} s"
    assert run.state == Run.PUBLISHED, f"{said}: {run.sentence}"
    installation.wait_restarted(kill.process, pid)
    assert outcome(world, run) == as_expected(world, run), kill
    eventually(lambda: not ports.is_free(installation.port), "the pages", 60)
    assert [Browser(installation.port).get("/login/").status for _ in range(3)] == [200] * 3
    record.append(said)


def test_twelve_of_twelve(record: list[str], capsys: pytest.CaptureFixture[str], world: World) -> None:
    with capsys.disabled():
        print("\n" + "\n".join(record) + f"\nkills survived: {len(record)} of {len(KILLS)}")
    assert len(record) == len(KILLS) == 12


@pytest.fixture(scope="module")
def record() -> list[str]:
    return []


def _hit(installation: Installation, world: World, undisturbed: dict[str, float], kill: Kill) -> tuple[Run, int]:
    """Start a run and kill in the middle of it; a run that was over before it was hit does not count."""
    for _try in range(5):
        run = world.start(PIPELINE)
        _wait_for(run, kill.step)
        time.sleep(undisturbed[kill.step] * kill.moment)
        pid = installation.kill(kill.process)
        if _was_hit(run, kill.step):
            return run, pid
        world.ended(run, 240)
        installation.wait_restarted(kill.process, pid)
    raise AssertionError(f"{kill} came too late five times")


def _wait_for(run: Run, step: str) -> None:
    if step:
        eventually(lambda: step_of(run, step) != Step.WAITING, f"{step} to begin", 120, every=0.002)


def _was_hit(run: Run, step: str) -> bool:
    """Whether run and step were still under way."""
    if step and step_of(run, step) != Step.RUNNING:
        return False
    return state_of(run) not in Run.ENDED


def outcome(world: World, run: Run) -> dict[str, object]:
    """What is there after a run."""
    state = _fetch(world, "SELECT run, fence, rows FROM lockgate.state WHERE pipeline = %s", str(run.pipeline_id))
    checked = _verified()
    return {
        "differences": expected.differences(world.databases),
        "rows": {name: getattr(run, f"rows_{name}") for name in ("read", "published", "quarantined", "excluded")},
        "rejected": run.rows_rejected,
        "state at the target": state,
        "open transactions of ours": _fetch(world, OPEN, ""),
        "log": (checked.ok, checked.pending, checked.first_bad),
        "audit events": _fetch_events(run),
    }


def as_expected(world: World, run: Run) -> dict[str, object]:
    counts = expected_counts(world)
    return {
        "differences": expected.NO_DIFFERENCE,
        "rows": {name: counts[name] for name in ("read", "published", "quarantined", "excluded")},
        "rejected": 0,
        "state at the target": [(str(run.id), run.fence, counts["published"])],
        "open transactions of ours": [],
        "log": (True, 0, ""),
        "audit events": ["run.published", "run.started"],
    }


OPEN = (
    "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'lockgate/%%' AND %s = ''"
    " AND state <> 'idle'"
)


def expected_counts(world: World) -> dict[str, int]:
    """Read once, in `keep`."""
    with world.databases.target() as target:
        return dict(target.execute("SELECT name, rows FROM expected.counts").fetchall())


def _fetch(world: World, query: str, value: str) -> list[tuple[object, ...]]:
    with psycopg.connect(world.databases.installation.admin_url(TARGET)) as target:
        return target.execute(query.encode(), (value,)).fetchall()


def _verified() -> audit.Verification:
    numbered = lambda: bool(patiently(lambda: audit.verify().pending == 0))  # noqa: E731
    eventually(numbered, "the notary to number every event", 60, every=0.3)
    found: audit.Verification = audit.verify()
    return found


def _fetch_events(run: Run) -> list[str]:
    from apps.audit.models import Event

    ask: Callable[[], list[str]] = lambda: sorted(  # noqa: E731
        Event.objects.filter(subject=f"run/{run.id}").values_list("action", flat=True)
    )
    return list(patiently(ask))
