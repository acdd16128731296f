"""What a proposed channel means: its canonical form, what is active, its text, and its consequence. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.core.governed import Consequence, Current
from apps.core.ids import Id
from apps.dataplane.errors import Conflict, Invalid, NotFound

from . import definition
from .definition import Definition, MailServer
from .models import Channel, ChannelVersion

ACTION = "channel.propose"


def normalise(proposal: Mapping[str, Any], *, team_id: Id | None) -> dict[str, Any]:
    """The complete proposal `{slug, name, kind, definition}`. Raises Invalid naming the form field."""
    if team_id:
        raise Invalid(_("A channel belongs to the organisation, not to a team."), field="team")
    return definition.proposal(proposal)


def target(proposal: Mapping[str, Any], *, team_id: Id | None) -> str:
    """The channel of that short name, or that it is a new one. Raises Conflict for a second mail server."""
    found = Channel.objects.filter(slug=proposal["slug"]).values_list("id", "kind").first()
    if found and found[1] != proposal["kind"]:
        raise Invalid(_("This short name belongs to a channel of another kind."), field="slug")
    if proposal["kind"] == Channel.SMTP:
        others = Channel.objects.filter(kind=Channel.SMTP, disabled_at=None).exclude(slug=proposal["slug"])
        if others.exists():
            raise Conflict(
                _("There is a mail server already."), remedy=_("Edit it, or switch it off first."), field="slug"
            )
    return f"channel/{found[0]}" if found else f"channel/new/{proposal['slug']}"


def current(target: str) -> Current:
    """What is active, as a proposal; version 0 for a channel that does not exist yet."""
    if target.startswith("channel/new/"):
        return Current(0, None)
    row = Channel.objects.filter(id=UUID(target.partition("/")[2])).first()
    if row is None:
        raise NotFound(_("There is no such channel."))
    active = ChannelVersion.objects.get(channel=row, number=row.active_version)
    document = {"slug": row.slug, "name": row.name, "kind": row.kind, "definition": active.definition}
    # One that was switched off is not what holds now: proposing it again switches it on.
    return Current(row.active_version, None if row.disabled_at else document)


def text(proposal: Mapping[str, Any]) -> str:
    """Stable lines for the diff. Secrets show as the key version that they are sealed to."""
    says = definition.parse(proposal["kind"], proposal["definition"])
    lines = [f"channel: {proposal['slug']}", f"name: {_quoted(proposal['name'])}", f"kind: {proposal['kind']}"]
    return "\n".join(lines + _facts(says)) + "\n"


def _facts(says: Definition) -> list[str]:
    if isinstance(says, MailServer):
        sealed = f"sealed (key v{says.secret.key}, mark {says.secret.mark})" if says.secret else "none"
        return [
            f"host: {says.host}",
            f"port: {says.port}",
            f"security: {says.security}",
            f"sender: {_quoted(says.sender)}",
            f"user: {_quoted(says.user) if says.user else 'none'}",
            f"password: {sealed}",
        ]
    secret = says.secret
    return [f"url: {says.target.url}", f"secret: {secret.id}, sealed (key v{secret.key}, mark {secret.mark})"]


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id | None) -> Consequence:
    """Another place to which messages leave is medium risk; unencrypted transport is high."""
    says = definition.parse(after["kind"], after["definition"])
    unencrypted = _unencrypted(says)
    reasons = (_("Messages travel unencrypted."),) if unencrypted else ()
    named = {"name": after["name"], "place": says.address}
    if before is None:
        sentence = (
            _("After approval, all mail of Lockgate leaves through %(place)s.")
            if isinstance(says, MailServer)
            else _("After approval, routes can send signed alerts to %(place)s; they hold no personal data.")
        )
        return Consequence(
            _("New channel %(name)s") % named,
            sentence % named,
            "HIGH" if unencrypted else "MEDIUM",
            (_("Opens a way out."), *reasons),
            approvals=2 if unencrypted else 1,
        )
    old = definition.parse(before["kind"], before["definition"])
    moved = old.address != says.address
    title = _("Change channel %(name)s") % named
    if before == after:
        return Consequence(title, _("After approval, nothing changes."), "LOW")
    sentence = _("After approval, channel %(name)s leads to %(place)s instead of %(before)s.") if moved else _(
        "After approval, channel %(name)s still leads to %(place)s, with other settings or another secret."
    )  # fmt: skip
    weaker = unencrypted and not _unencrypted(old)
    risk: Any = "HIGH" if weaker else "MEDIUM" if moved else "LOW"
    why = (*((_("Messages leave for another place."),) if moved else ()), *(reasons if weaker else ()))
    return Consequence(
        title, sentence % {**named, "before": old.address}, risk, why or (_("The place stays."),),
        approvals=2 if weaker else 1,
    )  # fmt: skip


def _unencrypted(says: Definition) -> bool:
    return says.security == "none" if isinstance(says, MailServer) else says.target.scheme == "http"
