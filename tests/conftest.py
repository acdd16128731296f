"""Every test process has its own PostgreSQL; the control database is migrated once and copied for tests that commit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from controlplane import config, roles
from tests.postgres import Role, Server
from tests.support import World, point_at

PASSWORDS = {role: f"{role}-password-of-tests" for role in roles.ROLES}
TEMPLATE = "lockgate"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "ignore:Overriding setting DATABASES:UserWarning")


@pytest.fixture(scope="session")
def django_db_setup(postgres: Server, django_db_blocker: Any) -> Iterator[None]:
    """The control database, made as the product makes it: roles, migrations as the owner, grants."""
    with postgres.connect() as admin:
        roles.create(admin, PASSWORDS, database=TEMPLATE)
        for name in (roles.ROLES[role] for role in roles.APPS):
            # Tests step into each role with SET ROLE, which the product itself never does.
            admin.execute(f"GRANT {name} TO {roles.ROLES['owner']} WITH INHERIT FALSE")
    point_at(url_of(postgres, "owner"))
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0, skip_checks=True)
        with psycopg.connect(url_of(postgres, "owner"), autocommit=True) as owner:
            roles.apply(owner)
        connection.close()
        yield
        connection.close()


@pytest.fixture
def world(db: None) -> World:
    """The organisation that most tests play in; see tests/support.py."""
    return World.found()


def url_of(server: Server, role: str, database: str = TEMPLATE) -> str:
    """The address of the control database (or a copy of it) for a role."""
    return server.url(database, Role(roles.ROLES[role], PASSWORDS[role]))


__all__ = ["config", "url_of"]
