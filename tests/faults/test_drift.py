"""A source that changed between two runs is refused by name, and the target keeps what it had."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.runs.models import Run

from .databases import SOURCE
from .organisation import World, id_of, table

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

REDISCOVER = "Discover the connection again and look at the drift."
STREAMS = [{"name": "moods", "source": table("moods"), "destination": table("moods")}]


@pytest.fixture(scope="module")
def once() -> list[str]:
    return []


@pytest.fixture
def published(world: World, once: list[str]) -> Callable[[str], tuple[Run, bool]]:
    """A small published table; alters the source, runs again, and says whether the target stayed as it was."""
    if not once:
        with world.databases.source() as source:
            source.execute(b"CREATE TABLE moods (id bigint, mood text, level integer)")
            source.execute(b"INSERT INTO moods SELECT i, 'mood ' || i, i FROM generate_series(1, 100) AS i")
        world.discover(SOURCE)
        world.classify({"moods": {"id": [], "mood": ["pii.text"], "level": []}})
        world.pipeline("moods", STREAMS, [])
        run = world.run("moods")
        assert run.state == Run.PUBLISHED, run.sentence
        once.append("made")

    def alter(statement: str) -> tuple[Run, bool]:
        before = _target(world)
        assert len(before) == 101
        with world.databases.source() as source:
            source.execute(statement.encode())
            source.execute(b"UPDATE moods SET mood = mood || '!'")
        run = world.run("moods")
        return run, _target(world) == before

    return alter


def _target(world: World) -> list[tuple[object, ...]]:
    return [*world.databases.rows("public.moods"), world.databases.published(id_of("moods"))]


def _refusals(run: Run) -> list[tuple[str, str, str]]:
    return [(one["code"], one["subject"], one["sentence"]) for one in run.refusals]


def test_an_added_column_is_unclassified_and_refused(
    world: World, published: Callable[[str], tuple[Run, bool]]
) -> None:
    run, unchanged = published("ALTER TABLE moods ADD COLUMN secret_wish text DEFAULT 'ice cream'")
    assert (run.state, unchanged) == (Run.REFUSED, True)
    assert [(code, subject) for code, subject, _ in _refusals(run)] == [("unclassified", "public.moods.secret_wish")]
    assert "public.moods.secret_wish" in run.sentence
    assert run.sentence.endswith("Nothing was written.")
    assert run.remedy
    world.discover(SOURCE)
    run = world.run("moods")
    assert [(code, subject) for code, subject, _ in _refusals(run)] == [("unclassified", "public.moods.secret_wish")]


def test_a_dropped_column_is_refused(world: World, published: Callable[[str], tuple[Run, bool]]) -> None:
    run, unchanged = published("ALTER TABLE moods DROP COLUMN secret_wish, DROP COLUMN level")
    assert (run.state, unchanged) == (Run.REFUSED, True)
    assert _refusals(run) == [
        ("dropped", f"public.moods.{name}", f"Column public.moods.{name} is gone since the last discovery.")
        for name in ("level", "secret_wish")
    ]
    assert run.remedy == REDISCOVER


def test_a_retyped_column_is_refused(world: World, published: Callable[[str], tuple[Run, bool]]) -> None:
    world.discover(SOURCE)
    run, unchanged = published("ALTER TABLE moods ALTER COLUMN id TYPE text")
    assert (run.state, unchanged) == (Run.REFUSED, True)
    retyped = "Column public.moods.id changed from bigint to text since the last discovery."
    assert ("retyped", "public.moods.id", retyped) in _refusals(run)
