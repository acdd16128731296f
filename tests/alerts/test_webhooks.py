"""Signed webhooks against a real server: the signature, tries, dead letters, replay, and what is never followed."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from apps.alerts import channel_services, services, webhooks
from apps.alerts.models import Channel, ChannelTest, ChannelVersion, Delivery
from apps.audit.models import Event
from apps.core import jobs
from apps.core.models import Job
from apps.dataplane.errors import Conflict, Denied, Invalid, Refused
from apps.keys import services as keys
from tests.support import World, as_role

from .support import SECRET, Received, alert_route, receiver, webhook_channel

SETTINGS = settings.LOCKGATE
OPEN = {"webhook_networks": (ipaddress.ip_network("127.0.0.0/8"),), "webhook_http_hosts": ("127.0.0.1",)}


@pytest.fixture
def general(world: World, tmp_path: Path) -> Iterator[World]:
    """A general worker with its key; webhooks may reach loopback, as an operator would have to allow."""
    kek = tmp_path / "general.kek"
    kek.write_text("ab" * 32)
    with override_settings(LOCKGATE=dataclasses.replace(SETTINGS, role="general", kek_file=kek, **OPEN)):
        keys.unlock()
        yield world


def channel_to(got: Received, **allowed: Any) -> Channel:
    says = channel_services.webhook(url=f"http://127.0.0.1:{got.port}/in?a=b", secret=SECRET, held=None)
    return webhook_channel(says)


def raise_one(world: World, subject_line: str = "customers: e-mail validity 91.2 % (limit 99)") -> None:
    with as_role("gate"):
        services.raise_alert(
            team_id=world.team.id, subject_ref="incident/1", level="ERROR", subject_line=subject_line, body="Look.",
            url="/incidents/1/", event="incident.opened", about="pipeline/1",
        )  # fmt: skip


def attempt() -> Job:
    job = Job.objects.filter(kind="alert.deliver", state=Job.QUEUED, subject=f"delivery/{delivery().id}").get()
    Job.objects.filter(id=job.id).update(run_after=job.created_at)
    with as_role("general"):
        jobs.work(str(job.id), owner="test")
    return Job.objects.get(id=job.id)


def delivery() -> Delivery:
    return Delivery.objects.get(channel="webhook")


def waits() -> int:
    job = Job.objects.get(kind="alert.deliver", state=Job.QUEUED, subject=f"delivery/{delivery().id}")
    return round((job.run_after - job.created_at).total_seconds())


def test_an_alert_arrives_signed_and_holds_no_name(general: World) -> None:
    with receiver() as got:
        channel_to(got)
        alert_route(general.team)
        raise_one(general)
        assert attempt().state == Job.DONE
    path, headers, body = got.requests[0]
    sent = delivery()
    assert (path, sent.state, sent.transport, sent.attempts) == ("/in?a=b", "SENT", "webhook", 1)
    assert headers[webhooks.DELIVERY] == str(sent.id)
    told = json.loads(body)
    assert (told["event"], told["level"], told["title"], told["about"]) == (
        "incident.opened", "ERROR", "customers: e-mail validity 91.2 % (limit 99)", "pipeline/1",
    )  # fmt: skip
    assert told["url"].endswith("/incidents/1/")
    for user in general.users.values():
        assert user.email not in body.decode()
        assert user.name not in body.decode()


def test_the_receiver_verifies_it_by_the_recipe(general: World) -> None:
    with receiver() as got:
        channel = channel_to(got)
        alert_route(general.team)
        raise_one(general)
        attempt()
    _path, headers, body = got.requests[0]
    header, id = headers[webhooks.SIGNATURE], headers[webhooks.DELIVERY]
    says = ChannelVersion.objects.get(channel=channel).definition
    assert f"kid={says['secret']['id']}," in header
    assert webhooks.verify(header, secret=SECRET, delivery=id, body=body, now=time.time())
    assert not webhooks.verify(header, secret=SECRET + "x", delivery=id, body=body, now=time.time())
    assert not webhooks.verify(header, secret=SECRET, delivery=id, body=body + b" ", now=time.time())
    assert not webhooks.verify(header, secret=SECRET, delivery=id, body=body, now=time.time() + 301)
    assert SECRET not in json.dumps(says)


def test_a_busy_receiver_is_asked_again_when_it_said(general: World) -> None:
    with receiver((503, {"Retry-After": "120"}), (429, {}), (200, {})) as got:
        channel_to(got)
        alert_route(general.team)
        raise_one(general)
        attempt()
        assert (waits(), delivery().last_error) == (120, "127.0.0.1 answered 503.")
        attempt()
        assert (waits(), delivery().attempts) == (60, 2)
        attempt()
    assert (delivery().state, delivery().attempts, len(got.requests)) == ("SENT", 3, 3)
    ids = {headers[webhooks.DELIVERY] for _path, headers, _body in got.requests}
    assert len(ids) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410])
def test_what_cannot_get_better_is_a_dead_letter_at_once(general: World, status: int) -> None:
    with receiver((status, {"Location": "http://169.254.169.254/latest/meta-data"})) as got:
        channel_to(got)
        alert_route(general.team)
        raise_one(general)
        attempt()
    assert (delivery().state, len(got.requests)) == ("DEAD", 1)
    assert delivery().last_error.startswith(f"127.0.0.1 answered {status}.")
    assert ("Redirects are not followed." in delivery().last_error) == (status < 400)


def test_a_dead_letter_is_replayed_by_an_administrator(general: World) -> None:
    with receiver((400, {}), (200, {})) as got:
        channel_to(got)
        alert_route(general.team)
        raise_one(general)
        attempt()
        with as_role("web"):
            with pytest.raises(Denied):
                services.replay(actor=general.actor("alice"), delivery_id=delivery().id)
            services.replay(actor=general.actor("admin"), delivery_id=delivery().id)
            with pytest.raises(Conflict, match="no dead letter any more"):
                services.replay(actor=general.actor("admin"), delivery_id=delivery().id)
        attempt()
    assert (delivery().state, delivery().replays, delivery().attempts, len(got.requests)) == ("SENT", 1, 1, 2)
    assert Event.objects.filter(action="delivery.replayed").count() == 1


def test_what_the_settings_no_longer_allow_is_not_sent(general: World) -> None:
    with receiver() as got:
        channel_to(got)
        alert_route(general.team)
        raise_one(general)
        closed = dataclasses.replace(settings.LOCKGATE, webhook_networks=(), webhook_http_hosts=("127.0.0.1",))
        with override_settings(LOCKGATE=closed):
            attempt()
    assert got.requests == []
    assert (delivery().state, "loopback address" in delivery().last_error) == ("DEAD", True)


def test_who_does_not_listen_is_tried_again_and_says_no_more_than_that(general: World) -> None:
    with receiver() as got:
        channel_to(got)
    alert_route(general.team)
    raise_one(general)
    attempt()
    assert (delivery().state, waits()) == ("WAITING", 10)
    assert delivery().last_error == "127.0.0.1 could not be reached or spoke no HTTP (ConnectionRefusedError)."


def test_a_secret_is_for_one_address_alone(general: World) -> None:
    with receiver() as got, receiver() as other:
        channel = channel_to(got)
        version = ChannelVersion.objects.get(channel=channel)
        version.definition |= {"url": f"http://127.0.0.1:{other.port}/in"}
        version.save()
        alert_route(general.team)
        raise_one(general)
        attempt()
    assert other.requests == []
    assert "sealed for another address" in delivery().last_error


def test_a_channel_that_is_switched_off_sends_nothing(general: World) -> None:
    with receiver() as got:
        channel = channel_to(got)
        alert_route(general.team)
        raise_one(general)
        with as_role("web"):
            channel_services.switch_off_channel(actor=general.actor("admin"), channel_id=channel.id)
        attempt()
        raise_one(general, "another")
    assert got.requests == []
    assert delivery().last_error == "The channel pager is switched off."
    assert Event.objects.filter(action="channel.switched_off").count() == 1


def test_it_is_tested_step_by_step(general: World) -> None:
    with receiver((200, {}), (500, {})) as got:
        says = channel_services.webhook(url=f"http://127.0.0.1:{got.port}/in", secret=SECRET, held=None)
        proposal = {"slug": "pager", "name": "Pager", "kind": "webhook", "definition": says}
        tests = [after_test(general, proposal) for _ in range(2)]
    assert [test.state for test in tests] == ["PASSED", "FAILED"]
    assert [(step["step"], step["ok"]) for step in tests[1].steps] == [("resolve", True), ("send", False)]
    failed = tests[1].steps[1]
    assert (failed["field"], failed["sentence"]) == ("url", "127.0.0.1 answered 500.")
    assert json.loads(got.requests[0][2])["event"] == "channel.tested"


def after_test(world: World, proposal: dict[str, Any]) -> ChannelTest:
    with as_role("web"):
        test = channel_services.test_channel(actor=world.actor("admin"), proposal=proposal)
    job = Job.objects.get(kind="channel.test", subject=f"channeltest/{test.id}")
    with as_role("general"):
        jobs.work(str(job.id), owner="test")
    test.refresh_from_db()
    return test


@pytest.mark.parametrize(
    ("url", "secret", "field"),
    [
        ("https://hooks.example.org/", "", "secret"),
        ("https://hooks.example.org/", "too short", "secret"),
        ("https://hooks.example.org/", "x" * 1001, "secret"),
        ("https://hooks.example.org/", "with\x00nul" * 5, "secret"),
        ("https://hooks.example.org/", "lone \ud800 surrogate in a secret", "secret"),
        ("<script>alert(1)</script>", SECRET, "url"),
        ("'; DROP TABLE alerts_channel; --", SECRET, "url"),
    ],
)
def test_bad_input_names_its_field(general: World, url: str, secret: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        channel_services.webhook(url=url, secret=secret, held=None)
    assert caught.value.field == field


def test_a_kept_secret_serves_its_own_address_alone(general: World) -> None:
    from apps.alerts import definition

    says = channel_services.webhook(url="https://hooks.example.org/a", secret=SECRET, held=None)
    held = definition.parse("webhook", says)
    kept = channel_services.webhook(url="https://hooks.example.org/b", secret="", held=held)
    assert kept["secret"] == says["secret"]
    with pytest.raises(Invalid, match=r"serves only https://hooks\.example\.org:443"):
        channel_services.webhook(url="https://other.example.org/a", secret="", held=held)


def test_a_message_that_is_too_long_is_not_sent() -> None:
    target = webhooks.addresses.parse("https://hooks.example.org/", None)
    with pytest.raises(Refused, match="longer than 64 KiB"):
        webhooks.post(
            target, webhooks.Key("x", SECRET), delivery="1", event="x", body=b"x" * 65_537,
            allowed=webhooks.Allowed(),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), (" 5 ", 5.0), ("999999", 21600.0), ("", None), ("soon", None), ("-5", None), ("1e9", None),
     ("Thu, 01 Jan 1970 00:16:40 GMT", 0.0), ("Thu, 01 Jan 1970 01:00:00 GMT", 2000.0), ("9" * 30, None)],
)  # fmt: skip
def test_retry_after_comes_in_two_forms(value: str, seconds: float | None) -> None:
    assert webhooks.retry_after(value, 1600.0) == seconds
