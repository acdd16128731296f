"""One event shows its bytes, hash and place, or says what does not agree; long logs are walked by a worker."""

from __future__ import annotations

import hashlib

import pytest
from django.test import Client

from apps.audit import proving, services, walking
from apps.audit.models import Event, EventDetail, Walk
from apps.core import jobs, restorations
from apps.core.clock import now
from apps.core.ids import uuid7
from apps.core.models import Job
from apps.dataplane.errors import NotFound
from tests.support import World, as_role

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def log(world: World) -> World:
    for number in range(3):
        services.append(
            actor=world.actor("alice"), action="person.profile_changed", subject="person/1", summary=f"act {number}",
            detail={"before": {"zone": "UTC", "kept": "x"}, "after": {"zone": "Europe/Oslo", "kept": "x"}},
        )  # fmt: skip
    with as_role("notary"):
        services.sequence()
    return world


def numbered(number: int) -> Event:
    return Event.objects.get(sequenced__number=number)


def test_an_event_stands_between_its_neighbours_with_its_proof(log: World) -> None:
    with as_role("web"):
        proof = proving.proof_of(log.actor("dora"), numbered(2).id)
    assert (proof.fault, proof.before.number, proof.after.number) == ("", 1, 3)
    assert proof.hash == hashlib.sha256(proof.body.encode()).hexdigest()
    link = hashlib.sha256(bytes.fromhex(proof.previous) + bytes.fromhex(proof.hash)).hexdigest()
    assert proof.chain == link
    assert proof.event.moved == (("zone", "UTC", "Europe/Oslo"),)
    assert proof.event.detail == ()


def test_the_first_and_the_last_have_one_neighbour_and_a_pending_one_none(log: World) -> None:
    with as_role("web"):
        pending = services.append(actor=log.actor("bob"), action="test.done", subject="test/1", summary="later")
        first = proving.proof_of(log.actor("dora"), numbered(1).id)
        last = proving.proof_of(log.actor("dora"), numbered(3).id)
        waiting = proving.proof_of(log.actor("dora"), pending.id)
    assert (first.before, first.previous, first.fault) == (None, "00" * 32, "")
    assert (last.after, last.fault) == (None, "")
    assert (waiting.before, waiting.after, waiting.chain, waiting.fault) == (None, None, "", "")


def test_an_altered_event_says_what_does_not_agree(log: World, client: Client) -> None:
    EventDetail.objects.filter(event=numbered(2)).update(summary="nothing happened")
    client.force_login(log.users["dora"], backend=BACKEND)
    with as_role("web"):
        text = client.get(f"/audit/events/{numbered(2).id}/").content.decode()
    assert "Event 2 shows another name or sentence than its detail says." in text
    assert "does not agree with its proof" in text


def test_the_page_shows_both_times_the_change_and_the_bytes(log: World, client: Client) -> None:
    log.users["dora"].time_zone = "Asia/Tokyo"
    log.users["dora"].save()
    client.force_login(log.users["dora"], backend=BACKEND)
    event = numbered(1)
    with as_role("web"):
        text = client.get(f"/audit/events/{event.id}/").content.decode()
    assert "Europe/Oslo" in text
    assert "&quot;format&quot;:1" in text
    assert f"{event.created_at:%Y-%m-%d %H:}" in text


def test_an_event_that_is_none_is_not_found(log: World) -> None:
    with as_role("web"), pytest.raises(NotFound):
        proving.proof_of(log.actor("dora"), uuid7())


def test_a_long_log_is_verified_by_a_worker(log: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "AT_ONCE", 2)
    client.force_login(log.users["dora"], backend=BACKEND)
    with as_role("web"):
        asked = client.post("/audit/verify")
        again = client.post("/audit/verify")
        assert (asked.status_code, asked.url) == (302, again.url)
        assert "of 3 events" in client.get(asked.url).content.decode()
    with as_role("general"):
        jobs.work(str(Job.objects.get(kind="audit.verify").id), owner="test", queue="general")
    with as_role("web"):
        text = client.get(asked.url).content.decode()
    assert "Audit log verified to event 3." in text
    assert Walk.objects.get().ok is True
    assert Event.objects.filter(action="audit.verified", actor_id="general").count() == 1


def test_a_worker_names_the_first_bad_event(log: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "AT_ONCE", 2)
    Event.objects.filter(id=numbered(2).id).update(body=b"{}")
    client.force_login(log.users["dora"], backend=BACKEND)
    with as_role("web"):
        asked = client.post("/api/v1/audit/verify")
        assert asked.status_code == 202
    with as_role("general"):
        jobs.work(str(Job.objects.get(kind="audit.verify").id), owner="test", queue="general")
    with as_role("web"):
        said = client.get(f"/api/v1/audit/verifications/{asked.json()['id']}").json()
    assert (said["state"], said["result"]["ok"], said["result"]["first_bad"]) == ("DONE", False, "2")


def test_a_restored_log_says_so_when_it_verifies(log: World) -> None:
    restorations.record(backup_made_at=now(), backup_events=2)
    sentence = services.verify().sentence
    assert sentence.startswith("Audit log verified to event 3. Restored on ")
    assert sentence.endswith("which held 2 numbered events.")


@pytest.mark.django_db
def test_each_restoration_begins_above_every_fence_before_it() -> None:
    assert restorations.fence_base() == 0
    restorations.record(backup_made_at=now(), backup_events=0)
    first = restorations.fence_base()
    restorations.record(backup_made_at=now(), backup_events=0)
    second = restorations.fence_base()
    assert first > 10_000_000 * 1000  # ten million runs
    assert second == first + (1 << 28)
    assert second < 2**53
