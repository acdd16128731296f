"""The form of a PostgreSQL connection: its fields, and the way between what is typed and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.dataplane.connectors.base import FormField

from .settings import BINDINGS, SSL_MODES, PostgresSettings

NUMBERS = ("port", "connect_timeout")
FIELDS = (
    FormField("host", "Host", "Name or IP address", required=True, longest=253),
    FormField("port", "Port", widget="number", initial="5432", required=True, longest=5),
    FormField("database", "Database", required=True, longest=63),
    FormField(
        "sslmode",
        "Encryption (sslmode)",
        "verify-full proves that the server is the one meant; prefer takes what the server offers.",
        widget="select",
        choices=tuple((mode, mode) for mode in ("prefer", "require", "verify-ca", "verify-full", "allow", "disable")),
        initial="prefer",
        required=True,
    ),
    FormField(
        "ca_certificate",
        "CA certificate",
        "The text of the PEM file; with it choose verify-full. Without it verify-full trusts this machine's own list.",
        widget="textarea",
        advanced=True,
        longest=64_000,
    ),
    FormField(
        "client_certificate",
        "Client certificate",
        "The text of the PEM file, where the server asks for one.",
        widget="textarea",
        advanced=True,
        longest=64_000,
    ),
    FormField(
        "client_key",
        "Key of the client certificate",
        "The text of the PEM file, without a passphrase. It is sealed beside the password and never shown again.",
        widget="secret",
        advanced=True,
        longest=16_000,
    ),
    FormField(
        "channel_binding",
        "Channel binding",
        "require lets no other server pass the password on.",
        widget="select",
        choices=tuple((one, one) for one in BINDINGS),
        initial="prefer",
        advanced=True,
    ),
    FormField("connect_timeout", "Seconds to connect", widget="number", initial="10", advanced=True, longest=3),
)
assert {value for value, _ in FIELDS[3].choices} == set(SSL_MODES)


def document(values: Mapping[str, str]) -> dict[str, Any]:
    """The settings document of what the form holds. Raises Invalid naming the field."""
    said: dict[str, Any] = {}
    for field in FIELDS:
        value = values.get(field.name, "").strip()
        if field.widget != "secret" and value:
            said[field.name] = int(value) if field.name in NUMBERS and value.isascii() and value.isdigit() else value
    return PostgresSettings.from_json(said).as_json()


def values(settings: PostgresSettings) -> dict[str, str]:
    """What the form holds for these settings."""
    return {field.name: str(getattr(settings, field.name)) for field in FIELDS if field.widget != "secret"}
