"""Where a PostgreSQL connection leads and as whom: validated, with the form field named when something is wrong."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from apps.dataplane.connectors.base import LONGEST_NAME, Credentials, Fact, name_of, sendable
from apps.dataplane.errors import Invalid

__all__ = ["LONGEST_NAME", "SSL_MODES", "Credentials", "PostgresSettings"]

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
BINDINGS = ("prefer", "require")
LONGEST_HOST = 253
LONGEST_PEM = 64_000
# A comma names several hosts, a slash or @ a socket: each would reach something other than what was reviewed.
NEVER_IN_A_HOST = frozenset(",/@\\")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


@dataclass(frozen=True)
class PostgresSettings:
    """The governed part of a connection; holds no secret. Certificates are the text of PEM files."""

    placing: ClassVar[frozenset[str]] = frozenset({"host", "port", "database"})

    host: str
    port: int
    database: str
    sslmode: str = "prefer"
    connect_timeout: int = 10
    channel_binding: str = "prefer"
    ca_certificate: str = ""
    client_certificate: str = ""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def place(self) -> str:
        return f"{self.database} at {self.address}"

    @property
    def facts(self) -> tuple[Fact, ...]:
        always = (
            Fact("host", "Host", self.host),
            Fact("port", "Port", str(self.port)),
            Fact("database", "Database", self.database, free=True),
            Fact("sslmode", "Encryption (sslmode)", self.sslmode),
        )
        also = (
            Fact("connect_timeout", "Seconds to connect", str(self.connect_timeout)),
            Fact("channel_binding", "Channel binding", self.channel_binding),
            Fact("ca_certificate", "CA certificate", _fingerprint(self.ca_certificate)),
            Fact("client_certificate", "Client certificate", _fingerprint(self.client_certificate)),
        )
        return always + tuple(fact for fact in also if fact.name in self.as_json())

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> PostgresSettings:
        """Raises Invalid, naming the field."""
        known = {item.name for item in fields(cls)}
        for name in settings:
            if name not in known:
                raise Invalid(f"PostgreSQL connections have no setting named {name!r}.", field=str(name))
        made = cls(
            host=_host(settings.get("host")),
            port=_whole_number(settings.get("port", 5432), "port", 1, 65_535),
            database=name_of(settings.get("database"), "database"),
            sslmode=_one_of(settings.get("sslmode", "prefer"), "sslmode", SSL_MODES),
            connect_timeout=_whole_number(settings.get("connect_timeout", 10), "connect_timeout", 1, 120),
            channel_binding=_one_of(settings.get("channel_binding", "prefer"), "channel_binding", BINDINGS),
            ca_certificate=_pem(settings.get("ca_certificate", ""), "ca_certificate"),
            client_certificate=_pem(settings.get("client_certificate", ""), "client_certificate"),
        )
        _require_agreement(made)
        return made

    def as_json(self) -> dict[str, Any]:
        """What differs from its default, and the four that every connection shows."""
        shown = ("host", "port", "database", "sslmode")
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        defaults = {item.name: item.default for item in fields(self)}
        return {name: value for name, value in values.items() if name in shown or value != defaults[name]}

    def weaker_than(self, before: PostgresSettings) -> frozenset[str]:
        order = SSL_MODES.index(self.sslmode) < SSL_MODES.index(before.sslmode)
        binding = BINDINGS.index(self.channel_binding) < BINDINGS.index(before.channel_binding)
        # Another authority vouches for other servers.
        trusted = self.ca_certificate != before.ca_certificate
        found = {"sslmode": order, "channel_binding": binding, "ca_certificate": trusted}
        return frozenset(name for name, weaker in found.items() if weaker)


def _require_agreement(settings: PostgresSettings) -> None:
    if settings.sslmode == "verify-ca" and not settings.ca_certificate:
        raise Invalid(
            "verify-ca needs the certificate of the authority to verify against.",
            field="ca_certificate",
            remedy="Paste the CA certificate, or choose verify-full to rely on this machine's authorities.",
        )
    if settings.ca_certificate and settings.sslmode not in ("verify-ca", "verify-full"):
        raise Invalid(
            f"With sslmode {settings.sslmode} the CA certificate would not be checked.",
            field="sslmode",
            remedy="Choose verify-full (or verify-ca), or leave the CA certificate out.",
        )
    if settings.client_certificate and settings.sslmode in ("disable", "allow", "prefer"):
        raise Invalid(
            f"With sslmode {settings.sslmode} the client certificate may not be used.",
            field="sslmode",
            remedy="Choose require or stricter, or leave the client certificate out.",
        )


def _host(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > LONGEST_HOST:
        raise Invalid("The host is missing or too long.", field="host", remedy="Enter a host name or an IP address.")
    if value.lower().startswith("ssh:"):
        raise ssh_refused("host")
    if not value.isprintable() or " " in value or NEVER_IN_A_HOST & set(value):
        raise Invalid(
            "The host holds a character that no host name has.",
            field="host",
            remedy="Enter one host name or IP address, without port, path or spaces.",
        )
    return value


def ssh_refused(field: str) -> Invalid:
    return Invalid(
        "Lockgate opens no SSH tunnels yet.",
        field=field,
        remedy="Let the server accept TLS connections from here, or open the tunnel outside and enter its near end.",
    )


def _whole_number(value: object, where: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        label = where.replace("_", " ")
        raise Invalid(f"The {label} must be a whole number from {least} to {most}.", field=where)
    return value


def _one_of(value: object, where: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise Invalid(f"{where} must be one of {', '.join(known)}.", field=where)
    return str(value)


def _pem(value: object, where: str) -> str:
    label = {"ca_certificate": "CA certificate", "client_certificate": "client certificate"}[where]
    if not isinstance(value, str) or len(value) > LONGEST_PEM or not sendable(value):
        raise Invalid(f"The {label} must be the text of a PEM file.", field=where)
    text = value.strip().replace("\r\n", "\n")
    if "PRIVATE KEY" in text:
        raise Invalid(
            f"The {label} holds a private key, which is a secret.", field=where, remedy="Paste the certificate alone."
        )
    if text and not _CERTIFICATE.search(text):
        raise Invalid(
            f"The {label} must be the text of a PEM file.",
            field=where,
            remedy="Paste everything from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.",
        )
    return text + "\n" if text else ""


def _fingerprint(pem: str) -> str:
    return f"SHA-256 {hashlib.sha256(pem.encode()).hexdigest()[:16]}" if pem else ""
