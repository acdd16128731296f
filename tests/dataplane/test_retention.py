"""Retention periods are exact by the calendar, and mistakes in a definition name their field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.dataplane.errors import Invalid
from apps.dataplane.retention import Keep, cutoff, parse

GOOD: dict[str, Any] = {
    "format": 1,
    "connection": "0190c0de-0000-7000-8000-000000000000",
    "dataset": {"schema": "crm", "table": "orders"},
    "tag": "",
    "age_column": "created_at",
    "keep": {"amount": 24, "unit": "months"},
    "zone": "Europe/Berlin",
    "action": "delete",
    "schedule": {"cron": "0 3 * * *", "zone": "Europe/Berlin"},
}


@pytest.mark.parametrize(
    ("keep", "at", "day"),
    [
        (Keep(1, "months"), datetime(2023, 3, 31, 12, tzinfo=UTC), "2023-02-28T00:00:00+01:00"),
        (Keep(1, "months"), datetime(2024, 3, 31, 12, tzinfo=UTC), "2024-02-29T00:00:00+01:00"),
        (Keep(1, "years"), datetime(2024, 2, 29, 12, tzinfo=UTC), "2023-02-28T00:00:00+01:00"),
        (Keep(13, "months"), datetime(2024, 1, 5, 12, tzinfo=UTC), "2022-12-05T00:00:00+01:00"),
        (Keep(1, "days"), datetime(2024, 7, 1, 22, 30, tzinfo=UTC), "2024-07-01T00:00:00+02:00"),
        (Keep(90, "days"), datetime(2024, 4, 1, 12, tzinfo=UTC), "2024-01-02T00:00:00+01:00"),
    ],
)
def test_the_cutoff_is_a_local_midnight_by_the_calendar(keep: Keep, at: datetime, day: str) -> None:
    assert cutoff(keep, "Europe/Berlin", at).isoformat() == day


def test_a_definition_is_read_back_as_itself() -> None:
    assert parse(GOOD).as_document() == GOOD


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"format": 2}, "definition"),
        ({"extra": 1}, "extra"),
        ({"dataset": None}, "dataset"),
        ({"tag": "pii"}, "dataset"),
        ({"dataset": {"schema": "crm"}}, "dataset"),
        ({"age_column": ""}, "age_column"),
        ({"age_column": "a\x00b"}, "age_column"),
        ({"keep": {"amount": 0, "unit": "days"}}, "keep_amount"),
        ({"keep": {"amount": True, "unit": "days"}}, "keep_amount"),
        ({"keep": {"amount": 40_000, "unit": "days"}}, "keep_amount"),
        ({"keep": {"amount": 1, "unit": "weeks"}}, "keep_unit"),
        ({"keep": 5}, "keep"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"action": "shred"}, "action"),
        ({"connection": "crm"}, "connection"),
        ({"schedule": {"cron": "0 3 * * *"}}, "cron"),
    ],
)
def test_a_mistake_names_its_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse({**GOOD, **changed})
    assert caught.value.field == field
