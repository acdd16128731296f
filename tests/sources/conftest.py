"""An installation with keys and a source database."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from tests.postgres import Server
from tests.support import World, as_role

from .support import READ_PASSWORD, TABLES, WRITE_PASSWORD, Installation, MakeDatabase


@pytest.fixture
def here(
    world: World, postgres: Server, new_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Installation:
    reader, writer = postgres.create_role(password=READ_PASSWORD), postgres.create_role(password=WRITE_PASSWORD)
    database = new_database()
    made = Installation(world, postgres, database, reader, writer, monkeypatch, tmp_path)
    made.run(*TABLES, f'GRANT CREATE ON DATABASE "{database}" TO "{writer.name}"')
    made.allow_reading("crm")
    made.make_keys()
    return made


@pytest.fixture
def browse(here: Installation):  # type: ignore[no-untyped-def]
    """A browser of somebody, answered under the grants of the web process."""

    def of(name: str) -> Client:
        client = Client()
        client.force_login(here.world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        return client

    return of


@pytest.fixture
def web(here: Installation):  # type: ignore[no-untyped-def]
    """The rest of the test runs as the database role of the web process."""
    with as_role("web"):
        yield here
