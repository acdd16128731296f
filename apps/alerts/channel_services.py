"""Seals the secrets of channels, tests a channel in steps, and switches channels and routes off at once."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import access, jobs
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.dataplane.crypto import sealing
from apps.dataplane.errors import Conflict, Fenced, Invalid, LockgateError, NotFound
from apps.keys import selectors as public_keys

from . import addresses, definition, mailing, services
from .definition import Definition, MailServer, Webhook
from .models import Channel, ChannelTest, Route

HOLDER = "general"


def mail_server(*, entered: Mapping[str, Any], password: str, held: Definition | None) -> dict[str, Any]:
    """The definition of a mail server, its password sealed. Raises Invalid naming the form field.

    Without a password the held one is kept, as long as it is for the same address and user.
    """
    user = str(entered.get("user", ""))
    plain = MailServer(
        definition.host(entered.get("host")),
        definition.port(entered.get("port")),
        str(entered.get("security", "")),
        user,
        definition.sender(entered.get("sender")),
        None,
    )
    secret = None
    if user:
        secret = _secret(plain, password, held, "password", with_id=False)
    elif password:
        raise Invalid(_("The password has no user."), field="user")
    return plain.as_json() | {"secret": secret}


def webhook(*, url: str, secret: str, held: Definition | None) -> dict[str, Any]:
    """The definition of a webhook, its secret sealed. Raises Invalid naming the form field."""
    if secret and len(secret) < definition.SHORTEST_SECRET:
        raise Invalid(
            _("A secret has at least 24 characters."), remedy=_("Make one with: openssl rand -hex 32"), field="secret"
        )
    target = addresses.parse(url, definition.allowed())
    plain = Webhook(target, definition.Sealed("", 0))
    return {"format": definition.FORMAT, "url": target.url} | {
        "secret": _secret(plain, secret, held, "secret", with_id=True)
    }


def _secret(plain: Definition, entered: str, held: Definition | None, field: str, *, with_id: bool) -> dict[str, Any]:
    if entered:
        return _seal(plain, entered, field, with_id=with_id)
    if held is None or held.secret is None:
        raise Invalid(_("Enter it."), field=field)
    if (held.address, held.user) != (plain.address, plain.user):
        raise Invalid(
            _("The stored secret serves only %(address)s.") % {"address": held.address},
            remedy=_("Enter it again."),
            field=field,
        )
    return held.secret.as_json()


def _seal(plain: Definition, secret: str, field: str, *, with_id: bool) -> dict[str, Any]:
    if len(secret) > 1000 or "\x00" in secret:
        raise Invalid(_("A secret has at most 1000 characters."), field=field)
    try:
        payload = definition.payload(plain.kind, plain.address, plain.user, secret)
    except (UnicodeEncodeError, ValueError):
        raise Invalid(_("It holds a character that is none."), field=field) from None
    key = public_keys.public(HOLDER, "credentials")
    sealed = sealing.seal(key.public, payload, place=definition.place(plain.kind))
    # The id is random: one made from the secret would help somebody to guess it.
    id = os.urandom(4).hex() if with_id else ""
    return definition.Sealed(base64.b64encode(sealed).decode(), key.version, id).as_json()


# tests


def test_channel(*, actor: Actor, proposal: Mapping[str, Any], channel_id: Id | None = None) -> ChannelTest:  # noqa: PT028
    """Have the general worker try a proposed (or the active) definition. Raises Invalid naming the field."""
    access.require(actor, "channel.propose")
    if actor.kind == "system":
        raise Invalid(_("A test is for somebody."))
    complete = definition.proposal(proposal)
    with transaction.atomic():
        test = ChannelTest(channel_id=channel_id, requested_by_id=UUID(actor.id), proposal=complete)
        test.save(force_insert=True)
        jobs.enqueue("channel.test", subject=f"channeltest/{test.id}")
        audit.append(
            actor=actor,
            action="channel.test_requested",
            subject=f"channel/{channel_id}" if channel_id else f"channel/new/{complete['slug']}",
            summary=_("tested the channel %(slug)s") % {"slug": complete["slug"]},
            detail={"test": str(test.id), "kind": complete["kind"]},
        )
    return test


test_channel.__test__ = False  # type: ignore[attr-defined]


def run_test(*, lease: jobs.Lease) -> None:
    """Carry out one test, writing each step as it ends, so that the page shows it at once."""
    test = ChannelTest.objects.select_related("requested_by").filter(id=lease.subject_id).first()
    if test is None or test.state != ChannelTest.RUNNING:
        return
    mine = ChannelTest.objects.filter(id=test.id, state=ChannelTest.RUNNING)
    steps: list[dict[str, Any]] = []
    for step in _steps(test):
        lease.check()
        steps.append(step)
        mine.update(steps=steps)
    passed = bool(steps) and all(step["ok"] for step in steps)
    mine.update(state=ChannelTest.PASSED if passed else ChannelTest.FAILED, ended_at=Now())


def _steps(test: ChannelTest) -> Iterator[dict[str, Any]]:
    begun = time.monotonic()
    field = "password" if test.proposal["kind"] == Channel.SMTP else "secret"
    try:
        says = definition.parse(test.proposal["kind"], test.proposal["definition"], definition.allowed())
        secret = mailing.opened(says)
    except Fenced:
        raise
    except LockgateError as error:
        yield _step("open", begun, error, field)
        return
    if isinstance(says, MailServer):
        yield from mailing.test(says, secret, to=test.requested_by.email)
    else:
        yield from _webhook_steps(says, str(test.id))


def _webhook_steps(says: Webhook, id: str) -> Iterator[dict[str, Any]]:
    begun = time.monotonic()
    try:
        addresses.resolve(says.target, definition.allowed())
    except LockgateError as error:
        yield _step("resolve", begun, error, "url")
        return
    host = {"host": says.target.host}
    yield _step("resolve", begun, None, sentence=_("%(host)s leads to addresses that may be reached.") % host)
    begun = time.monotonic()
    body = json.dumps({"event": "channel.tested", "format": services.FORMAT, "id": id}, separators=(",", ":"))
    try:
        answer = services.post(says, delivery=id, event="channel.tested", body=body.encode())
    except LockgateError as error:
        yield _step("send", begun, error, "url")
        return
    if not answer.accepted:
        refused = Invalid(
            _("%(host)s answered %(status)s.") % {**host, "status": answer.status},
            remedy=_("It must answer 200 to 299 to a signed POST; redirects are not followed."),
            field="url",
        )
        yield _step("send", begun, refused, "url")
        return
    yield _step("send", begun, None, sentence=_("%(host)s took a signed test message.") % host)


def _step(
    step: str, begun: float, error: LockgateError | None, field: str = "", *, sentence: str = ""
) -> dict[str, Any]:
    return {
        "step": step,
        "ok": error is None,
        "sentence": error.sentence if error else sentence,
        "remedy": error.remedy if error else "",
        "field": (error.field or field) if error else "",
        "milliseconds": int((time.monotonic() - begun) * 1000),
    }


def give_up_test(*, test_id: str, outcome: str) -> None:
    """The job of a test died for good: say so instead of leaving the page waiting."""
    running = ChannelTest.objects.filter(id=test_id, state=ChannelTest.RUNNING)
    for test in running:
        error = Invalid(_("The test did not end: %(why)s") % {"why": outcome}, remedy=_("Test again."))
        running.update(
            steps=[*test.steps, _step("open", time.monotonic(), error)], state=ChannelTest.FAILED, ended_at=Now()
        )


# narrowing: at once, and recorded


def switch_off_channel(*, actor: Actor, channel_id: Id) -> Channel:
    """Nothing leaves through it any more; switching it on again is a change. Raises NotFound, Conflict."""
    access.require(actor, "channel.propose")
    row = Channel.objects.filter(id=channel_id).first()
    if row is None:
        raise NotFound(_("There is no such channel."))
    with transaction.atomic():
        if not Channel.objects.filter(id=row.id, disabled_at=None).update(disabled_at=Now()):
            raise Conflict(_("The channel %(slug)s is switched off already.") % {"slug": row.slug})
        audit.append(
            actor=actor,
            action="channel.switched_off",
            subject=f"channel/{row.id}",
            summary=_("switched the channel %(slug)s off") % {"slug": row.slug},
            detail={"kind": row.kind, "version": row.active_version},
        )
    row.refresh_from_db()
    return row


def switch_off_route(*, actor: Actor, route_id: Id) -> Route:
    """It takes no alert any more; where no other matches, the owners get mail. Raises NotFound, Conflict."""
    row = Route.objects.filter(id=route_id).first()
    if row is None:
        raise NotFound(_("There is no such route."))
    require_route(actor, row.team_id)
    with transaction.atomic():
        if not Route.objects.filter(id=row.id, disabled_at=None).update(disabled_at=Now()):
            raise Conflict(_("The route %(slug)s is switched off already.") % {"slug": row.slug})
        audit.append(
            actor=actor,
            action="route.switched_off",
            subject=f"route/{row.id}",
            team_id=row.team_id,
            summary=_("switched the alert route %(slug)s off") % {"slug": row.slug},
            detail={"version": row.active_version},
        )
    row.refresh_from_db()
    return row


def require_route(actor: Actor, team_id: Id | None) -> None:
    """A team's route belongs to it and to administrators; one for every team to administrators. Raises Denied."""
    if team_id is None:
        access.require(actor, "operation.act")
    else:
        access.require(actor, "route.propose", team_id)
