"""The body of a recall's job: puts the destination back with the write credential, then concludes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from apps.core import jobs
from apps.core.jobs import Lease
from apps.dataplane.errors import PublishRefused
from apps.dataplane.plan import RunPlan, plan_from_json
from apps.dataplane.runner.progress import Progress
from apps.dataplane.runner.restore import Restoration, chain_of
from apps.sources import services as sources

from . import execution, gathering, recalling
from .models import Recall, Run

AT_ONCE = 20


def restore(lease: Lease) -> None:
    """One attempt; after a kill the next one finds in the destination whether this one had committed."""
    asked = recalling.begin(lease.subject_id)
    run, plan = asked.run, plan_from_json(asked.run.plan or {})
    good = _chain(asked)
    gathering.require_no_hold(run, [stream.destination for stream in plan.streams])
    there = sources.open_connection(run.pipeline.destination_id, "write")
    execution.take_over(lease, there)
    with there.connector.publisher(there.settings, there.credentials, purpose="recall") as publisher:
        if publisher.backend_pid:
            lease.hold_backends([execution.leased(run.pipeline.destination_id, "write", publisher.backend_pid)])
        report = Restoration(
            recalled=plan,
            good=[execution.staged_of(one) for one in good],
            recall=str(asked.id),
            fence=asked.fence,
            written_by=str(run.id),
            mine={str(id) for id in Recall.objects.filter(run=run).values_list("id", flat=True)},
            required=gathering.required_for(good[0], plan_from_json(good[0].plan or {})) if good else {},
            publisher=publisher,
            report=_Watcher(lease),
        ).run()
    with transaction.atomic():
        recalling.conclude(asked, good, report)
        jobs.finish(lease)


@dataclass
class _Watcher:
    """Stops an attempt that lost its lease."""

    lease: Lease

    def __call__(self, progress: Progress) -> None:
        self.lease.check()


def _chain(asked: Recall) -> Sequence[Run]:
    """The last good run and as many before it as its tables are made of; they are fixed while the recall goes on."""
    chain: list[Run] = []
    plans: list[RunPlan] = []
    for one in recalling.good_before(asked.run).iterator(AT_ONCE):
        chain.append(one)
        plans.append(plan_from_json(one.plan or {}))
        if all(chain_of(stream.name, plans) for stream in plans[0].streams):
            break
    if (chain[0].id if chain else None) != asked.good_id:
        raise PublishRefused(
            "Another run became the last good one since the recall was asked for. Nothing was changed.",
            remedy="Recall again.",
        )
    return chain
