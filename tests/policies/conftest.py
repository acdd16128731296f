"""Acme's CRM, discovered and classified, without a database behind it."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.support import World, as_role

from .support import Crm


@pytest.fixture
def crm(world: World) -> Crm:
    return Crm.classified(world)


@pytest.fixture
def browse(crm: Crm):  # type: ignore[no-untyped-def]
    """A browser of somebody; its requests run under the grants of the web process."""

    def of(name: str) -> Client:
        client = Client()
        client.force_login(crm.world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        return client

    return of


@pytest.fixture
def web(crm: Crm):  # type: ignore[no-untyped-def]
    """The rest of the test runs as the database role of the web process."""
    with as_role("web"):
        yield crm
