"""Where a PostgreSQL connection leads and as whom: validated, with the form field named when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from apps.dataplane.errors import Invalid

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
LONGEST_HOST = 253
LONGEST_NAME = 63
# A comma names several hosts, a slash or @ a socket: each would reach something other than what was reviewed.
NEVER_IN_A_HOST = frozenset(",/@\\")


@dataclass(frozen=True)
class PostgresSettings:
    """The governed part of a connection; holds no secret."""

    host: str
    port: int
    database: str
    sslmode: str = "prefer"
    connect_timeout: int = 10

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> PostgresSettings:
        """Raises Invalid, naming the field."""
        known = {item.name for item in fields(cls)}
        for name in settings:
            if name not in known:
                raise Invalid(f"PostgreSQL connections have no setting named {name!r}.", field=str(name))
        return cls(
            host=_host(settings.get("host")),
            port=_whole_number(settings.get("port", 5432), "port", 1, 65_535),
            database=_name(settings.get("database"), "database"),
            sslmode=_ssl_mode(settings.get("sslmode", "prefer")),
            connect_timeout=_whole_number(settings.get("connect_timeout", 10), "connect_timeout", 1, 120),
        )


@dataclass(frozen=True)
class Credentials:
    """A role and its password; neither shows in a repr."""

    user: str = field(repr=False)
    password: str = field(repr=False)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Credentials:
        """Raises Invalid, naming the field."""
        password = document.get("password", "")
        if not isinstance(password, str) or not _sendable(password):
            raise Invalid("The password must be text.", field="password")
        return cls(user=_name(document.get("user"), "user"), password=password)


def _host(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > LONGEST_HOST:
        raise Invalid("The host is missing or too long.", field="host", remedy="Enter a host name or an IP address.")
    if not value.isprintable() or " " in value or NEVER_IN_A_HOST & set(value):
        raise Invalid(
            "The host holds a character that no host name has.",
            field="host",
            remedy="Enter one host name or IP address, without port, path or spaces.",
        )
    return value


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not value or not _sendable(value) or len(value.encode()) > LONGEST_NAME:
        raise Invalid(f"The {where} must be a name of 1 to {LONGEST_NAME} bytes.", field=where)
    return value


def _sendable(text: str) -> bool:
    """JSON can hold half a surrogate pair, which has no UTF-8; PostgreSQL takes no NUL."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _whole_number(value: object, where: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        label = where.replace("_", " ")
        raise Invalid(f"The {label} must be a whole number from {least} to {most}.", field=where)
    return value


def _ssl_mode(value: object) -> str:
    if value not in SSL_MODES:
        raise Invalid(f"sslmode must be one of {', '.join(SSL_MODES)}.", field="sslmode")
    return str(value)
