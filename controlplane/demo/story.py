"""The demo from an empty installation to a governed run, told line by line on the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from apps.audit import services as audit
from apps.core.clock import now
from apps.dataplane.connectors import connector
from apps.dataplane.errors import LockgateError
from apps.keys.models import Key
from apps.pipelines.models import Pipeline
from apps.quality.models import CheckResult
from apps.retention import services as retention
from apps.retention.models import RetentionRule
from apps.runs import selectors as runs
from apps.runs import services as starting
from apps.runs.models import ManifestSignature, Run, Step
from apps.runs.steps import TOGETHER
from apps.sources import services as sources
from apps.sources.definition import Purpose
from apps.sources.models import Connection, Discovery

from . import databases, governed, hand
from .databases import Databases
from .organisation import Organisation, until

Say = Callable[[str], None]


def tell(admin_url: str, say: Say) -> int:
    """Seed what is missing, run the pipeline, print what happened. Returns the exit status."""
    people = Organisation()
    began = time.monotonic()
    fresh = not people.exists()
    if fresh:
        until(_keys_exist, "the workers to make their keys")
        say("seeding: two databases, 200,000 customers, 500,000 payments")
        made = databases.make(admin_url)
        hand.keep(made)
        say(f"seeding: organisation, people, connections, policy and pipeline ({time.monotonic() - began:.0f} s)")
        people.found()
        _govern(people, made)
    elif not Pipeline.objects.filter(slug=governed.PIPELINE).exists():
        raise LockgateError(
            "This installation was not made by the demo, or its demo was interrupted.",
            remedy="Start the demo with a data directory of its own, for example --data demo.",
        )
    run = _run(people, governed.PIPELINE, say)
    _summary(run, admin_url, say)
    if fresh:
        say("")
        _govern_files(people)
        _run(people, governed.ORDERS_PIPELINE, say)
        _count_old_rows(people)
        _introduce(people, say)
    return 0 if run.state == Run.PUBLISHED else 1


def _keys_exist() -> bool:
    wanted = {("extract", "credentials"), ("extract", "parts"), ("publish", "credentials"), ("notary", "notary")}
    return wanted <= set(Key.objects.values_list("holder", "purpose"))


def _govern(people: Organisation, made: Databases) -> None:
    ends: tuple[tuple[str, str, Purpose, str, str], ...] = (
        (governed.SOURCE, "restricted", "read", databases.READER, made.reader),
        (governed.DESTINATION, "analytics", "write", databases.WRITER, made.writer),
    )
    for name, zone, purpose, user, password in ends:
        settings = made.settings(name)
        sealed = sources.seal(
            purpose=purpose, settings=connector("postgresql").settings.from_json(settings), user=user, password=password
        )
        credentials: dict[str, Any] = {"read": None, "write": None, purpose: sealed}
        people.approved("alice", "connection", governed.connection(name, settings, zone, credentials), "bob", "erin")
    source, destination = (_connection(name) for name in (governed.SOURCE, governed.DESTINATION))
    _discover(people, source)
    people.approved("alice", "classification", governed.classification(str(source.id)), "bob", "erin")
    people.approved("bob", "policy", governed.POLICY, "erin")
    people.approved("alice", "pipeline", governed.pipeline(str(source.id), str(destination.id)), "bob", "erin")
    people.approved("bob", "retention", governed.retention(str(destination.id)), "erin")


def _govern_files(people: Organisation) -> None:
    """A partner's file below the folder that connections may reach, as a source of its own."""
    hand.write_orders(broken=False)
    settings = {"root": "files", "path": "partner", "pattern": "*.csv"}
    reading: dict[str, Any] = {"read": {}, "write": None}
    proposal = governed.connection(governed.FILES, settings, "restricted", reading, kind="files")
    people.approved("alice", "connection", proposal, "bob", "erin")
    source, destination = (_connection(name) for name in (governed.FILES, governed.DESTINATION))
    _discover(people, source)
    people.approved("alice", "classification", governed.orders_classification(str(source.id)), "bob", "erin")
    people.approved("alice", "pipeline", governed.orders_pipeline(str(source.id), str(destination.id)), "bob", "erin")


def _connection(name: str) -> Connection:
    return Connection.objects.get(slug=name.replace("_", "-"))


def _discover(people: Organisation, source: Connection) -> None:
    running: QuerySet[Discovery] = Discovery.objects.filter(connection=source, state=Discovery.RUNNING)
    until(lambda: not running.exists(), "the discovery")
    if not Discovery.objects.filter(connection=source, state=Discovery.DONE).exists():
        sources.discover(actor=people.actor("alice"), connection_id=source.id)
        until(lambda: not running.exists(), "the discovery")


def _run(people: Organisation, slug: str, say: Say) -> Run:
    """alice starts the pipeline; what its steps do is told as it happens."""
    pipeline = Pipeline.objects.get(slug=slug)
    run = starting.start(actor=people.actor("alice"), pipeline_id=pipeline.id)
    say(f"run {run.number} of {pipeline.name}: started by alice")
    told: dict[str, str] = {}
    limit = time.monotonic() + 900
    while run.state not in Run.ENDED:
        if time.monotonic() > limit:
            raise LockgateError("The demo's run did not end within 15 minutes; see the logs.")
        time.sleep(0.3)
        _progress(run, told, say)
        run.refresh_from_db()
    _progress(run, told, say)
    say(f"run {run.number}: {run.state} after {(run.ended_at - run.created_at).total_seconds():.1f} s")  # type: ignore[operator]
    return run


def _progress(run: Run, told: dict[str, str], say: Say) -> None:
    """A line whenever a step's state changes, and every 200,000 rows; steps that go on together share a line."""
    for step in runs.steps(run):
        running = step.state == Step.RUNNING
        line = f"{step.state} {step.rows // 200_000 if running else ''}"
        if step.state == Step.WAITING or (running and step.name in TOGETHER[1:]) or told.get(step.name) == line:
            continue
        told[step.name] = line
        name = ", ".join(TOGETHER) if running and step.name in TOGETHER else step.name
        rows = f"  {step.rows:>9,} rows" if step.rows else ""
        say(f"  {name:<9} {step.state.lower():<8}{rows}  {step.detail}".rstrip())


def _summary(run: Run, admin_url: str, say: Say) -> None:
    say("")
    say(run.sentence)
    if run.state != Run.PUBLISHED:
        for refusal in run.refusals:
            say(f"  {refusal['sentence']} {refusal['remedy']}")
        say(run.remedy)
        return
    _columns(run, say)
    _checks(run, say)
    _rings(admin_url, say)
    _proof(run, say)


def _columns(run: Run, say: Say) -> None:
    plan = runs.plan(run)
    for stream in plan.streams if plan else ():
        say(f"{stream.source} -> {stream.destination}")
        for column in stream.columns:
            say(f"  {column.name:<12} {column.treatment!s:<26} {column.why.sentence}")


def _checks(run: Run, say: Say) -> None:
    results = list(CheckResult.objects.filter(run=f"run/{run.id}").order_by("phase", "stream", "check_id"))
    gate = [one for one in results if one.phase == "output"]
    passed = sum(1 for one in gate if one.status == CheckResult.PASSED)
    say(f"gate: {passed} of {len(gate)} checks passed")
    for one in gate:
        say(f"  {one.status.lower():<7} {one.stream}/{one.check_id}: {one.observed}")
    say("rules on rows:")
    for one in results:
        if one.phase != "output":
            say(f"  {one.phase:<7} {one.stream}/{one.check_id}: {one.observed}")


def _rings(admin_url: str, say: Say) -> None:
    """The same query, on readable and on masked data."""
    query = (databases.HERE / "fraud.sql").read_text()
    made = Databases("", 0, admin_url, "", "")
    before, after = made.fetch(governed.SOURCE, query), made.fetch(governed.DESTINATION, query)
    same = sum(1 for ring in before if ring in after)
    say(f"fraud rings: {len(before)} on the source, {len(after)} on the masked warehouse, {same} the same")


def _proof(run: Run, say: Say) -> None:
    until(lambda: ManifestSignature.objects.filter(manifest__run=run).exists(), "the notary's signature")
    until(lambda: audit.verify().pending == 0, "the notary to number every event", patience=20)
    manifest = runs.manifest(run)
    say(f"manifest {manifest.hash if manifest else ''} signed by the notary at {now():%Y-%m-%d %H:%M:%S} UTC")
    say(audit.verify().sentence)


def _count_old_rows(people: Organisation) -> None:
    """bob's dry run of the retention rule; its deletion waits for somebody to propose it."""
    retention.dry_run(actor=people.actor("bob"), rule_id=RetentionRule.objects.get(slug="old-payments").id)


def _introduce(people: Organisation, say: Say) -> None:
    say("")
    say(f"Sign in as one of these; this is printed once, and kept in {people.file}:")
    for address, password in people_of(people).items():
        say(f"  {address:<22} {password}")


def people_of(people: Organisation) -> dict[str, Any]:
    """Addresses and passwords, of this start alone."""
    return {f"{name}@acme.example": password for name, password in people.passwords.items()}
