"""What a channel and a route say, as frozen values: where it leads with its sealed secret, which alerts it takes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from apps.dataplane.canonical import canonical_bytes
from apps.dataplane.errors import Invalid, Locked

from . import addresses, webhooks
from .addresses import Allowed, Target

FORMAT = 1
SMTP, WEBHOOK = "smtp", "webhook"
KINDS = (SMTP, WEBHOOK)
SECURITY = ("starttls", "tls", "none")
LEVELS = ("ERROR", "WARN")
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,58}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?|[0-9a-fA-F:]{2,39}")
_LONGEST_SEALED = 4096
SHORTEST_SECRET = 24
MOST_CHANNELS, MOST_PEOPLE = 20, 50


def allowed() -> Allowed:
    """What this installation opens to webhooks, by its settings."""
    config = settings.LOCKGATE
    return Allowed(config.webhook_networks, config.webhook_http_hosts)


@dataclass(frozen=True)
class Sealed:
    """A secret sealed to version `key` of the general worker's key. `id` is public: it tells a receiver which it is."""

    sealed: str = field(repr=False)
    key: int
    id: str = ""

    @property
    def raw(self) -> bytes:
        return base64.b64decode(self.sealed)

    @property
    def mark(self) -> str:
        """Eight hex digits that tell one sealed secret from another."""
        return hashlib.sha256(self.raw).hexdigest()[:8]

    def as_json(self) -> dict[str, Any]:
        return {"sealed": self.sealed, "key": self.key, "id": self.id}


@dataclass(frozen=True)
class MailServer:
    """An SMTP server and the sender's address. Without a user it is not signed in to."""

    host: str
    port: int
    security: str
    user: str
    sender: str
    secret: Sealed | None

    kind = SMTP

    @property
    def address(self) -> str:
        """What the password is sealed for, beside the user."""
        return f"{self.host.lower()}:{self.port}"

    def as_json(self) -> dict[str, Any]:
        held = self.secret.as_json() if self.secret else None
        return {
            "format": FORMAT, "host": self.host, "port": self.port, "security": self.security, "user": self.user,
            "sender": self.sender, "secret": held,
        }  # fmt: skip


@dataclass(frozen=True)
class Webhook:
    """A receiver of signed messages."""

    target: Target
    secret: Sealed

    kind = WEBHOOK
    user = ""

    @property
    def address(self) -> str:
        return f"{self.target.scheme}://{self.target.host}:{self.target.port}"

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "url": self.target.url, "secret": self.secret.as_json()}


Definition = MailServer | Webhook


def proposal(document: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical `{slug, name, kind, definition}` of a channel. Raises Invalid naming the form field."""
    _require_object(document, ("slug", "name", "kind", "definition"))
    kind = document.get("kind")
    if kind not in KINDS:
        raise Invalid(_("This kind of channel is unknown."), field="kind", remedy=_("Choose smtp or webhook."))
    return {
        "slug": slug(document.get("slug")),
        "name": name(document.get("name")),
        "kind": kind,
        "definition": parse(str(kind), document.get("definition"), allowed()).as_json(),
    }


def parse(kind: str, document: object, allowed: Allowed | None = None) -> Definition:
    """Raises Invalid naming the form field. Without `allowed` the address is read and not judged."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise Invalid(f"A channel's definition is an object of format {FORMAT}.", field="definition")
    if kind == SMTP:
        return _mail_server(document)
    _require_object(document, ("format", "url", "secret"))
    return Webhook(addresses.parse(document.get("url"), allowed), sealed(document.get("secret"), with_id=True))


def _mail_server(document: Mapping[str, Any]) -> MailServer:
    _require_object(document, ("format", "host", "port", "security", "user", "sender", "secret"))
    user, held = document.get("user", ""), document.get("secret")
    if not isinstance(user, str) or len(user) > 120 or not (user.isprintable() or not user):
        raise Invalid(_("A user has at most 120 printable characters."), field="user")
    secret = sealed(held) if held is not None else None
    if bool(user) != bool(secret):
        missing = "password" if user else "user"
        raise Invalid(_("Give a user with a password, or neither."), field=missing)
    return MailServer(
        host(document.get("host")), port(document.get("port")), _security(document.get("security"), user), user,
        sender(document.get("sender")), secret,
    )  # fmt: skip


def host(value: object) -> str:
    if not isinstance(value, str) or not _HOST.fullmatch(value):
        raise Invalid(_("A host is a name or an IP address."), field="host")
    return value


def port(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65_535:
        raise Invalid(_("A port is a number from 1 to 65535."), field="port")
    return value


def _security(value: object, user: str) -> str:
    if value not in SECURITY:
        raise Invalid(_("Choose starttls, tls or none."), field="security")
    if value == "none" and user:
        raise Invalid(
            _("A password does not travel unencrypted."),
            remedy=_("Choose STARTTLS or TLS, or a server that takes mail without a user."),
            field="security",
        )
    return str(value)


def sender(value: object) -> str:
    """An address, or `Name <address>`."""
    text = value.strip() if isinstance(value, str) else ""
    address = parseaddr(text)[1]
    if not text or len(text) > 200 or not text.isprintable() or address.count("@") != 1 or address.startswith("@"):
        raise Invalid(_("The sender is an e-mail address, such as Lockgate <lockgate@example.org>."), field="sender")
    return text


def sealed(value: object, *, with_id: bool = False) -> Sealed:
    field_name = "secret" if with_id else "password"
    if isinstance(value, Mapping):
        _require_object(value, ("sealed", "key", "id"))
        text, key, id = value.get("sealed"), value.get("key"), value.get("id", "")
        whole = isinstance(key, int) and not isinstance(key, bool) and key >= 1
        if whole and _is_base64(text) and isinstance(id, str) and bool(re.fullmatch(r"[0-9a-f]{8}", id)) == with_id:
            return Sealed(str(text), int(key or 0), id)
    raise Invalid(_("The secret is not sealed."), field=field_name, remedy=_("Enter it, so that it is sealed."))


def _is_base64(value: object) -> bool:
    if not isinstance(value, str) or not value or len(value) > _LONGEST_SEALED:
        return False
    try:
        return bool(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False


def place(kind: str) -> str:
    """Sealed bytes moved to another kind of channel do not open."""
    return f"channel/{kind}"


def payload(kind: str, address: str, user: str, secret: str) -> bytes:
    """What is sealed: the secret with where it is for, so that sealed bytes in another definition are of no use."""
    return canonical_bytes({"kind": kind, "address": address, "user": user, "secret": secret})


def opened(says: Definition, secret: bytes) -> str:
    """The secret in the unsealed bytes. Raises Locked when it was sealed for another address or user."""
    try:
        document = json.loads(secret)
        found = tuple(document[key] for key in ("kind", "address", "user"))
        text = str(document["secret"])
    except (ValueError, TypeError, KeyError):
        found, text = (), ""
    if found != (says.kind, says.address, says.user):
        raise Locked(
            _("The secret of this channel was sealed for another address or user, so it is not sent there."),
            remedy=_("Enter it again."),
        )
    return text


def key_of(says: Webhook, secret: str) -> webhooks.Key:
    """What a webhook is signed with."""
    return webhooks.Key(says.secret.id, secret)


# routes


@dataclass(frozen=True)
class RouteDefinition:
    """Which alerts a route takes and where it leads. `subject` is a pattern with *, tried on subject and title."""

    levels: tuple[str, ...]
    subject: str
    channels: tuple[str, ...]
    owners: bool
    people: tuple[str, ...]
    recoveries: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT, "levels": list(self.levels), "subject": self.subject, "channels": list(self.channels),
            "owners": self.owners, "people": list(self.people), "recoveries": self.recoveries,
        }  # fmt: skip


def parse_route(document: object) -> RouteDefinition:
    """Raises Invalid naming the form field."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise Invalid(f"A route's definition is an object of format {FORMAT}.", field="definition")
    _require_object(document, ("format", "levels", "subject", "channels", "owners", "people", "recoveries"))
    found = RouteDefinition(
        levels=_texts(document.get("levels"), "levels", 2),
        subject=_pattern(document.get("subject")),
        channels=_texts(document.get("channels"), "channels", MOST_CHANNELS),
        owners=_truth(document.get("owners"), "owners"),
        people=_texts(document.get("people"), "people", MOST_PEOPLE),
        recoveries=_truth(document.get("recoveries"), "recoveries"),
    )
    if not found.levels or set(found.levels) - set(LEVELS):
        raise Invalid(_("Choose at least one level: ERROR, WARN."), field="levels")
    if not (found.channels or found.owners or found.people):
        raise Invalid(
            _("This route leads nowhere."), remedy=_("Choose a channel, the owners, or a person."), field="channels"
        )
    return found


def _pattern(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > 120 or not text.isprintable():
        raise Invalid(_("A subject pattern has 1 to 120 characters; * stands for anything."), field="subject")
    return text


def _texts(value: object, field_name: str, most: int) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) and one for one in value):
        raise Invalid(_("This must be a list."), field=field_name)
    if len(value) > most:
        raise Invalid(_("At most %(n)s.") % {"n": most}, field=field_name)
    return tuple(sorted(set(value)))


def _truth(value: object, field_name: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid(_("This is true or false."), field=field_name)
    return value


def slug(value: object) -> str:
    if not isinstance(value, str) or not SLUG.fullmatch(value):
        raise Invalid(
            _("A short name has 1 to 60 small letters, digits, - and _, and begins and ends with a letter or digit."),
            field="slug",
        )
    return value


def name(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > 120 or not text.isprintable():
        raise Invalid(_("A name has 1 to 120 printable characters."), field="name")
    return text


def _require_object(document: object, known: tuple[str, ...]) -> None:
    if not isinstance(document, Mapping):
        raise Invalid(_("This must be an object."))
    unknown = next((key for key in document if key not in known), None)
    if unknown is not None:
        raise Invalid(f"`{unknown}` is unknown here; known are {', '.join(known)}.", field=str(unknown)[:60])
