"""Browsers that talk to the product under the grants of its web process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from tests.support import PASSWORD, World, as_role


@pytest.fixture
def web(world: World) -> Iterator[World]:
    """The rest of the test runs as the database role of the web process."""
    cache.clear()
    with as_role("web"):
        yield world


@pytest.fixture
def browser(web: World) -> Callable[[str], Client]:
    """A browser in which somebody has signed in through the page."""

    def signed_in(name: str) -> Client:
        client = Client()
        answer = client.post("/login/", {"email": f"{name}@acme.example", "password": PASSWORD})
        assert answer.status_code == 302, answer.content.decode()
        return client

    return signed_in
