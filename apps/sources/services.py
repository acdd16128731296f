"""Seals credentials, tests connections step by step, and writes what discovery finds."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import access, jobs
from apps.core.actor import Actor, system
from apps.core.ids import Id, uuid7
from apps.dataplane.connectors import connector
from apps.dataplane.connectors.base import Connector, Credentials, Settings
from apps.dataplane.crypto import sealing
from apps.dataplane.errors import Fenced, Invalid, LockgateError, Refused
from apps.keys import selectors as public_keys
from apps.keys import services as keys

from . import definition, discovering, selectors
from .definition import ConnectionDefinition, Purpose, SealedCredential
from .models import Connection, ConnectionTest, Discovery

HOLDERS: Mapping[Purpose, str] = {"read": "extract", "write": "publish"}
TEST_JOBS: Mapping[Purpose, str] = {"read": "connection.test", "write": "connection.test_write"}


@dataclass(frozen=True)
class Entered:
    """A user and password as typed into a form. Nobody keeps them: they are sealed at once."""

    user: str
    password: str = field(repr=False)
    client_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Opened:
    """A connection as its worker uses it; `credentials` is None for a kind that has no users."""

    connector: Connector
    settings: Settings
    credentials: Credentials | None
    version: int


def seal(
    *,
    purpose: Purpose,
    settings: Settings,
    user: str,
    password: str,
    team_id: Id | None = None,
    client_key: str = "",
) -> dict[str, Any]:
    """`{user, sealed, key}`: the password, sealed for this address to the worker class that serves the purpose.

    With a team it opens in connections of that team alone, wherever somebody copies it.
    """
    try:
        secret = definition.payload(settings, user, password, team_id, client_key)
    except UnicodeEncodeError:
        raise Invalid(_("The password holds a character that is none."), field=f"{purpose}_password") from None
    key = public_keys.public(HOLDERS[purpose], "credentials")
    sealed = sealing.seal(key.public, secret, place=_place(purpose))
    return {"user": user, "sealed": base64.b64encode(sealed).decode(), "key": key.version}


def credentials(
    *,
    team_id: Id,
    settings: Settings,
    entered: Mapping[Purpose, Entered],
    held: ConnectionDefinition | None,
    kind: str = definition.FIRST_KIND,
    serves: Collection[str] = (),
) -> dict[str, dict[str, Any] | None]:
    """The credentials of a definition: newly sealed where a password was entered, else those that are held.

    No user: no credential for that purpose. Raises Invalid where a password must be entered again, for a sealed one
    serves only the address and user that it was sealed for. A kind without users `serves` purposes without any.
    """
    if not connector(kind).uses_credentials:
        return {purpose: {} if purpose in serves else None for purpose in definition.PURPOSES}
    return {purpose: _credential(team_id, purpose, settings, one, held) for purpose, one in entered.items()}


def _credential(
    team_id: Id, purpose: Purpose, settings: Settings, entered: Entered, held: ConnectionDefinition | None
) -> dict[str, Any] | None:
    if not entered.user:
        if entered.password:
            raise Invalid(_("The password has no user."), field=f"{purpose}_user")
        return None
    if entered.password or entered.client_key:
        return seal(
            purpose=purpose,
            settings=settings,
            user=entered.user,
            password=entered.password,
            team_id=team_id,
            client_key=entered.client_key,
        )
    before = held.credentials.get(purpose) if held else None
    if held is None or before is None:
        raise Invalid(_("Enter the password of this user."), field=f"{purpose}_password")
    if (held.settings.address, before.user) != (settings.address, entered.user):
        raise Invalid(
            _("The stored password serves only %(user)s at %(address)s.")
            % {"user": before.user, "address": held.settings.address},
            remedy=_("Enter the password again."),
            field=f"{purpose}_password",
        )
    return {"user": before.user, "sealed": before.sealed, "key": before.key}


def open_connection(connection_id: Id, purpose: Purpose) -> Opened:
    """How the active version is reached for that purpose, its credential opened.

    Works only in the worker class that the purpose belongs to: Locked elsewhere. Refused where it is not served.
    """
    row = Connection.objects.get(id=connection_id)
    says = selectors.active(row)
    return Opened(says.connector, says.settings, _open(says, purpose, row.name, row.team_id), row.active_version)


def open_settings(connection_id: Id, purpose: Purpose) -> tuple[Any, Any, int]:
    """`open_connection` as (settings, credentials, version), for callers that know the kind."""
    opened = open_connection(connection_id, purpose)
    return opened.settings, opened.credentials, opened.version


def _open(says: ConnectionDefinition, purpose: Purpose, name: str, team_id: Id) -> Credentials | None:
    credential = says.credentials.get(purpose)
    if credential is None:
        raise _without_credential(name, purpose, says)
    if not says.connector.uses_credentials:
        return None
    key = keys.open_key("credentials", version=credential.key)
    secret = _unsealed(key.secret, credential, purpose)
    return definition.opened(says, credential, secret, team_id)


def _unsealed(private: bytes, credential: SealedCredential, purpose: Purpose) -> bytes:
    return sealing.unseal(private, credential.raw, place=_place(purpose))


def _place(purpose: Purpose) -> str:
    return f"connection/{purpose}"


def _without_credential(name: str, purpose: Purpose, says: ConnectionDefinition) -> Refused:
    if not says.connector.uses_credentials:
        return Refused(
            _("Connection %(name)s does not serve to %(purpose)s.") % {"name": name, "purpose": purpose},
            remedy=_("Edit the connection and choose what it is for."),
            field=purpose,
        )
    return Refused(
        _("Connection %(name)s has no %(purpose)s credential.") % {"name": name, "purpose": purpose},
        remedy=_("Edit the connection and add a user and password for it."),
        field=f"{purpose}_user",
    )


# tests


def test_connection(
    *,
    actor: Actor,
    team_id: Id,
    proposal: Mapping[str, Any],
    connection_id: UUID | None = None,  # noqa: PT028
) -> UUID:
    """Test each credential of a proposed (or the active) definition in the worker that can open it.

    Returns the batch under which the tests are found. Raises Invalid naming the field.
    """
    access.require(actor, "connection.test", team_id)
    proposal = definition.proposal(proposal)
    purposes = definition.parse(proposal["definition"]).credentials
    batch = uuid7()
    with transaction.atomic():
        for purpose in purposes:
            test = ConnectionTest(
                team_id=team_id, connection_id=connection_id, batch=batch, purpose=purpose, proposal=proposal
            )
            test.save(force_insert=True)
            jobs.enqueue(TEST_JOBS[purpose], subject=f"connectiontest/{test.id}")
        audit.append(
            actor=actor,
            action="connection.test_requested",
            subject=f"connection/{connection_id}" if connection_id else f"connection/new/{team_id}/{proposal['slug']}",
            summary=_("tested the connection %(slug)s") % {"slug": proposal["slug"]},
            team_id=team_id,
            detail={"batch": str(batch), "purposes": list(purposes)},
        )
    return batch


test_connection.__test__ = False  # type: ignore[attr-defined]


def run_test(*, lease: jobs.Lease) -> None:
    """Carry out one test, writing each step as it ends, so that the page shows it at once."""
    test = ConnectionTest.objects.filter(id=lease.subject_id, state=ConnectionTest.RUNNING).first()
    if test is None:
        return
    mine = ConnectionTest.objects.filter(id=test.id, state=ConnectionTest.RUNNING)
    steps: list[dict[str, Any]] = []
    for step in _steps(test):
        lease.check()
        steps.append(step)
        mine.update(steps=steps)
    passed = bool(steps) and all(step["ok"] for step in steps)
    lease.check()
    mine.update(state=ConnectionTest.PASSED if passed else ConnectionTest.FAILED, ended_at=Now())


def _steps(test: ConnectionTest) -> Iterator[dict[str, Any]]:
    purpose: Purpose = "write" if test.purpose == "write" else "read"
    says = definition.parse(test.proposal["definition"])
    try:
        secret = _open(says, purpose, test.proposal["name"], test.team_id)
    except Fenced:
        raise
    except LockgateError as error:
        yield _failed_step("open", error.sentence, error.remedy, error.field or f"{purpose}_password")
        return
    for step in says.connector.test(says.settings, secret, purpose=purpose):
        yield {**asdict(step), "field": _form_field(step.field, purpose)}


def _form_field(name: str, purpose: Purpose) -> str:
    """The form has a user and a password for each purpose."""
    return f"{purpose}_{name}" if name in ("user", "password", "client_key") else name


def _failed_step(step: str, sentence: str, remedy: str = "", field: str = "") -> dict[str, Any]:
    return {"step": step, "ok": False, "sentence": sentence, "remedy": remedy, "field": field, "milliseconds": 0}


def give_up_test(*, test_id: str, outcome: str) -> None:
    """The job of a test died for good: say so instead of leaving the page waiting."""
    running = ConnectionTest.objects.filter(id=test_id, state=ConnectionTest.RUNNING)
    for test in running:
        steps = [
            *test.steps,
            _failed_step("open", _("The test did not end: %(why)s") % {"why": outcome}, _("Test again.")),
        ]
        running.update(steps=steps, state=ConnectionTest.FAILED, ended_at=Now())


# discovery


def discover(*, actor: Actor, connection_id: Id) -> Discovery:
    """Look at what the connection holds; a look that is under way already is the answer to a second request."""
    row = selectors.connection(actor, connection_id)
    access.require(actor, "connection.discover", row.team_id)
    says = selectors.active(row)
    if "read" not in says.credentials:
        raise _without_credential(row.name, "read", says)
    with transaction.atomic():
        running = Discovery.objects.filter(connection=row, state=Discovery.RUNNING).order_by("-id").first()
        if running:
            return running
        discovery = request_discovery(row)
        audit.append(
            actor=actor,
            action="connection.discovery_requested",
            subject=f"connection/{row.id}",
            summary=_("asked what the connection %(slug)s holds") % {"slug": row.slug},
            team_id=row.team_id,
        )
    return discovery


def request_discovery(connection: Connection) -> Discovery:
    """The row and its job, in the caller's transaction; the caller records who wanted it."""
    discovery = Discovery(connection=connection)
    discovery.save(force_insert=True)
    jobs.enqueue("connection.discover", subject=f"discovery/{discovery.id}")
    return discovery


def run_discovery(*, lease: jobs.Lease) -> None:
    """Carry out one discovery. A failure is written into its row, as a sentence, and ends the job."""
    discovery = (
        Discovery.objects.filter(id=lease.subject_id, state=Discovery.RUNNING).select_related("connection").first()
    )
    if discovery is None:
        return
    try:
        found = discovering.look(discovery.connection, open_connection(discovery.connection_id, "read"))
    except Fenced:
        raise
    except LockgateError as error:
        give_up_discovery(discovery_id=str(discovery.id), outcome=f"{error.sentence} {error.remedy}".strip())
        return
    lease.check()
    with transaction.atomic():
        drift = discovering.write(discovery, found)
        lease.check()
        audit.append(
            actor=system("extract"),
            action="connection.discovered",
            subject=f"connection/{discovery.connection_id}",
            summary=_("found %(datasets)s datasets and %(drift)s differences")
            % {"datasets": len(found), "drift": len(drift)},
            team_id=discovery.connection.team_id,
            detail={"discovery": str(discovery.id), "datasets": len(found), "drift": len(drift)},
        )


def give_up_discovery(*, discovery_id: str, outcome: str) -> None:
    """The look failed for good; what was known stays as it is."""
    running = Discovery.objects.filter(id=discovery_id, state=Discovery.RUNNING)
    running.update(state=Discovery.FAILED, failure=outcome, ended_at=Now())
