"""A copy of the control database for tests that commit: real roles, several connections, threads and processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections

from controlplane import roles
from controlplane.connections import use
from tests.conftest import TEMPLATE, url_of
from tests.postgres import Role, Server


class Copy:
    """A migrated, empty control database of one test."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name

    def url(self, role: str) -> str:
        return url_of(self.server, role, self.name)

    @contextmanager
    def as_role(self, role: str) -> Iterator[None]:
        """This thread's connection is the role's own for the block; what is written there is committed."""
        before = connections["default"]
        use(self.url(role))
        try:
            yield
        finally:
            connection.close()
            connections["default"] = before

    def together(self, *acts: tuple[str, Callable[[], object]]) -> list[Any]:
        """Run each (role, act) at one moment in a thread with its own connection; what they returned or raised."""
        results: list[Any] = [None] * len(acts)
        ready = threading.Barrier(len(acts))

        def run(position: int) -> None:
            role, act = acts[position]
            with self.as_role(role):
                connection.ensure_connection()
                ready.wait()
                try:
                    results[position] = act()
                except BaseException as error:
                    results[position] = error

        threads = [threading.Thread(target=run, args=(position,)) for position in range(len(acts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


@pytest.fixture
def copy(
    postgres: Server, django_db_setup: None, django_db_blocker: Any, new_database: Callable[..., str]
) -> Iterator[Copy]:
    with django_db_blocker.unblock():
        connection.close()  # A database that somebody is connected to cannot be copied.
        yield Copy(postgres, new_database(template=TEMPLATE, owner=Role(roles.ROLES["owner"], "")))
