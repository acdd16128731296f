"""A pasted connection string becomes settings, user and password; what we do not do is refused by name."""

from __future__ import annotations

import pytest

from apps.dataplane.connectors import connector, kinds
from apps.dataplane.connectors.postgres import from_url
from apps.dataplane.errors import Invalid

PLAIN = {"host": "db.example.com", "port": 5432, "database": "crm", "sslmode": "prefer"}


@pytest.mark.parametrize(
    ("text", "document", "user", "password"),
    [
        ("postgres://anna:pass@db.example.com/crm", PLAIN, "anna", "pass"),
        ("  postgresql://anna@db.example.com:5432/crm\n", PLAIN, "anna", ""),
        ("postgresql://a%40b:p%2F%3A%40w@db.example.com/crm", PLAIN, "a@b", "p/:@w"),
        ("host=db.example.com dbname=crm user=anna password='p w'", PLAIN, "anna", "p w"),
        ("postgresql://crm:x@db.example.com", PLAIN, "crm", "x"),
        ("postgresql://a:b@[::1]:6543/x?sslmode=verify-full&connect_timeout=3&channel_binding=require",
         {"host": "::1", "port": 6543, "database": "x", "sslmode": "verify-full", "connect_timeout": 3,
          "channel_binding": "require"}, "a", "b"),
    ],
)  # fmt: skip
def test_what_it_says(text: str, document: dict[str, object], user: str, password: str) -> None:
    assert from_url(text) == (document, user, password)


@pytest.mark.parametrize(
    ("text", "field", "sentence"),
    [
        ("ssh://anna:hunter2@host", "url", "Lockgate opens no SSH tunnels yet."),
        ("postgresql://a:hunter2@h/d?sshhost=b", "url", "The connection string cannot be read."),
        ("mysql://a:hunter2@h/d", "url", "This is not the address of a PostgreSQL database."),
        ("postgresql+psycopg://a:hunter2@h/d", "url", "This is not the address of a PostgreSQL database."),
        ("postgresql://a:hunter2@h/d?options=-csearch_path%3Dx", "url",
         "The parameter options of the connection string is not supported."),
        ("postgresql://a:hunter2@h/d?sslrootcert=/etc/passwd", "url",
         "The parameter sslrootcert of the connection string is not supported."),
        ("host=h hostaddr=10.0.0.1 dbname=d", "url",
         "The parameter hostaddr of the connection string is not supported."),
        ("service=prod", "url", "The parameter service of the connection string is not supported."),
        ("postgresql://a:hunter2@h:1,i:2/d", "host", "The connection string names several hosts."),
        ("postgresql://a:hunter2@h,i/d", "host", "The connection string names several hosts."),
        ("postgresql://a:hunter2@h/d?sslmode=maybe", "sslmode", None),
        ("postgresql://a:hunter2@h:x/d", "port", "The port must be one whole number."),
        ("postgresql://a:hunter2@/d", "host", None),
        ("hunter2", "url", "The connection string cannot be read."),
        ("", "url", "The connection string cannot be read."),
        ("x" * 4001, "url", "The connection string cannot be read."),
        ("postgresql://a:hunter2\0@h/d", "url", "The connection string cannot be read."),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_field_and_never_the_password(text: str, field: str, sentence: str | None) -> None:
    with pytest.raises(Invalid) as caught:
        from_url(text)
    assert "hunter2" not in f"{caught.value.sentence} {caught.value.remedy}"
    if sentence:
        assert caught.value.sentence == sentence
    assert caught.value.field == field


@pytest.mark.parametrize("kind", [one.kind for one in kinds()])
def test_every_kind_has_a_form_that_gives_its_settings_back(kind: str) -> None:
    one = connector(kind)
    names = [field.name for field in one.fields]
    assert len(names) == len(set(names))
    typed = {field.name: field.initial for field in one.fields} | {"host": "h", "database": "d", "na": "speed = NA, -"}
    settings = one.settings.from_json(one.document(typed))
    assert one.settings.from_json(settings.as_json()) == settings
    assert one.document(one.values(settings)) == settings.as_json()
    assert settings.address


@pytest.mark.parametrize("kind", ["", "mysql", None, 5])
def test_an_unknown_kind_is_refused(kind: object) -> None:
    with pytest.raises(Invalid) as caught:
        connector(kind)
    assert caught.value.field == "kind"
