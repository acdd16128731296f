"""What changes between staging and publishing is noticed by the publish worker, and then nothing is written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.core.models import Job
from apps.dataplane import parts
from apps.dataplane.crypto import keywrap, signing
from apps.keys import selectors as public_keys
from apps.keys.holders import place
from apps.keys.models import Key
from apps.runs.models import Part, Run, Step

from . import expected
from .databases import READER, SOURCE
from .installation import Installation, eventually
from .organisation import ADDRESSES, MASKING, World, id_of, step_of, table

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

PIPELINE = "customers-to-target"


@contextmanager
def held(installation: Installation, world: World, pipeline: str = PIPELINE) -> Iterator[Run]:
    """A run whose gate is open and which waits for the publish worker; it goes on after the block."""
    run = world.start(pipeline)
    eventually(lambda: step_of(run, "inspect") == Step.DONE, "the inspection", 120, every=0.005)
    try:
        yield from _until_published(installation, run)
    finally:
        world.ended(run, 120)


def _until_published(installation: Installation, run: Run) -> Iterator[Run]:
    with installation.frozen("publish"):
        waiting = Job.objects.filter(subject=f"run/{run.id}", kind="run.publish", state=Job.QUEUED)
        eventually(lambda: waiting.exists(), "the run to wait for its publication", 120)
        yield run


@pytest.fixture
def target(world: World) -> Callable[[], object]:
    """What the target holds and remembers, apart from the expectation beside it."""
    if world.databases.rows("public.customers") == []:
        assert world.run(PIPELINE, 120).state == Run.PUBLISHED

    def look() -> object:
        return expected.differences(world.databases), world.databases.published(id_of(PIPELINE))

    return look


def _refused(run: Run, before: object, after: object) -> str:
    run.refresh_from_db()
    assert run.state == Run.REFUSED, run.sentence
    assert after == before
    assert step_of(run, "publish") == Step.FAILED
    assert "othing was written" in run.sentence
    assert run.remedy
    return run.sentence


def test_a_policy_changed_between_staging_and_publishing(installation: Installation, world: World) -> None:
    with world.databases.source() as source:
        source.execute(b"CREATE TABLE homes AS SELECT id, 'Street ' || id AS home FROM customers")
        source.execute(f"GRANT SELECT ON homes TO {READER}".encode())
    world.discover(SOURCE)
    world.classify({"homes": {"id": [], "home": ["pii.address"]}})
    world.pipeline("homes", [{"name": "homes", "source": table("homes"), "destination": table("homes")}], [])
    assert world.run("homes", 120).state == Run.PUBLISHED
    before = world.databases.rows("public.homes"), world.databases.published(id_of("homes"))
    stricter = {**ADDRESSES, "treatment": {"kind": "redact"}}
    rules = [rule if rule != ADDRESSES else stricter for rule in MASKING["text"]["rules"]]
    with held(installation, world, "homes") as run:
        world.people.approved("bob", "policy", {**MASKING, "text": {"format": 1, "rules": rules}}, "erin")
    after = world.databases.rows("public.homes"), world.databases.published(id_of("homes"))
    sentence = _refused(run, before, after)
    assert "Column public.homes.home was staged as partial" in sentence
    run = world.run("homes", 120)
    assert (run.state, set(world.databases.rows("public.homes")) == set(before[0])) == (Run.PUBLISHED, False)


def test_a_part_with_one_byte_changed(installation: Installation, world: World, target: Callable[[], object]) -> None:
    before = target()
    with held(installation, world) as run:
        part = _a_part(run)
        content = bytearray(_file(installation, part.path).read_bytes())
        content[len(content) // 2] ^= 1
        _file(installation, part.path).write_bytes(content)
    sentence = _refused(run, before, target())
    why = "does not hold what was signed: its content was altered; nothing was written."
    assert sentence == f"Part {part.path!r} {why}"


@pytest.mark.parametrize("difference", ["plan", "fence", "run"])
def test_a_part_that_was_signed_for_something_else(
    installation: Installation, world: World, target: Callable[[], object], difference: str
) -> None:
    before = target()
    with held(installation, world) as run:
        run.refresh_from_db()
        part = _a_part(run)
        _replace(installation, world, run, part, difference)
    sentence = _refused(run, before, target())
    said = {"plan": "under another plan", "fence": "under fence", "run": "belongs to another run"}
    assert part.path in sentence
    assert said[difference] in sentence


def _a_part(run: Run) -> Part:
    return Part.objects.filter(run=run, stream="customers", kind="rows").order_by("ordinal")[0]


def _file(installation: Installation, path: str) -> Path:
    return installation.data.root / "parts" / path


def _replace(installation: Installation, world: World, run: Run, part: Part, difference: str) -> None:
    """In the part's place one with the same rows, genuinely signed by the extract worker's key for something else."""
    root = installation.data.root / "parts"
    public = public_keys.public("extract", "parts").public
    header, rows = parts.open_part(
        root, part.path, verify_key=public, run=str(run.id), plan_hash=run.plan_hash, fence=run.fence
    )
    other: dict[str, Any] = {
        "plan": {"plan_hash": "0" * 64}, "fence": {"fence": run.fence + 1}, "run": {"run": "another-run"},
    }[difference]  # fmt: skip
    header = replace(header, **other)
    secret = _signing_key(installation)
    elsewhere = installation.place / f"signed-{difference}"
    made = parts.write_part(
        elsewhere, run=header.run, plan_hash=header.plan_hash, fence=header.fence, stream=header.stream,
        ordinal=header.ordinal, kind=header.kind, treatments=header.treatments, keys=header.keys, lane=header.lane,
        table=rows, sign=lambda message: signing.sign(secret, message),
    )  # fmt: skip
    for suffix in (".parquet", ".json"):
        found = (elsewhere / made.path).with_suffix(suffix)
        shutil.copyfile(found, _file(installation, part.path).with_suffix(suffix))


def _signing_key(installation: Installation) -> bytes:
    from .conftest import as_role

    kek = bytes.fromhex((installation.data.keys / "extract.kek").read_text().strip())
    with as_role(installation, "owner"):
        row = Key.objects.get(holder="extract", purpose="parts")
        return keywrap.unwrap(kek, bytes(row.wrapped), place=place("extract", "parts", "", row.version))
