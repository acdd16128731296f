"""When a schedule is due: cron fields in a time zone, through daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, CroniterError, croniter

from apps.dataplane.definition import Schedule
from apps.dataplane.errors import Invalid

HORIZON_YEARS = 5


def validate(schedule: Schedule) -> None:
    """Raises Invalid for an unknown zone, fields that cannot be read, or a time that never comes."""
    try:
        ZoneInfo(schedule.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"Time zone {schedule.zone!r} is unknown.", field="schedule.zone") from error
    if len(schedule.cron.split()) != 5 or not croniter.is_valid(schedule.cron):
        raise Invalid(
            f"{schedule.cron!r} is no schedule: five fields are expected, minute hour day month weekday.",
            remedy="Try 0 3 * * * for three o'clock every night.",
            field="schedule.cron",
        )
    if next_due(schedule, after=datetime.now(UTC)) is None:
        raise Invalid(f"{schedule.cron!r} never comes.", field="schedule.cron")


def next_due(schedule: Schedule | None, *, after: datetime) -> datetime | None:
    """The first time after `after`, in UTC; None without a schedule, or when it never comes."""
    return next(iter(next_times(schedule, after=after, count=1)), None)


def next_times(schedule: Schedule | None, *, after: datetime, count: int = 5) -> list[datetime]:
    """The next times, in UTC."""
    if schedule is None:
        return []
    times = croniter(schedule.cron, after.astimezone(ZoneInfo(schedule.zone)), max_years_between_matches=HORIZON_YEARS)
    found: list[datetime] = []
    try:
        while len(found) < count:
            found.append(times.get_next(datetime).astimezone(UTC))
    except (CroniterBadDateError, CroniterError):
        pass
    return [time for time in found if time > after - timedelta(microseconds=1)]
