"""Auditors search and verify; what they read is on record itself; nobody else sees a line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit import selectors, services
from apps.audit.models import Event
from apps.audit.selectors import Filters
from apps.dataplane.errors import Denied
from tests.support import World, as_role


def actions() -> list[str]:
    return list(Event.objects.order_by("id").values_list("action", flat=True))


@pytest.fixture
def log(world: World) -> World:
    for name, action, subject, summary in (
        ("alice", "run.started", "run/1", "started run 1"),
        ("bob", "change.approved", "change/1", "approved change 1: Mask phone"),
        ("alice", "run.cancelled", "run/1", "cancelled run 1"),
    ):
        services.append(
            actor=world.actor(name), action=action, subject=subject, summary=summary, team_id=world.team.id,
            detail={"rows": 3},
        )  # fmt: skip
    return world


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), ["cancelled run 1", "approved change 1: Mask phone", "started run 1"]),
        (Filters(action="run."), ["cancelled run 1", "started run 1"]),
        (Filters(action="run.started"), ["started run 1"]),
        (Filters(actor="bo"), ["approved change 1: Mask phone"]),
        (Filters(subject="run/"), ["cancelled run 1", "started run 1"]),
        (Filters(text="mask"), ["approved change 1: Mask phone"]),
        (Filters(since=timezone.localdate()), ["cancelled run 1", "approved change 1: Mask phone", "started run 1"]),
        (Filters(until=timezone.localdate() - timedelta(days=1)), []),
    ],
)
def test_a_search_finds_exactly_that(log: World, filters: Filters, expected: list[str]) -> None:
    with as_role("web"):
        page = selectors.events(log.actor("dora"), filters)
    assert [event.summary for event in page.rows] == expected


def test_pages_follow_each_other(log: World) -> None:
    with as_role("web"):
        first = selectors.events(log.actor("dora"), Filters(), size=2)
        second = selectors.events(log.actor("dora"), Filters(), size=2, cursor=first.older)
    assert [event.summary for event in second.rows] == ["started run 1"]
    assert (second.older, bool(second.newer)) == ("", True)


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "admin"])
def test_nobody_but_an_auditor_reads_or_verifies(log: World, name: str) -> None:
    before = actions()
    with as_role("web"):
        for read in (
            lambda: selectors.events(log.actor(name), Filters()),
            lambda: services.record_reading(actor=log.actor(name), filters=Filters()),
            lambda: services.verify_as(actor=log.actor(name)),
        ):
            with pytest.raises(Denied):
                read()
    assert actions() == before


def test_plain_reading_is_recorded_once_an_hour_and_every_search(log: World) -> None:
    dora, before = log.actor("dora"), len(actions())
    with as_role("web"):
        for filters in (Filters(), Filters(), Filters(text="run"), Filters(text="run")):
            services.record_reading(actor=dora, filters=filters)
        services.verify_as(actor=dora)
    assert actions()[before:] == ["audit.viewed", "audit.searched", "audit.searched", "audit.verified"]


def test_the_page_shows_sentences_and_how_far_the_notary_is(log: World, client: Client) -> None:
    services.sequence(2)
    client.force_login(log.users["dora"], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        answer = client.get("/audit/?q=mask")
        verified = client.post("/audit/verify")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "approved change 1: Mask phone" in text
    assert "cancelled run 1" not in text
    assert "Sequenced to 2" in text
    assert "Audit log verified to event 2." in verified.content.decode()


def test_a_date_that_is_none_is_named(log: World, client: Client) -> None:
    client.force_login(log.users["dora"], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        answer = client.get("/audit/?since=yesterday")
    assert answer.status_code == 422
    assert "Enter a valid date." in answer.content.decode()


@pytest.mark.parametrize("name", ["alice", "charlie"])
def test_the_page_is_not_for_others(log: World, client: Client, name: str) -> None:
    client.force_login(log.users[name], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        answer = client.get("/audit/")
    assert answer.status_code == 403
    assert b"started run 1" not in answer.content
