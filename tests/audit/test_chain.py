"""The notary numbers each committed event once, without gaps; whoever verifies finds any alteration by its number."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from apps.audit import services
from apps.audit.models import Event, EventDetail, Sequenced
from apps.core.actor import system
from apps.core.ids import uuid7
from tests.copies import Copy, copy
from tests.support import World, as_role

__all__ = ["copy"]


def record(*summaries: str) -> None:
    for summary in summaries:
        with transaction.atomic():
            services.append(actor=system("test"), action="test.done", subject="test/1", summary=summary)


@pytest.fixture
def chained(world: World) -> World:
    record("one", "two", "three")
    with as_role("notary"):
        assert services.sequence() == 3
    return world


def test_numbers_follow_the_ids_and_each_link_the_one_before(chained: World) -> None:
    with as_role("notary"):
        assert services.sequence() == 0
        record("four")
        assert services.sequence() == 1
    link, previous = bytes(32), []
    for row in Sequenced.objects.order_by("number").select_related("event"):
        event_hash = hashlib.sha256(bytes(row.event.body)).digest()
        link = hashlib.sha256(link + event_hash).digest()
        assert (bytes(row.event_hash), bytes(row.chain_hash)) == (event_hash, link)
        previous.append((row.number, row.event.detail.summary))
    assert previous == [(1, "one"), (2, "two"), (3, "three"), (4, "four")]


def test_batches_leave_no_gap(world: World) -> None:
    record(*(str(number) for number in range(7)))
    assert [services.sequence(3) for _ in range(4)] == [3, 3, 1, 0]
    assert list(Sequenced.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 8))


def test_an_event_whose_clock_lagged_is_not_lost(chained: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (1, 60):
        lagged = UUID(int=uuid7().int - (minutes * 60_000 << 80))
        monkeypatch.setattr(services, "uuid7", lambda lagged=lagged: lagged)
        record(f"{minutes} min late")
    assert [services.sequence(), services.sequence()] == [1, 0]
    assert services.verify().pending == 1
    assert services.sequence(everything=True) == 1
    late = Sequenced.objects.filter(number__gt=3).order_by("number").values_list("event__detail__summary", flat=True)
    assert list(late) == ["1 min late", "60 min late"]


def test_a_clock_that_was_ahead_does_not_hide_what_comes_after(chained: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrow = UUID(int=uuid7().int + (86_400_000 << 80))
    with monkeypatch.context() as ahead:
        ahead.setattr(services, "uuid7", lambda: tomorrow)
        record("tomorrow")
    assert services.sequence() == 1
    record("today")
    assert services.sequence() == 1


def test_a_whole_log_verifies(chained: World) -> None:
    record("four")
    with as_role("web"):
        result = services.verify()
    assert (result.events, result.sequenced, result.pending, result.ok, result.first_bad) == (4, 3, 1, True, "")
    assert result.sentence == "Audit log verified to event 3. 1 event waits for its number."


def test_the_command_says_the_same(chained: World) -> None:
    said = io.StringIO()
    call_command("verify", stdout=said)
    assert said.getvalue() == "Audit log verified to event 3.\n"
    Event.objects.filter(sequenced__number=2).update(body=b"{}")
    with pytest.raises(CommandError, match="Event 2 was altered"):
        call_command("verify")


ALTERATIONS: dict[str, tuple[Callable[[], object], str, str]] = {
    "body": (
        lambda: Event.objects.filter(sequenced__number=2).update(body=b"{}"),
        "2",
        "Event 2 was altered: its bytes no longer have the hash that was sequenced.",
    ),
    "body and hash": (
        lambda: (
            Event.objects.filter(sequenced__number=2).update(body=b"{}"),
            Sequenced.objects.filter(number=2).update(event_hash=hashlib.sha256(b"{}").digest()),
        ),
        "2",
        "The chain breaks at event 2: its link does not follow from the one before.",
    ),
    "missing": (
        lambda: Sequenced.objects.filter(number=2).delete(),
        "2",
        "Number 2 is missing: the next one in the log is 3.",
    ),
    "columns": (
        lambda: Event.objects.filter(sequenced__number=3).update(actor_id="somebody else"),
        "3",
        "Event 3 shows something else in its columns than its bytes say.",
    ),
    "detail": (
        lambda: EventDetail.objects.filter(event__sequenced__number=3).update(body=b'{"actor_name":"x","summary":"y"}'),
        "3",
        "Event 3 has an altered detail: it no longer has the hash that the event holds.",
    ),
    "summary": (
        lambda: EventDetail.objects.filter(event__sequenced__number=1).update(summary="nothing happened"),
        "1",
        "Event 1 shows another name or sentence than its detail says.",
    ),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_an_alteration_is_found_and_named(chained: World, what: str) -> None:
    alter, number, sentence = ALTERATIONS[what]
    alter()
    result = services.verify()
    assert (result.ok, result.first_bad, result.sentence) == (False, number, sentence)


def test_an_altered_event_that_waits_is_named_by_its_id(chained: World) -> None:
    record("four")
    event = Event.objects.get(sequenced=None)
    EventDetail.objects.filter(event=event).update(salt=b"0" * 16)
    result = services.verify()
    assert (result.ok, result.first_bad) == (False, f"event {event.id}")


def test_an_erased_detail_keeps_every_proof(chained: World) -> None:
    EventDetail.objects.filter(event__sequenced__number=2).delete()
    assert services.verify().sentence == "Audit log verified to event 3."


def test_verification_can_stop_at_a_number(chained: World) -> None:
    Event.objects.filter(sequenced__number=3).update(body=b"{}")
    assert services.verify(upto=2).ok
    assert not services.verify(upto=3).ok


def test_an_act_still_in_flight_is_neither_skipped_nor_lost(copy: Copy) -> None:
    """The event with the smaller id commits last: the notary waits at its barrier instead of passing it by."""
    appended, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with copy.as_role("web"), transaction.atomic():
            services.append(actor=system("slow"), action="test.done", subject="test/1", summary="first")
            appended.set()
            go_on.wait(10)

    thread = threading.Thread(target=slow)
    thread.start()
    appended.wait(10)
    with copy.as_role("web"):
        record("second")
    with copy.as_role("notary"):
        assert services.sequence() == 0
    go_on.set()
    thread.join()
    with copy.as_role("notary"):
        assert services.sequence() == 2
        order = Sequenced.objects.order_by("number").values_list("event__detail__summary", flat=True)
        assert list(order) == ["first", "second"]
        assert services.verify().ok


def test_several_notaries_and_writers_at_once_leave_one_chain(copy: Copy) -> None:
    def write() -> int:
        record(*(str(number) for number in range(10)))
        return 0

    def notarise() -> int:
        return sum(services.sequence(7) for _ in range(15))

    stop = threading.Thread(target=lambda: copy.together(*[("web", write)] * 4))
    stop.start()
    copy.together(*[("notary", notarise)] * 3)
    stop.join()
    with copy.as_role("notary"):
        while services.sequence():
            pass
        result = services.verify()
    assert (result.sequenced, result.pending, result.ok) == (40, 0, True)
