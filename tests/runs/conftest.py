"""The shop, and browsers of its people."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.support import World

from .support import Shop


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop.opened(world)


@pytest.fixture
def browse(world: World) -> Callable[[str], Client]:
    def of(name: str) -> Client:
        client = Client()
        client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        return client

    return of
