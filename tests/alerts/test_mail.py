"""Mail against a real SMTP server: the test in steps, the sender, threads, and subjects that hold one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import override_settings

from apps.accounts import tasks as account_tasks
from apps.alerts import channel_services, definition, mailing, selectors, services
from apps.alerts.definition import MailServer
from apps.alerts.models import Channel, Delivery, Notice
from apps.audit.models import Event
from apps.core import jobs
from apps.core.models import Job
from apps.dataplane.errors import Invalid
from apps.keys import services as keys
from tests.support import World, as_role

from .support import Received, mail_channel, mail_server

SETTINGS = settings.LOCKGATE
BACKEND = "apps.alerts.mailing.Backend"


@pytest.fixture
def general(world: World, tmp_path: Path) -> Iterator[World]:
    """A general worker with its key, that sends mail as the product does."""
    kek = tmp_path / "general.kek"
    kek.write_text("ab" * 32)
    mine = dataclasses.replace(SETTINGS, role="general", kek_file=kek)
    with override_settings(LOCKGATE=mine, EMAIL_BACKEND=BACKEND, EMAIL_FILE_PATH=tmp_path / "mail"):
        keys.unlock()
        yield world


def entered(got: Received, **other: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": got.port, "security": "none", "user": "",
        "sender": "Lockgate <alerts@acme.example>", **other,
    }  # fmt: skip


def at(got: Received) -> Channel:
    return mail_channel(channel_services.mail_server(entered=entered(got), password="", held=None))


def send(world: World, subject: str = "Check failed", **more: Any) -> Delivery:
    with as_role("worker"):
        delivery = services.send_mail(
            user_id=world.users["alice"].id, subject_ref="incident/1", subject=subject, body="Look.", **more
        )
    with as_role("general"):
        jobs.work(str(Job.objects.get(subject=f"delivery/{delivery.id}").id), owner="test")
    delivery.refresh_from_db()
    return delivery


def test_without_a_mail_server_it_lies_in_the_outbox(general: World, tmp_path: Path) -> None:
    delivery = send(general, "[ERROR] customers", event="incident.opened", team_id=general.team.id)
    assert (delivery.state, delivery.transport) == ("SENT", "outbox")
    assert len(list((tmp_path / "mail").iterdir())) == 1
    with as_role("web"):
        assert not selectors.mail_leaves()
        mine = selectors.outbox(general.actor("alice"), everybody=False)
        assert [(one.subject, one.to) for one in mine.rows] == [("[ERROR] customers", ("Alice",))]
        assert selectors.outbox(general.actor("bob"), everybody=False).rows == []
        assert selectors.sees_every_mail(general.actor("admin"), demo=False)
        assert not selectors.sees_every_mail(general.actor("alice"), demo=False)
        assert selectors.sees_every_mail(general.actor("alice"), demo=True)


def test_one_alert_to_several_is_one_mail_in_the_outbox(general: World) -> None:
    with as_role("gate"):
        services.raise_alert(
            team_id=general.team.id, subject_ref="incident/1", level="ERROR", subject_line="customers: broken",
            body="x", url="/incidents/1/",
        )  # fmt: skip
    for job in Job.objects.filter(kind="alert.deliver"):
        with as_role("general"):
            jobs.work(str(job.id), owner="test")
    with as_role("web"):
        found = selectors.outbox(general.actor("admin"), everybody=True).rows
    assert [(one.subject, sorted(one.to)) for one in found] == [("[ERROR] customers: broken", ["Alice", "Bob", "Erin"])]


def test_it_leaves_through_the_approved_server_with_its_sender(general: World) -> None:
    with mail_server() as got:
        at(got)
        delivery = send(general, "[ERROR] customers", event="incident.opened")
    assert (delivery.state, delivery.transport) == ("SENT", "smtp")
    sender, recipients, text = got.mails[0]
    assert sender.startswith("mail FROM:<alerts@acme.example>")
    assert recipients == ["rcpt TO:<alice@acme.example>"]
    message = message_from_string(text)
    assert message["Subject"] == "[ERROR] customers"
    assert message["From"] == "Lockgate <alerts@acme.example>"


def test_mails_of_one_incident_are_one_thread(general: World) -> None:
    with mail_server() as got:
        at(got)
        send(general, event="incident.opened")
        send(general, event="incident.reopened")
    first, second = (message_from_string(text) for _sender, _recipients, text in got.mails)
    assert first["Message-ID"] == second["In-Reply-To"] == second["References"]
    assert first["Message-ID"] != second["Message-ID"]
    assert first["In-Reply-To"] is None
    assert first["List-Id"] == "Lockgate alerts <alerts.lockgate.localhost>"
    assert first["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("subject", "kept"),
    [
        ("a\r\nBcc: evil@example.org", "a Bcc: evil@example.org"),
        ("a\u2028b\x00c\x1bd", "a b c d"),
        ("right\u202eto left", "rightto left"),
        ("  much   room  ", "much room"),
        ("long " * 80, ("long " * 60).strip()),
        ("lone \ud800", "lone"),
    ],
)
def test_a_hostile_subject_is_one_plain_line(general: World, subject: str, kept: str) -> None:
    with mail_server() as got:
        at(got)
        send(general, subject, event="incident.opened")
    message = message_from_string(got.mails[0][2])
    assert "".join(str(message["Subject"]).split("\n")).replace("\r", "") == kept
    assert message["Bcc"] is None
    assert got.mails[0][1] == ["rcpt TO:<alice@acme.example>"]


def test_a_server_that_refuses_the_address_is_a_dead_letter(general: World) -> None:
    with mail_server(refuse="RCPT") as got:
        at(got)
        delivery = send(general)
    assert (delivery.state, delivery.attempts) == ("DEAD", 1)
    assert delivery.last_error == "The mail server does not deliver to this address."


def test_a_locked_key_is_worth_another_try(general: World, tmp_path: Path) -> None:
    with mail_server(offers=("STARTTLS", "AUTH PLAIN")) as got:
        says = channel_services.mail_server(
            entered=entered(got, security="starttls", user="robot"), password="secret", held=None
        )
        mail_channel(says)
        (tmp_path / "general.kek").unlink()
        delivery = send(general)
    assert (delivery.state, delivery.attempts) == ("WAITING", 1)
    assert "general.kek is missing" in delivery.last_error
    assert got.mails == []


def steps(says: MailServer, password: str = "") -> list[tuple[str, bool, str]]:
    return [(step["step"], step["ok"], step["field"]) for step in mailing.test(says, password, to="admin@acme.example")]


def server(got: Received, **other: Any) -> MailServer:
    says = MailServer("127.0.0.1", got.port, "none", "", "alerts@acme.example", None)
    return dataclasses.replace(says, **other)


class TestSteps:
    """Each failure names its step and its field."""

    def test_everything_holds(self) -> None:
        with mail_server() as got:
            found = steps(server(got))
        assert found == [("reach", True, ""), ("secure", True, ""), ("authenticate", True, ""), ("send", True, "")]
        assert "Subject: Lockgate can send mail" in got.mails[0][2]

    def test_nothing_listens(self) -> None:
        with mail_server() as got:
            pass
        assert steps(dataclasses.replace(server(got), port=1)) == [("reach", False, "port")]

    def test_a_name_that_does_not_resolve(self) -> None:
        says = MailServer("mail.invalid", 25, "none", "", "a@b.example", None)
        assert steps(says) == [("reach", False, "host")]

    def test_no_tls_where_tls_was_chosen(self) -> None:
        with mail_server() as got:
            assert steps(server(got, security="tls")) == [("reach", False, "security")]

    def test_no_starttls_offered(self) -> None:
        with mail_server() as got:
            assert steps(server(got, security="starttls")) == [("reach", True, ""), ("secure", False, "security")]

    def test_a_wrong_password_is_told_by_its_code(self) -> None:
        with mail_server(refuse="AUTH", offers=("AUTH PLAIN",)) as got:
            found = list(mailing.test(server(got, user="robot"), "wrong", to="admin@acme.example"))
        assert [step["step"] for step in found] == ["reach", "secure", "authenticate"]
        assert (found[-1]["ok"], found[-1]["field"]) == (False, "password")
        assert found[-1]["sentence"] == "127.0.0.1 does not take this user and password (code 535)."

    def test_a_server_without_passwords(self) -> None:
        with mail_server() as got:
            assert steps(server(got, user="robot"), "x")[-1] == ("authenticate", False, "user")

    @pytest.mark.parametrize(("verb", "field"), [("MAIL", "sender"), ("RCPT", "host"), ("DATA", "host")])
    def test_mail_that_is_not_taken(self, verb: str, field: str) -> None:
        with mail_server(refuse=verb) as got:
            assert steps(server(got))[-1] == ("send", False, field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"host": ""}, "host"), ({"host": "a b"}, "host"), ({"host": "x" * 300}, "host"), ({"port": 0}, "port"),
        ({"port": "25"}, "port"), ({"security": "ssl"}, "security"), ({"sender": "nobody"}, "sender"),
        ({"sender": "a@b.example\nBcc: c@d.example"}, "sender"), ({"sender": ""}, "sender"),
        ({"user": "x" * 121, "password": "x"}, "user"), ({"user": "a\x00b", "password": "x"}, "user"),
        ({"user": "robot", "security": "none", "password": "x"}, "security"),
        ({"user": "robot", "password": ""}, "password"), ({"user": "", "password": "x"}, "user"),
    ],
)  # fmt: skip
def test_bad_input_names_its_field(general: World, change: dict[str, Any], field: str) -> None:
    given = {**entered(Received(port=25), security="starttls"), **change}
    password = str(given.pop("password", ""))
    with pytest.raises(Invalid) as caught:
        definition.parse("smtp", channel_services.mail_server(entered=given, password=password, held=None))
    assert caught.value.field == field


def test_a_link_that_could_not_be_mailed_is_told(world: World) -> None:
    bob = world.users["bob"]
    with as_role("general"):
        account_tasks.mail_dead(f"invitation/{bob.id}", "no")
    notice = Notice.objects.get()
    assert (notice.user, notice.url) == (world.users["admin"], f"/people/{bob.id}/")
    assert Event.objects.filter(action="person.mail_failed").count() == 1
    assert mail.outbox == []


def test_reading_a_notice_is_recorded_and_reading_nothing_is_not(world: World) -> None:
    with as_role("worker"):
        services.notify(user_ids=[world.users["alice"].id], sentence="x", url="/", level="INFO")
    with as_role("web"):
        assert services.mark_read(actor=world.actor("alice")) == 1
        assert services.mark_read(actor=world.actor("alice")) == 0
        assert services.mark_read(actor=world.actor("bob"), notice_id=Notice.objects.get().id) == 0
    assert Event.objects.filter(action="notice.read").count() == 1
