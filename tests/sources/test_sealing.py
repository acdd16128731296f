"""Passwords are sealed for one address, user and worker class; the web can seal and cannot open."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from apps.accounts.models import Team
from apps.dataplane.crypto import sealing
from apps.dataplane.errors import Invalid, Locked, NotFound, Refused
from apps.keys import selectors as public_keys
from apps.sources import definition, services
from apps.sources.definition import parse
from apps.sources.models import Connection, ConnectionVersion
from apps.sources.services import Entered
from tests.support import as_role

from .support import READ_PASSWORD, Installation

NOBODY = Entered("", "")


def test_the_extract_worker_opens_what_the_web_sealed(here: Installation) -> None:
    connection = here.connected()
    with here.process("worker"):
        settings, credentials, version = services.open_settings(connection.id, "read")
    assert (settings.database, settings.address) == (here.database, here.settings.address)
    assert (credentials.user, credentials.password, version) == (here.reader.name, READ_PASSWORD, 1)
    assert READ_PASSWORD not in repr(credentials)


@pytest.mark.parametrize("role", ["web", "applier", "gate"])
def test_no_other_process_opens_it(here: Installation, role: str) -> None:
    connection = here.connected()
    with here.process(role), pytest.raises(Locked):
        services.open_settings(connection.id, "read")


def test_the_publisher_cannot_open_the_read_credential(here: Installation) -> None:
    connection = here.connected(write=True)
    with here.process("publisher"):
        assert services.open_settings(connection.id, "write")[1].user == here.writer.name
        with pytest.raises(Locked):
            services.open_settings(connection.id, "read")


def test_a_sealed_password_moved_to_another_host_is_not_sent_there(here: Installation) -> None:
    """Who may propose connections must not be able to send a stored password to a host of their own."""
    connection = here.connected()
    version = ConnectionVersion.objects.get(connection=connection)
    version.definition["settings"]["host"] = "attacker.example"
    version.save()
    with here.process("worker"), pytest.raises(Locked) as caught:
        services.open_settings(connection.id, "read")
    assert caught.value.sentence == (
        f"The password for attacker.example:{here.settings.port} was sealed for another address or user,"
        " so it is not sent there."
    )


def test_a_sealed_password_moved_to_another_team_does_not_open_there(here: Installation) -> None:
    """Who sees one team's changes must not be able to read with that team's password from another."""
    held = _credentials(here, parse(here.proposal()["definition"]), Entered(here.reader.name, here.reader.password))
    proposal = here.proposal()
    proposal["definition"]["credentials"]["read"] = held["read"]
    here.approved("connection", proposal)
    connection = Connection.objects.get()
    with here.process("worker"):
        assert services.open_settings(connection.id, "read")[1].password == READ_PASSWORD
    connection.team = Team.objects.create(slug="other", name="Other")
    connection.save()
    with here.process("worker"), pytest.raises(Locked) as caught:
        services.open_settings(connection.id, "read")
    assert "was sealed for another team" in caught.value.sentence


def test_what_the_product_did_not_seal_is_locked(here: Installation) -> None:
    connection = here.connected()
    key = public_keys.public("extract", "credentials")
    version = ConnectionVersion.objects.get(connection=connection)
    forged = sealing.seal(key.public, b"[]", place="connection/read")
    version.definition["credentials"]["read"]["sealed"] = base64.b64encode(forged).decode()
    version.save()
    with here.process("worker"), pytest.raises(Locked):
        services.open_settings(connection.id, "read")


def test_a_missing_credential_is_refused_by_name(here: Installation) -> None:
    connection = here.connected()
    with here.process("publisher"), pytest.raises(Refused) as caught:
        services.open_settings(connection.id, "write")
    assert caught.value.sentence == "Connection Demo CRM has no write credential."
    assert caught.value.field == "write_user"


def test_an_empty_password_keeps_the_sealed_one(here: Installation) -> None:
    held = parse(here.proposal()["definition"])
    kept = _credentials(here, held, Entered(here.reader.name, ""))
    assert kept["read"]["sealed"] == held.credentials["read"].sealed
    assert kept["write"] is None


def test_a_new_password_is_sealed_anew(here: Installation) -> None:
    held = parse(here.proposal()["definition"])
    fresh = _credentials(here, held, Entered(here.reader.name, "another"))
    assert fresh["read"]["sealed"] != held.credentials["read"].sealed
    assert fresh["read"]["key"] == 1


@pytest.mark.parametrize(
    ("changed", "entered", "field"),
    [
        ({"host": "elsewhere.example"}, None, "read_password"),
        ({"port": 6543}, None, "read_password"),
        ({}, Entered("somebody_else", ""), "read_password"),
        ({}, Entered("", "a-password-without-user"), "read_user"),
    ],
)
def test_what_was_sealed_for_something_else_must_be_entered_again(
    here: Installation, changed: dict[str, Any], entered: Entered | None, field: str
) -> None:
    held = parse(here.proposal()["definition"])
    with pytest.raises(Invalid) as caught:
        _credentials(here, held, entered or Entered(here.reader.name, ""), **changed)
    assert caught.value.field == field


def test_a_definition_without_any_credential_is_invalid(here: Installation) -> None:
    proposal = here.proposal()
    proposal["definition"]["credentials"] = {"read": None, "write": None}
    with pytest.raises(Invalid) as caught:
        definition.proposal(proposal)
    assert caught.value.field == "read_user"


def test_a_plain_password_is_no_sealed_one(here: Installation) -> None:
    proposal = here.proposal()
    proposal["definition"]["credentials"]["read"]["sealed"] = READ_PASSWORD
    with pytest.raises(Invalid) as caught:
        definition.proposal(proposal)
    assert caught.value.field == "read_password"
    assert READ_PASSWORD not in str(caught.value)


def test_sealing_without_the_workers_key_is_locked(here: Installation) -> None:
    from apps.keys.models import Key

    Key.objects.filter(holder="extract", purpose="credentials").update(state=Key.RETIRED)
    with as_role("web"), pytest.raises(Locked):
        services.seal(purpose="read", settings=here.settings, user="anna", password="x")


def test_the_canonical_proposal_is_its_own_canonical_form(here: Installation) -> None:
    once = definition.proposal(here.proposal(write=True))
    assert definition.proposal(once) == once
    assert READ_PASSWORD not in json.dumps(once, ensure_ascii=False)


def test_an_unknown_connection_is_not_found(here: Installation) -> None:
    from apps.sources import selectors

    with pytest.raises(NotFound):
        selectors.endpoint("nothing")
    assert not Connection.objects.exists()


def _credentials(here: Installation, held: Any, read: Entered, **changed: Any) -> Any:
    settings = replace(held.settings, **changed)
    with as_role("web"):
        return services.credentials(
            team_id=here.world.team.id, settings=settings, entered={"read": read, "write": NOBODY}, held=held
        )
