"""Searches find exactly what fits, say how far they looked, and go on from there; names stand for ids."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts import selectors as accounts
from apps.audit import searching, selectors, services
from apps.audit.models import Event
from apps.audit.searching import Filters, find
from apps.core.ids import uuid7
from tests.support import World, as_role

BACKEND = "django.contrib.auth.backends.ModelBackend"
ACTS = (
    ("alice", "run.started", "run/1", "started run 1"),
    ("bob", "change.approved", "change/1", "approved change 1: Mask phone"),
    ("alice", "run.blocked", "run/1", "kept run 1 at the gate"),
    ("charlie", "access.denied", "run/2", "was denied"),
    ("alice", "run.failed", "run/2", "failed run 2"),
    ("alice", "runner.noted", "note/1", "noted 100% of_it"),
)


@pytest.fixture
def log(world: World) -> World:
    for name, action, subject, summary in ACTS:
        team = world.team.id if name == "alice" else None
        services.append(actor=world.actor(name), action=action, subject=subject, summary=summary, team_id=team)
    return world


def found(filters: Filters, **more: object) -> list[str]:
    ids = find(filters, size=50, **more).ids  # type: ignore[arg-type]
    named = {event.id: event.detail.summary for event in Event.objects.filter(id__in=ids).select_related("detail")}
    return [named[key] for key in ids]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(outcome="denied"), ["was denied"]),
        (Filters(outcome="refused"), ["kept run 1 at the gate"]),
        (Filters(outcome="failed"), ["failed run 2"]),
        (Filters(action="run.", outcome="failed"), ["failed run 2"]),
        (Filters(action="run."), ["failed run 2", "kept run 1 at the gate", "started run 1"]),
        (Filters(action="run.started", subject="run/1"), ["started run 1"]),
        (Filters(action="never.heard"), []),
        (Filters(action="never."), []),
        (Filters(subject="run/"), ["failed run 2", "was denied", "kept run 1 at the gate", "started run 1"]),
        (Filters(text="run gate"), ["kept run 1 at the gate"]),
        (Filters(text="alice 100%"), ["noted 100% of_it"]),
        (Filters(text="100% of.it"), []),
        (Filters(text="RUN/2"), ["failed run 2", "was denied"]),
        (Filters(text="'; DROP TABLE audit_event; --"), []),
    ],
)
def test_a_search_finds_exactly_what_fits(log: World, filters: Filters, expected: list[str]) -> None:
    with as_role("web"):
        assert found(filters) == expected


def test_a_team_and_a_person_are_looked_up(log: World) -> None:
    alice, team = str(log.users["alice"].id), str(log.team.id)
    both = ["noted 100% of_it", "failed run 2", "kept run 1 at the gate", "started run 1"]
    with as_role("web"):
        assert found(Filters(team=team)) == both
        assert found(Filters(actor=alice)) == both
        assert found(Filters(actor="alice", people=accounts.ids_called("alice"))) == both
        assert found(Filters(actor="Alice")) == both
        assert found(Filters(actor=alice, team=team, subject="run/1")) == ["kept run 1 at the gate", "started run 1"]


def test_a_name_that_fits_too_many_or_is_an_id_stands_for_nobody(world: World) -> None:
    assert accounts.ids_called("acme.example", limit=3) == ()
    assert accounts.ids_called(str(world.users["bob"].id)) == ()
    assert accounts.ids_called("bob") == (str(world.users["bob"].id),)


def test_a_period_ends_the_search_at_its_beginning(log: World, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = UUID(int=uuid7().int - (8 * 86_400_000 << 80))
    monkeypatch.setattr(services, "uuid7", lambda: long_ago)
    services.append(actor=log.actor("bob"), action="run.started", subject="run/0", summary="started run 0")
    week = timezone.now() - timedelta(days=7)
    assert found(Filters(subject="run/0")) == ["started run 0"]
    assert found(Filters(subject="run/0", after=week)) == []
    assert found(Filters(), newer=True)[0] == "started run 0"


def test_a_window_says_how_far_it_looked_and_the_next_goes_on(log: World) -> None:
    keys = list(Event.objects.order_by("-id").values_list("id", flat=True))
    first = find(Filters(text="started"), size=50, window=2)
    assert (first.ids, first.reached) == ((), keys[1])
    second = find(Filters(text="started"), size=50, window=2, last=first.reached)
    assert (second.ids, second.reached) == ((), keys[3])
    third = find(Filters(text="started"), size=50, window=2, last=second.reached)
    assert (third.ids, third.reached) == ((keys[5],), None)


def test_a_window_can_run_towards_the_newer_as_well(log: World) -> None:
    keys = list(Event.objects.order_by("id").values_list("id", flat=True))
    first = find(Filters(text="failed"), size=50, window=3, newer=True)
    assert (first.ids, first.reached) == ((), keys[2])
    second = find(Filters(text="failed"), size=50, window=3, newer=True, last=first.reached)
    assert (second.ids, second.reached) == ((keys[4],), None)


def test_pages_of_a_window_lead_on_and_back(log: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WINDOW", 2)
    monkeypatch.setattr(selectors, "find", lambda *a, **k: searching.find(*a, **k, window=2))
    dora = log.actor("dora")
    with as_role("web"):
        first = selectors.events(dora, Filters(text="started"))
        second = selectors.events(dora, Filters(text="started"), cursor=first.older)
        third = selectors.events(dora, Filters(text="started"), cursor=second.older)
    assert (first.rows, bool(first.older), first.newer, bool(first.reached)) == ([], True, "", True)
    assert ([event.summary for event in third.rows], third.older, bool(third.newer)) == (["started run 1"], "", True)


def test_the_number_of_queries_does_not_grow_with_the_log(log: World, client: Client) -> None:
    client.force_login(log.users["dora"], backend=BACKEND)
    client.get("/audit/")
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/audit/")
    for number in range(40):
        services.append(actor=log.actor("bob"), action=f"kind{number}.done", subject="x/1", summary="did it")
    with CaptureQueriesContext(connection) as many:
        client.get("/audit/")
    assert len(many) == len(few)
    assert len(many) <= 15


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("period=yesterday", "Select a valid choice."),
        ("outcome=%3Cscript%3E", "Select a valid choice."),
        ("team=none", "Enter a valid UUID."),
        ("since=2026-02-01&until=2026-01-01", "This day is before the one on which the search begins."),
        ("q=%00", "Null characters are not allowed."),
        (f"q={'x' * 201}", "at most 200 characters"),
        (f"subject={'x' * 121}", "at most 120 characters"),
    ],
)
def test_what_cannot_be_read_is_named_and_nothing_is_found_by_mistake(
    log: World, client: Client, query: str, sentence: str
) -> None:
    client.force_login(log.users["dora"], backend=BACKEND)
    with as_role("web"):
        answer = client.get(f"/audit/?{query}")
    text = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in text
    assert "started run 1" not in text


def test_hostile_text_is_shown_as_text(log: World, client: Client) -> None:
    client.force_login(log.users["dora"], backend=BACKEND)
    with as_role("web"):
        answer = client.get("/audit/", {"q": "<script>alert(1)</script>\u202e"})
    assert answer.status_code == 200
    assert b"<script>alert(1)" not in answer.content


def test_a_cursor_that_is_none_of_ours_is_refused(log: World, client: Client) -> None:
    client.force_login(log.users["dora"], backend=BACKEND)
    for cursor in ("x", "WzAsICJ4Il0", "bnVsbA"):
        with as_role("web"):
            assert client.get("/audit/", {"cursor": cursor}).status_code == 422


def test_filters_survive_a_round_trip() -> None:
    whole = Filters(
        action="run.", actor="bob", subject="run/", team="t", text="a b", outcome="done", period="7d",
        since=timezone.localdate(), until=timezone.localdate(), after=timezone.now(), people=("1", "2"),
    )  # fmt: skip
    assert Filters.from_json(whole.as_json()) == whole
    assert Filters.from_json(Filters().as_json()) == Filters()
