"""Notices and deliveries: the row comes first, a failure is tried again, what fails for good is a dead letter."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.core import mail
from django.test import Client, override_settings

from apps.accounts.models import User
from apps.alerts import selectors, services
from apps.alerts.models import Delivery, Notice
from apps.core import jobs
from apps.core.models import Job
from apps.dataplane.errors import NotFound
from tests.support import PASSWORD, World, as_role


@pytest.fixture
def general(world: World) -> Iterator[World]:
    """Mail is written down by a worker and sent by the general worker."""
    with as_role("worker"):
        services.send_mail(
            user_id=world.users["alice"].id, subject_ref="incident/1", subject="Check failed", body="See /incidents/1/"
        )
    with as_role("general"):
        yield world


NO_MAIL_SERVER = override_settings(
    EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=1
)


def attempt() -> Job:
    with as_role("owner"):
        job = Job.objects.get(kind="alert.deliver", state=Job.QUEUED)
        Job.objects.filter(id=job.id).update(run_after=job.created_at)
    jobs.work(str(job.id), owner="test")
    with as_role("owner"):
        return Job.objects.get(id=job.id)


def test_a_delivery_is_sent_once_and_says_so(general: World) -> None:
    assert attempt().state == Job.DONE
    assert [(m.to, m.subject) for m in mail.outbox] == [(["alice@acme.example"], "[Lockgate] Check failed")]
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.sent_at is not None) == (Delivery.SENT, True)
    services.deliver(delivery_id=str(delivery.id))
    assert len(mail.outbox) == 1


def waits() -> float:
    """Seconds until the next try."""
    with as_role("owner"):
        job = Job.objects.get(kind="alert.deliver", state=Job.QUEUED)
    return round((job.run_after - job.created_at).total_seconds())


def test_a_failed_delivery_waits_for_its_next_try_and_keeps_no_address(general: World) -> None:
    with NO_MAIL_SERVER:
        job = attempt()
    assert (job.state, waits()) == (Job.DONE, 10)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == (Delivery.WAITING, 1)
    assert delivery.last_error == "The mail server did not take it (ConnectionRefusedError)."
    assert attempt().state == Job.DONE
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.last_error) == (Delivery.SENT, 2, "")


def test_tries_come_later_and_later_until_it_is_a_dead_letter(general: World) -> None:
    waited = []
    with NO_MAIL_SERVER:
        for _ in range(5):
            attempt()
            waited.append(waits())
        attempt()
    assert waited == [10, 60, 300, 1800, 7200]
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.next_try_at) == (Delivery.DEAD, 6, None)
    assert not Job.objects.filter(kind="alert.deliver", state=Job.QUEUED).exists()


def test_who_is_not_active_any_more_gets_nothing(general: World) -> None:
    with as_role("owner"):
        User.objects.filter(id=general.users["alice"].id).update(is_active=False)
    assert attempt().state == Job.DONE
    assert mail.outbox == []
    assert Delivery.objects.get().state == Delivery.DROPPED


def ring(world: World) -> None:
    with as_role("worker"):
        people = [world.users["alice"].id, world.users["alice"].id, world.users["bob"].id]
        services.notify(user_ids=people, sentence="Run 7 was refused.", url="/runs/7/", level="WARN")


def test_each_person_gets_one_notice_and_sees_their_own_alone(world: World) -> None:
    ring(world)
    assert Notice.objects.count() == 2
    with as_role("web"):
        assert selectors.unread(world.actor("alice")) == 1
        assert [row.sentence for row in selectors.notices(world.actor("bob")).rows] == ["Run 7 was refused."]
        assert selectors.notices(world.actor("charlie")).rows == []


@pytest.mark.parametrize("url", ["https://evil.example", "//evil.example", "runs/7"])
def test_a_notice_leads_to_our_own_pages_alone(world: World, url: str) -> None:
    with pytest.raises(ValueError, match="a path of ours"):
        services.notify(user_ids=[world.users["alice"].id], sentence="x", url=url, level="INFO")


class TestBell:
    """The pages."""

    @pytest.fixture
    def alice(self, world: World) -> Iterator[Client]:
        ring(world)
        with as_role("web"):
            client = Client()
            client.post("/login/", {"email": "alice@acme.example", "password": PASSWORD})
            yield client

    def test_following_a_notice_reads_it(self, alice: Client, world: World) -> None:
        page = alice.get("/notices/").content.decode()
        assert "Run 7 was refused." in page
        assert "1 not read yet" in page
        notice = Notice.objects.get(user=world.users["alice"])
        assert alice.get(f"/notices/{notice.id}/")["Location"] == "/runs/7/"
        assert "0 not read yet" in alice.get("/notices/").content.decode()
        assert "Nothing left to read" in alice.get("/notices/?unread=1").content.decode()

    def test_all_are_read_at_once(self, alice: Client, world: World) -> None:
        alice.post("/notices/read/")
        assert selectors.unread(world.actor("alice")) == 0
        assert selectors.unread(world.actor("bob")) == 1

    def test_nobody_opens_the_notice_of_somebody_else(self, alice: Client, world: World) -> None:
        notice = Notice.objects.get(user=world.users["bob"])
        assert alice.get(f"/notices/{notice.id}/").status_code == 404
        with pytest.raises(NotFound):
            selectors.target(world.actor("alice"), UUID(int=1))
        assert selectors.unread(world.actor("bob")) == 1

    def test_the_api_gives_the_same_notices(self, alice: Client) -> None:
        page = alice.get("/api/v1/alerts/notices?unread=true").json()
        assert [row["sentence"] for row in page["rows"]] == ["Run 7 was refused."]
        assert (page["older"], page["newer"]) == ("", "")
