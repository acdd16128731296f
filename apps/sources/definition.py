"""What a connection's definition says, as frozen values: where it leads, where it stands, its sealed credentials."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from apps.core.ids import Id
from apps.dataplane.canonical import canonical_bytes
from apps.dataplane.classify import NONE, TAGS
from apps.dataplane.connectors import connector, kinds, postgres
from apps.dataplane.connectors.base import Connector, Credentials, Settings
from apps.dataplane.errors import Invalid, Locked
from apps.dataplane.plan import ColumnSchema, TableRef, TableSchema
from apps.dataplane.policy import ZONES

FORMAT = 1
KINDS = tuple(one.kind for one in kinds())
# What definitions from before there were several kinds mean.
FIRST_KIND = "postgresql"
KNOWN_TAGS = {tag: meaning for tag, meaning in TAGS.items() if tag != NONE}
Purpose = Literal["read", "write"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,58}[a-z0-9])?")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LONGEST_SEALED = 40_000


@dataclass(frozen=True)
class SealedCredential:
    """A user name, and its password sealed to version `key` of the worker class's key; nobody here can open it."""

    user: str
    sealed: str = field(repr=False)
    key: int

    @classmethod
    def none(cls) -> SealedCredential:
        """That a purpose is served, by a kind that has no users."""
        return cls("", "", 0)

    @property
    def raw(self) -> bytes:
        return base64.b64decode(self.sealed)

    @property
    def mark(self) -> str:
        """Eight hex digits that tell one sealed password from another; sealing is random, so they say nothing of it."""
        return hashlib.sha256(self.raw).hexdigest()[:8]


@dataclass(frozen=True)
class ConnectionDefinition:
    """The governed content of one connection version. `credentials` holds one entry for each purpose that it serves."""

    kind: str
    settings: Settings
    zone: str
    region: str
    credentials: Mapping[Purpose, SealedCredential]

    @property
    def connector(self) -> Connector:
        return connector(self.kind)

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        return tuple(purpose for purpose in PURPOSES if purpose in self.credentials)

    def as_document(self) -> dict[str, Any]:
        """The canonical JSON form; `parse` of it gives an equal definition."""
        held = {purpose: self.credentials.get(purpose) for purpose in PURPOSES}
        return {
            "format": FORMAT,
            "kind": self.kind,
            "settings": self.settings.as_json(),
            "zone": self.zone,
            "region": self.region,
            "credentials": {
                purpose: None if one is None else _sealed_document(one, self.connector) for purpose, one in held.items()
            },
        }


def parse(document: Mapping[str, Any]) -> ConnectionDefinition:
    """Raises Invalid naming the form field."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise Invalid(f"A connection's definition is an object of format {FORMAT}.", field="definition")
    _only(document, ("format", "kind", "settings", "zone", "region", "credentials"))
    kind = connector(document.get("kind", FIRST_KIND))
    settings = document.get("settings")
    if not isinstance(settings, Mapping):
        raise Invalid("The settings of the connection are missing.", field=kind.fields[0].name)
    return ConnectionDefinition(
        kind=kind.kind,
        settings=kind.settings.from_json(settings),
        zone=_zone(document.get("zone")),
        region=_region(document.get("region", "")),
        credentials=_credentials(document.get("credentials"), kind),
    )


def proposal(document: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical `{slug, name, kind, definition}` of a connection. Raises Invalid naming the form field."""
    if not isinstance(document, Mapping):
        raise Invalid("A connection is an object of slug, name, kind and definition.")
    _only(document, ("slug", "name", "kind", "definition"))
    kind, said = connector(document.get("kind")).kind, document.get("definition") or {}
    if isinstance(said, Mapping) and said.get("kind", kind) != kind:
        raise Invalid("The definition is of another kind than the connection.", field="kind")
    return {
        "slug": slug(document.get("slug")),
        "name": name(document.get("name")),
        "kind": kind,
        "definition": parse({**said, "kind": kind} if isinstance(said, Mapping) else said).as_document(),
    }


def from_url(text: str) -> tuple[dict[str, Any], str, str]:
    """(settings document, user, password) of a pasted connection string of PostgreSQL.

    Raises Invalid naming field `url` or the setting at fault. The password goes to `services.credentials` at once.
    """
    return postgres.from_url(text)


def payload(settings: Settings, user: str, password: str, team_id: Id | None, client_key: str = "") -> bytes:
    """What is sealed: the password and client key together with the team, address and user that they are for.

    Sealed bytes that somebody copies into another team's definition, or one with another host, are of no use there:
    the worker refuses. Without a team they serve any.
    """
    team = str(team_id) if team_id else ""
    held = {"team": team, "address": settings.address, "user": user, "password": password}
    return canonical_bytes({**held, "client_key": client_key} if client_key else held)


def opened(says: ConnectionDefinition, credential: SealedCredential, secret: bytes, team_id: Id) -> Credentials:
    """The credentials in the unsealed bytes. Raises Locked when they were sealed for another team, address or user."""
    settings = says.settings
    try:
        document = json.loads(secret)
        team, address, user, password = (document[key] for key in ("team", "address", "user", "password"))
    except (ValueError, TypeError, KeyError):
        raise _other(settings, "was not sealed by this product") from None
    if team not in ("", str(team_id)):
        raise _other(settings, "was sealed for another team")
    if (address, user) != (settings.address, credential.user):
        raise _other(settings, "was sealed for another address or user")
    key = document.get("client_key", "")
    return says.connector.credentials.from_json({"user": user, "password": password, "client_key": key})


def _other(settings: Settings, why: str) -> Locked:
    return Locked(
        f"The password for {settings.address} {why}, so it is not sent there.", remedy="Enter the password again."
    )


def table_schema(document: Mapping[str, Any]) -> TableSchema:
    """A TableSchema from the JSON that discovery stored."""
    several = ("primary_key", "checks", "dependents", "incoming")
    return TableSchema(
        ref=TableRef(**document["ref"]),
        columns=tuple(ColumnSchema(**column) for column in document["columns"]),
        unique=tuple(tuple(names) for names in document["unique"]),
        estimated_rows=document["estimated_rows"],
        detected=dict(document.get("detected", {})),
        **{name: tuple(document[name]) for name in several},
    )


def slug(value: object) -> str:
    if not isinstance(value, str) or not SLUG.fullmatch(value):
        raise Invalid(
            "A short name has 1 to 60 small letters, digits, - and _, and begins and ends with a letter or digit.",
            field="slug",
        )
    return value


def name(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > 120 or not text.isprintable():
        raise Invalid("A name has 1 to 120 printable characters.", field="name")
    return text


def _zone(value: object) -> str:
    if value not in ZONES:
        raise Invalid("This zone is unknown.", field="zone", remedy=f"Choose one of {', '.join(ZONES)}.")
    return str(value)


def _region(value: object) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or not _REGION.fullmatch(value):
        raise Invalid("A region is up to 40 small letters, digits and -, such as eu-central.", field="region")
    return value


def _credentials(value: object, kind: Connector) -> dict[Purpose, SealedCredential]:
    if not isinstance(value, Mapping):
        raise Invalid("The credentials are missing.", field="read_user")
    _only(value, PURPOSES)
    said: dict[Purpose, object] = {purpose: value[purpose] for purpose in PURPOSES if value.get(purpose) is not None}
    _require_able(kind, said)
    found = {purpose: _credential(purpose, one, kind) for purpose, one in said.items()}
    if not found and not kind.uses_credentials:
        raise Invalid("Say whether the connection is for reading, for writing, or for both.", field="read")
    if not found:
        raise Invalid(
            "A connection needs a read or a write credential, or both.",
            field="read_user",
            remedy="Give a user that may read, or one that may write.",
        )
    return found


def _require_able(kind: Connector, said: Mapping[Purpose, object]) -> None:
    for purpose, able in (("read", kind.reads), ("write", kind.writes)):
        if purpose in said and not able:
            raise Invalid(f"Connections of kind {kind.label} do not {purpose}.", field=purpose)


def _credential(purpose: Purpose, value: object, kind: Connector) -> SealedCredential:
    if kind.uses_credentials:
        return _sealed(purpose, value, kind)
    if value != {}:
        raise Invalid(
            f"Connections of kind {kind.label} have no users: a purpose that is served holds an empty object.",
            field=purpose,
        )
    return SealedCredential.none()


def _sealed_document(one: SealedCredential, kind: Connector) -> dict[str, Any]:
    return {"user": one.user, "sealed": one.sealed, "key": one.key} if kind.uses_credentials else {}


def _sealed(purpose: Purpose, value: object, kind: Connector) -> SealedCredential:
    if not isinstance(value, Mapping):
        raise Invalid("A credential is an object of user, sealed and key.", field=f"{purpose}_user")
    _only(value, ("user", "sealed", "key"))
    user, sealed, key = value.get("user"), value.get("sealed"), value.get("key")
    # The connector's own rule for a user name, asked without a password.
    try:
        kind.credentials.from_json({"user": user})
    except Invalid as error:
        raise Invalid(error.sentence, remedy=error.remedy, field=f"{purpose}_user") from None
    if not _is_base64(sealed) or not isinstance(key, int) or isinstance(key, bool) or key < 1:
        raise Invalid(
            "The password is not sealed.",
            field=f"{purpose}_password",
            remedy="Enter the password, so that it is sealed.",
        )
    return SealedCredential(str(user), str(sealed), key)


def _is_base64(value: object) -> bool:
    if not isinstance(value, str) or not value or len(value) > _LONGEST_SEALED:
        return False
    try:
        return bool(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False


def _only(document: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = next((key for key in document if key not in known), None)
    if unknown is not None:
        raise Invalid(f"`{unknown}` is unknown here; known are {', '.join(known)}.", field=str(unknown))
