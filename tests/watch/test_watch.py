"""Lockgate watches itself: what is not well opens an incident of the organisation, and closes when it is well again."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client, override_settings

from apps.accounts.models import Organisation
from apps.alerts.models import Delivery, Notice
from apps.audit import services as audit
from apps.audit.models import Event
from apps.core import beats
from apps.core.actor import system
from apps.core.clock import now
from apps.core.models import Job, ProcessBeat
from apps.incidents import selectors as incidents
from apps.incidents import services as incident_services
from apps.incidents.models import Incident
from apps.watch import selectors, services, signs
from apps.watch.services import Watch
from apps.watch.signs import Disk, Sign
from tests.support import World, as_role

EVERYBODY = (*signs.CLASSES, "control")


@pytest.fixture(autouse=True)
def running_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs, "_begun", signs._begun - 3600)


def lives(*names: str, ago: int = 0, pid: int = 1, locked: bool = False, loops: tuple[str, ...] = signs.LOOPS) -> None:
    for name in names:
        at = now() - timedelta(seconds=ago)
        does = list(loops) if name == "control" else [name]
        ProcessBeat.objects.create(
            name=f"{name}-{pid}", kind=name, host="here", does=does, role=name, pid=pid, locked=locked, started_at=at,
            seen_at=at,
        )  # fmt: skip


def look(watch: Watch, role: str = "scheduler", times: int = 2) -> None:
    watch.pause = 0
    with as_role(role):
        for _ in range(times):
            watch.look()


def live() -> list[str]:
    return sorted(Incident.objects.exclude(state="RESOLVED").values_list("subject", flat=True))


class TestSilence:
    def test_when_all_are_at_work_nothing_is_raised(self, world: World) -> None:
        lives(*EVERYBODY)
        look(services.of_scheduler())
        look(services.of_general(), "general")
        assert live() == []

    def test_a_silent_worker_is_an_incident_of_the_organisation_until_it_is_back(self, world: World) -> None:
        lives(*(name for name in EVERYBODY if name != "extract"))
        lives("extract", ago=90)
        watch = services.of_scheduler()
        look(watch, times=1)
        assert live() == []
        look(watch, times=1)
        found = Incident.objects.get()
        assert (found.team, found.subject, found.problem, found.level) == (None, "system/extract", "silent", "ERROR")
        assert found.sentence.startswith("The extract worker gave no sign of life since ")
        assert "Runs wait before they read" in found.sentence
        look(watch)
        assert Incident.objects.get().times == 1
        lives("extract", pid=2)
        look(watch, times=1)
        closed = Incident.objects.get()
        assert (closed.state, closed.resolution_kind) == ("RESOLVED", "gone")
        assert closed.resolution == "Lockgate looked again: it is well."

    def test_two_of_a_kind_have_two_beats_and_one_of_them_is_enough(self, world: World) -> None:
        lives(*EVERYBODY)
        lives("extract", ago=90, pid=2)
        look(services.of_scheduler())
        assert live() == []

    def test_the_general_worker_watches_the_control_process(self, world: World) -> None:
        lives(*signs.CLASSES)
        lives("control", ago=90)
        look(services.of_general(), "general")
        assert live() == ["system/applier", "system/notary", "system/scheduler"]
        told = Delivery.objects.filter(user=world.users["admin"]).values_list("subject", flat=True)
        assert "[ERROR] Lockgate: the scheduler is silent, published data still served" in list(told)
        assert {notice.user_id for notice in Notice.objects.all()} == {world.users["admin"].id}

    def test_a_loop_that_is_stuck_is_silent_though_its_process_lives(self, world: World) -> None:
        lives(*signs.CLASSES)
        lives("control", loops=("scheduler", "applier"))
        look(services.of_scheduler())
        assert live() == ["system/notary"]

    def test_nobody_is_missed_while_the_watch_has_just_begun(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signs, "_begun", time.monotonic())
        look(services.of_general(), "general")
        assert live() == []

    def test_each_process_has_a_beat_and_clears_away_the_dead(self, world: World) -> None:
        lives("extract", pid=2**22 - 1)
        host = ProcessBeat.objects.get()
        with as_role("worker"):
            beats.beat("extract", role="worker", locked=False)
            beats.beat("extract", role="worker", locked=False)
        mine = ProcessBeat.objects.exclude(name=host.name).get()
        assert (mine.kind, mine.does) == ("extract", ["extract"])
        ProcessBeat.objects.filter(name=host.name).update(host=mine.host)
        mine.delete()
        with as_role("worker"):
            beats.beat("extract", role="worker", locked=False)
        assert ProcessBeat.objects.count() == 1


class TestOther:
    def test_events_that_are_not_numbered(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        sequencing = signs.Sequencing()
        assert not sequencing.sign().shows
        monkeypatch.setattr(signs, "NOTARY_PATIENCE", 0.0)
        with transaction.atomic():
            audit.append(actor=system("x"), action="a.b", subject="x/1", summary="did")
        with as_role("scheduler"):
            found = sequencing.sign()
        assert found.sentence == "1 audit event waits and none was numbered for minutes."
        with as_role("notary"):
            audit.sequence()
        monkeypatch.setattr(signs, "NOTARY_PATIENCE", 120.0)
        assert not sequencing.sign().shows

    def test_missing_mail_and_key_copies_are_told_once_one_has_settled_in(self, world: World) -> None:
        lives(*EVERYBODY)
        look(services.of_scheduler())
        assert live() == []
        Organisation.objects.update(founded_at=now() - timedelta(hours=1))
        look(services.of_scheduler())
        assert live() == ["system/key-files", "system/mail"]

    @pytest.mark.parametrize(("free", "shows"), [(9, True), (10, False), (11, False)])
    def test_a_disk_that_fills(self, free: int, shows: bool) -> None:
        found = signs.filling(Disk(free * 2**30, 100 * 2**30))
        assert found.shows == shows
        if shows:
            assert found.sentence == "9.0 GiB of the data directory's disk are free: 9 %, limit 10 %."

    def test_the_limit_of_the_disk_is_a_setting(self) -> None:
        with override_settings(LOCKGATE=dataclasses.replace(settings.LOCKGATE, disk_free=50)):
            assert signs.filling(Disk(49, 100)).shows

    def test_dead_letters_until_they_are_gone(self, world: World) -> None:
        lives(*EVERYBODY)
        dead = Delivery.objects.create(
            user=world.users["bob"], subject_ref="x/1", subject="x", body="x", state=Delivery.DEAD
        )
        watch = services.of_scheduler()
        look(watch)
        assert live() == ["system/deliveries"]
        Delivery.objects.filter(id=dead.id).update(state=Delivery.SENT)
        look(watch, times=1)
        assert live() == []

    def test_a_locked_process(self, world: World) -> None:
        lives(*(name for name in EVERYBODY if name != "general"))
        lives("general", locked=True)
        look(services.of_scheduler())
        assert Incident.objects.get().sentence == "Started without their key: general. Nothing opens there."

    def test_what_somebody_accepted_is_let_be(self, world: World) -> None:
        sign = Sign("mail", "not-set-up", "Lockgate: no mail server", "WARN", "Mail lies in the outbox.")
        with as_role("scheduler"):
            assert services.raise_sign(system("scheduler"), sign)
        with as_role("web"):
            found = incident_services.resolve(
                actor=world.actor("admin"), incident_id=Incident.objects.get().id, resolution="On purpose.",
                kind="accepted",
            )  # fmt: skip
        with as_role("scheduler"):
            assert not services.raise_sign(system("scheduler"), sign)
        Incident.objects.filter(id=found.id).update(resolution_kind="fixed")
        with as_role("scheduler"):
            assert services.raise_sign(system("scheduler"), sign)
        assert Incident.objects.get().reopened == 1


class TestPage:
    @pytest.fixture
    def browse(self, world: World) -> Iterator[Any]:
        def of(name: str) -> Client:
            client = Client()
            client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
            return client

        with as_role("web"):
            yield of

    def test_it_shows_every_part_and_queue(self, world: World, browse: Any) -> None:
        with as_role("owner"):
            lives(*(name for name in EVERYBODY if name != "gate"))
            lives("gate", ago=300)
            Job.objects.create(kind="run.gate", queue="gate", subject="run/1")
        html = browse("admin").get("/system/").content.decode()
        for said in ("The gate worker", "Runs wait at the gate.", "Silent", "The notary", "no mail server is set up"):
            assert said in html
        health = browse("dora").get("/api/v1/watch/health").json()
        states = {part["name"]: part["state"] for part in health["parts"]}
        assert (states["gate"], states["extract"], states["scheduler"]) == ("SILENT", "ACTIVE", "ACTIVE")
        assert {queue["name"]: queue["waiting"] for queue in health["queues"]}["gate"] == 1

    def test_every_page_says_who_fell_silent(self, world: World, browse: Any) -> None:
        with as_role("owner"):
            lives(*signs.CLASSES)
            lives("control", ago=90)
        html = browse("alice").get("/profile/").content.decode()
        assert "No sign of life from the scheduler, the applier, the notary." in html
        assert "/system/" not in html
        assert "Look at the system" in browse("admin").get("/profile/").content.decode()

    def test_whoever_operates_it_looks_after_its_incidents(self, world: World, browse: Any) -> None:
        sign = Sign("disk", "filling", "Lockgate: the disk is filling", "ERROR", "Little is free.")
        with as_role("scheduler"):
            services.raise_sign(system("scheduler"), sign)
        number = Incident.objects.get().number
        assert "the disk is filling" in browse("admin").get("/incidents/").content.decode()
        assert browse("dora").get(f"/incidents/{number}/").status_code == 200
        assert browse("alice").get(f"/incidents/{number}/").status_code == 404
        assert browse("dora").post(f"/incidents/{number}/acknowledge").status_code == 403
        assert browse("admin").post(f"/incidents/{number}/acknowledge").status_code == 302
        assert incidents.open_count(world.actor("alice")) == 0
        assert Event.objects.filter(action="incident.acknowledged").count() == 1

    def test_the_pulse_costs_one_query(self, world: World, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            selectors.pulse()
