"""Every kind of job: who runs it, for how long a lease holds, and how often it is tried."""

from __future__ import annotations

import os

from apps.core.jobkinds import JobKind

# How long a step of a run may go without a sign of life; whoever kills workers on purpose does not want to wait for it.
STEP_LEASE = int(os.environ.get("LOCKGATE_TEST_LEASE_SECONDS", "30"))

# The queue that a worker takes jobs from; processes of other roles take none.
QUEUE_OF_ROLE = {"worker": "extract", "gate": "gate", "publisher": "publish", "general": "general"}
RUN_DEAD = "apps.runs.tasks.dead"

JOBS: dict[str, JobKind] = {
    "connection.test": JobKind(
        "apps.sources.tasks.test", queue="extract", lease_seconds=60, on_dead="apps.sources.tasks.test_dead"
    ),
    "connection.test_write": JobKind(
        "apps.sources.tasks.test", queue="publish", lease_seconds=60, on_dead="apps.sources.tasks.test_dead"
    ),
    "connection.discover": JobKind(
        "apps.sources.tasks.discover", queue="extract", lease_seconds=120, on_dead="apps.sources.tasks.discover_dead"
    ),
    "connection.profile": JobKind(
        "apps.sources.tasks.profile", queue="extract", lease_seconds=120, on_dead="apps.sources.tasks.profile_dead"
    ),
    "run.inspect": JobKind("apps.runs.tasks.inspect", queue="publish", lease_seconds=STEP_LEASE, on_dead=RUN_DEAD),
    "run.extract": JobKind("apps.runs.tasks.extract", queue="extract", lease_seconds=STEP_LEASE, on_dead=RUN_DEAD),
    "run.gate": JobKind("apps.runs.tasks.gate", queue="gate", lease_seconds=STEP_LEASE, on_dead=RUN_DEAD),
    "run.publish": JobKind("apps.runs.tasks.publish", queue="publish", lease_seconds=STEP_LEASE, on_dead=RUN_DEAD),
    "run.recall": JobKind(
        "apps.runs.tasks.recall", queue="publish", lease_seconds=STEP_LEASE, on_dead="apps.runs.tasks.recall_dead"
    ),
    "retention.enforce": JobKind(
        "apps.retention.tasks.enforce", queue="publish", lease_seconds=STEP_LEASE, on_dead="apps.retention.tasks.dead"
    ),
    "alert.deliver": JobKind(
        "apps.alerts.tasks.deliver", queue="general", lease_seconds=60, attempts=5, on_dead="apps.alerts.tasks.dead"
    ),
    "channel.test": JobKind(
        "apps.alerts.tasks.test", queue="general", lease_seconds=60, on_dead="apps.alerts.tasks.test_dead"
    ),
    "account.mail": JobKind(
        "apps.accounts.tasks.mail",
        queue="general",
        lease_seconds=60,
        attempts=5,
        on_dead="apps.accounts.tasks.mail_dead",
    ),
    "audit.export": JobKind(
        "apps.audit.tasks.export", queue="general", lease_seconds=60, on_dead="apps.audit.tasks.export_dead"
    ),
    "audit.expire_export": JobKind("apps.audit.tasks.expire_export", queue="general", lease_seconds=60, attempts=5),
    "audit.verify": JobKind(
        "apps.audit.tasks.verify", queue="general", lease_seconds=60, on_dead="apps.audit.tasks.verify_dead"
    ),
}

# Only in a demo: acts at its own sources, and the end of a worker in the middle of a run.
DEMO_JOBS: dict[str, JobKind] = {
    "demo.act": JobKind("controlplane.demo.work.act", queue="extract", lease_seconds=120, attempts=1),
    "demo.kill": JobKind("controlplane.demo.work.kill_extract", queue="publish", lease_seconds=120, attempts=1),
}
