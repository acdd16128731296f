"""Settings are strict, name the field that is wrong, and lead nowhere but to one host."""

from __future__ import annotations

from typing import Any

import pytest

from apps.dataplane.connectors.postgres import Credentials, PostgresSettings
from apps.dataplane.errors import Invalid

GOOD = {"host": "db.example.com", "port": 5432, "database": "crm"}


def test_good_settings_with_their_defaults() -> None:
    assert PostgresSettings.from_json(GOOD) == PostgresSettings("db.example.com", 5432, "crm", "prefer", 10)
    assert PostgresSettings.from_json({**GOOD, "host": "::1", "sslmode": "verify-full"}).sslmode == "verify-full"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", ""), ("host", None), ("host", "a,b"), ("host", "/var/run"), ("host", "@abstract"), ("host", "a b"),
        ("host", "a\nb"), ("host", "user@host"), ("host", "x" * 254), ("host", "a\0"),
        ("port", 0), ("port", 65536), ("port", "5432"), ("port", True), ("port", None), ("port", 5432.0),
        ("database", ""), ("database", "a\0b"), ("database", "ü" * 32), ("database", 5), ("database", "\udfff"),
        ("database", None),
        ("sslmode", "none"), ("sslmode", None), ("connect_timeout", 0), ("connect_timeout", 121),
        ("password", "x"), ("options", "-c x"), ("hostaddr", "10.0.0.1"),
    ],
)  # fmt: skip
def test_each_wrong_value_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        PostgresSettings.from_json({**GOOD, field: value})
    assert caught.value.field == field


def test_names_as_long_as_postgresql_takes_them_are_taken() -> None:
    assert PostgresSettings.from_json({**GOOD, "database": "ü" * 31 + "x"}).database == "ü" * 31 + "x"


def test_credentials_show_nothing_in_a_repr() -> None:
    credentials = Credentials.from_json({"user": "alice", "password": "hunter2"})
    assert (credentials.user, credentials.password) == ("alice", "hunter2")
    assert repr(credentials) == "Credentials()"


@pytest.mark.parametrize(
    ("document", "field"),
    [({"password": "p"}, "user"),
     ({"user": "u\0", "password": "p"}, "user"), ({"user": "u", "password": 5}, "password"),
     ({"user": "u", "password": "hunter2\0"}, "password"), ({"user": "u", "password": "hunter2\ud800"}, "password")],
)  # fmt: skip
def test_credentials_that_are_wrong_name_their_field_and_not_the_password(document: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        Credentials.from_json(document)
    assert caught.value.field == field
    assert "hunter2" not in caught.value.sentence
