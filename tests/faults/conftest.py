"""One whole installation for all tests of faults, with its people and one governed pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test.utils import override_settings

from controlplane import celery
from controlplane.connections import use

from . import expected
from .databases import Databases
from .installation import LEASE_SECONDS, Installation
from .organisation import World


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The canaries are looked for in what every other test has left behind.
    items.sort(key=lambda item: item.path.name == "test_canaries.py")


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    made = Installation.new()
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def governed(installation: Installation, django_db_blocker: Any) -> World:
    """People, connections, policy, pipeline, and the expectation of what it publishes."""
    databases = Databases(installation)
    world = World(databases)
    with django_db_blocker.unblock(), _as_web(installation):
        databases.make()
        world.found()
    with django_db_blocker.unblock(), as_role(installation, "owner"):
        expected.keep(databases, expected.compute(databases))
    return world


@pytest.fixture
def world(installation: Installation, governed: World, django_db_blocker: Any) -> Iterator[World]:
    """This test works on the control database with the rights of the web process."""
    with django_db_blocker.unblock(), _as_web(installation):
        yield governed


def _as_web(installation: Installation) -> Any:
    return as_role(installation, "web")


class as_role:
    """The default connection of this thread leads into the installation, as one of its roles."""

    def __init__(self, installation: Installation, role: str) -> None:
        self.installation, self.role = installation, role

    def __enter__(self) -> None:
        self.before = connections["default"]
        use(self.installation.url(self.role))
        celery.app.conf.broker_url = self.installation.broker_url()
        kinds = {
            name: replace(kind, lease_seconds=LEASE_SECONDS) if name.startswith("run.") else kind
            for name, kind in settings.LOCKGATE_JOBS.items()
        }
        hashers = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
        self.overridden = override_settings(LOCKGATE_JOBS=kinds, PASSWORD_HASHERS=hashers)
        self.overridden.enable()

    def __exit__(self, *_: object) -> None:
        self.overridden.disable()
        connection.close()
        connections["default"] = self.before
