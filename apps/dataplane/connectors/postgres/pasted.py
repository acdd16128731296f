"""A pasted connection string, as settings, user and password; what it asks for and we do not do is refused by name."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from apps.dataplane.errors import Invalid

from .settings import PostgresSettings, ssh_refused

FIELD = "url"
LONGEST = 4000
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
_SETTINGS = {"host": "host", "port": "port", "dbname": "database", "sslmode": "sslmode"} | {
    name: name for name in ("connect_timeout", "channel_binding")
}
_FILES = {
    "sslrootcert": "Paste the CA certificate into its field instead.",
    "sslcert": "Paste the client certificate into its field instead.",
    "sslkey": "Paste the client key into its field instead.",
    "passfile": "Enter the password instead.",
    "service": "Enter what the service file says instead.",
}


def from_url(text: str) -> tuple[dict[str, Any], str, str]:
    """(settings document, user, password) of a postgresql:// URL or a `key=value` string.

    Raises Invalid, naming field `url` or the setting at fault; no sentence repeats a piece of the text but the names
    of its parameters, for anything else in it may be the password.
    """
    text = text.strip()
    _require_kind(text)
    try:
        found = {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except psycopg.Error:
        raise _unreadable() from None
    if "," in found.get("host", ""):
        remedy = "Leave one of them: what is reviewed is one server."
        raise Invalid("The connection string names several hosts.", field="host", remedy=remedy)
    user, password = found.pop("user", ""), found.pop("password", "")
    document: dict[str, Any] = {}
    for name, value in found.items():
        setting = _setting(name)
        document[setting] = _number(setting, value)
    if "database" not in document and user:
        document["database"] = user
    return PostgresSettings.from_json(document).as_json(), user, password


def _require_kind(text: str) -> None:
    if not text or len(text) > LONGEST or "\0" in text:
        raise _unreadable()
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() == "ssh":
        raise ssh_refused(FIELD)
    if scheme and scheme[1] not in ("postgres", "postgresql"):
        raise Invalid(
            "This is not the address of a PostgreSQL database.",
            field=FIELD,
            remedy="It begins with postgresql://; leave out what follows a + in the scheme.",
        )


def _unreadable() -> Invalid:
    return Invalid(
        "The connection string cannot be read.",
        field=FIELD,
        remedy="Expected is postgresql://user:password@host:5432/database, with special characters as %XX.",
    )


def _setting(name: str) -> str:
    if "ssh" in name:
        raise ssh_refused(FIELD)
    if name not in _SETTINGS:
        raise Invalid(
            f"The parameter {name} of the connection string is not supported.",
            field=FIELD,
            remedy=_FILES.get(name, "Leave it out."),
        )
    return _SETTINGS[name]


def _number(name: str, value: str) -> str | int:
    if name not in ("port", "connect_timeout"):
        return value
    if not value.isascii() or not value.isdigit() or len(value) > 6:
        raise Invalid(f"The {name.replace('_', ' ')} must be one whole number.", field=name)
    return int(value)
