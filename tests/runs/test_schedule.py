"""A due pipeline starts once, whoever looks at the clock; one that cannot start waits for its next time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.core.clock import now
from apps.dataplane.definition import Schedule
from apps.dataplane.errors import Conflict, Denied, Invalid
from apps.pipelines import scheduling
from apps.runs import services
from apps.runs.models import Run
from tests.support import as_role

from .support import Shop

NIGHTLY = Schedule("30 3 * * *", "Europe/Berlin")


def due(shop: Shop) -> None:
    shop.pipeline.next_due_at = now() - timedelta(minutes=1)
    shop.pipeline.save()


def start_due() -> int:
    with as_role("scheduler"):
        return services.start_due()


def test_a_due_pipeline_starts_once_and_is_due_again_at_its_next_time(shop):
    due(shop)
    assert [start_due(), start_due()] == [1, 0]
    run = Run.objects.get()
    assert (run.trigger, run.started_by, run.state) == ("schedule", "scheduler", "QUEUED")
    assert run.steps.count() == 10
    shop.pipeline.refresh_from_db()
    assert shop.pipeline.next_due_at == scheduling.next_due(NIGHTLY, after=now())


def test_a_paused_pipeline_does_not_start(shop):
    due(shop)
    shop.pipeline.paused_at = now()
    shop.pipeline.save()
    assert start_due() == 0
    assert Run.objects.count() == 0


def test_a_pipeline_that_still_runs_waits_for_its_next_time(shop):
    due(shop)
    shop.run(Run.RUNNING)
    assert start_due() == 0
    assert Run.objects.count() == 1
    shop.pipeline.refresh_from_db()
    assert shop.pipeline.next_due_at > now()


def test_a_second_run_of_one_pipeline_is_refused(shop):
    with as_role("web"):
        services.start(actor=shop.world.actor("alice"), pipeline_id=shop.pipeline.id)
        with pytest.raises(Conflict, match="already under way"):
            services.start(actor=shop.world.actor("alice"), pipeline_id=shop.pipeline.id)
    assert Run.objects.count() == 1


def test_a_reviewer_may_not_start_a_run(shop):
    with as_role("web"), pytest.raises(Denied):
        services.start(actor=shop.world.actor("bob"), pipeline_id=shop.pipeline.id)
    assert Run.objects.count() == 0


def test_a_queued_run_is_cancelled_and_one_that_ended_is_not(shop):
    with as_role("web"):
        run = services.start(actor=shop.world.actor("alice"), pipeline_id=shop.pipeline.id)
        assert services.cancel(actor=shop.world.actor("alice"), run_id=run.id).state == "CANCELLED"
        with pytest.raises(Conflict):
            services.cancel(actor=shop.world.actor("alice"), run_id=run.id)


def test_a_schedule_keeps_its_hour_through_daylight_saving():
    times = scheduling.next_times(NIGHTLY, after=datetime(2026, 3, 27, 12, tzinfo=UTC), count=3)
    assert [time.isoformat() for time in times] == [
        "2026-03-28T02:30:00+00:00",
        "2026-03-29T01:30:00+00:00",
        "2026-03-30T01:30:00+00:00",
    ]


@pytest.mark.parametrize(
    ("cron", "zone", "field"),
    [
        ("0 3 * *", "UTC", "schedule.cron"),
        ("61 3 * * *", "UTC", "schedule.cron"),
        ("0 0 30 2 *", "UTC", "schedule.cron"),
        ("0 3 * * *", "Mars/Olympus", "schedule.zone"),
    ],
)
def test_a_schedule_that_never_comes_or_cannot_be_read_is_refused(cron, zone, field):
    with pytest.raises(Invalid) as refused:
        scheduling.validate(Schedule(cron, zone))
    assert refused.value.field == field
