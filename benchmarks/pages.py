"""List pages as their tables grow: database time and number of queries at 10,000 and at 1,000,000 rows.

python3 -m benchmarks.pages [audit ...] [--rows 10000 1000000]     # about 4 minutes for the audit log

A subject is a file in benchmarks/subjects: how its table is filled up to a number of rows (by COPY), and which pages
are looked at as whom. Runs on a PostgreSQL of its own, made for the occasion.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .subjects import Subject, subjects

ROUNDS = 15
SIZES = (10_000, 1_000_000)
FLAT, MOST_QUERIES = 1.3, 15


@dataclass
class Measured:
    """One page at one size."""

    milliseconds: float
    queries: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.pages")
    parser.add_argument("names", nargs="*", default=sorted(subjects()))
    parser.add_argument("--rows", nargs="+", type=int, default=list(SIZES))
    given = parser.parse_args()
    with _database() as world:
        for name in given.names:
            _measure(name, subjects()[name](world), given.rows)


def _measure(name: str, what: Subject, sizes: list[int]) -> None:
    import psycopg
    from django.db import connection

    table: dict[str, list[Measured]] = {page: [] for page in what.pages}
    for size in sizes:
        began = time.monotonic()
        with psycopg.connect(**_login(connection.get_connection_params()), autocommit=True) as raw:
            raw.execute("SET idle_in_transaction_session_timeout = 0")  # a million rows take their time
            with raw.transaction():
                what.fill(raw, size)
            raw.execute("VACUUM ANALYZE")
        print(f"{name}: {size:,} rows after {time.monotonic() - began:.0f} s of filling", flush=True)
        for page, address in what.pages.items():
            table[page].append(_page(what.who, address() if callable(address) else address))
    print(f"{'page':44} {'queries':>8} " + " ".join(f"{size:>14,}" for size in sizes) + "   ratio")
    for page, found in table.items():
        ratio = found[-1].milliseconds / max(found[0].milliseconds, 1.0)
        times = " ".join(f"{one.milliseconds:11.1f} ms" for one in found)
        verdict = "" if ratio <= FLAT and found[-1].queries <= MOST_QUERIES else "  <- above"
        print(f"{page:44} {found[-1].queries:>8} {times}   {ratio:.2f}{verdict}", flush=True)


def _login(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("dbname", "user", "password", "host", "port") if given.get(name)}


def _page(who: str, address: str) -> Measured:
    """The median of the database's time for one page, as the web role reads it; the first look warms up."""
    from django.db import connection
    from django.test import Client

    from apps.accounts.models import User
    from tests.support import as_role

    client = Client()
    client.force_login(User.objects.get(email__startswith=f"{who}@"), "django.contrib.auth.backends.ModelBackend")
    times, queries = [], 0
    with as_role("web"):
        for _ in range(ROUNDS + 1):
            watch = _Watch()
            with connection.execute_wrapper(watch):
                answer = client.get(address)
            if answer.status_code != 200:
                raise RuntimeError(f"{address} answered {answer.status_code}")
            times.append(1000 * sum(watch.seconds))
            queries = len(watch.seconds)
    return Measured(statistics.median(times[1:]), queries)


class _Watch:
    """Times every statement; the marks of transactions are none."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            if not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")):
                self.seconds.append(time.perf_counter() - began)


@contextmanager
def _database() -> Iterator[Any]:
    """A cluster of its own with the product's schema, roles and a small organisation."""
    import os

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django
    import psycopg

    django.setup()
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    from controlplane import roles
    from tests.conftest import PASSWORDS, TEMPLATE, url_of
    from tests.postgres import running
    from tests.support import World, point_at

    setup_test_environment()
    with running() as server:
        with server.connect() as admin:
            roles.create(admin, PASSWORDS, database=TEMPLATE)
            for name in (roles.ROLES[role] for role in roles.APPS):
                admin.execute(f"GRANT {name} TO {roles.ROLES['owner']} WITH INHERIT FALSE")
        point_at(url_of(server, "owner"))
        call_command("migrate", verbosity=0, skip_checks=True)
        with psycopg.connect(url_of(server, "owner"), autocommit=True) as owner:
            roles.apply(owner)
        yield World.found()


if __name__ == "__main__":
    main()
