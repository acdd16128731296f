"""The permission matrix: every address × role × verb, as matrix.py has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.cookies import SimpleCookie

import pytest
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from apps.audit.models import Event
from tests.support import World, as_role

from . import matrix

BACKEND = "django.contrib.auth.backends.ModelBackend"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PEOPLE = {
    "stranger": "charlie",
    "viewer": "vera",
    "engineer": "alice",
    "steward": "stan",
    "reviewer": "rita",
    "auditor": "dora",
    "administrator": "admin",
}
# A verb that a view does not have is refused before anybody's roles are looked at: these three ask for it.
ASKING_FOR_MORE = ("anonymous", "engineer", "administrator")
ALLOWED = frozenset({200, 201, 202, 204, 302, 303, 400, 409, 422})


def addresses(patterns: Sequence[URLPattern | URLResolver], space: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every view by its full name, with the names of what its address leaves open."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from addresses(pattern.url_patterns, inner)
        else:
            yield f"{space}{pattern.name}", tuple(pattern.pattern.converters)


def everything() -> list[tuple[str, tuple[str, ...]]]:
    return list(addresses(get_resolver().url_patterns))


def test_every_address_is_in_the_matrix() -> None:
    known = {row.view for row in matrix.rows()}
    there = {view for view, _ in everything()}
    assert sorted(there - known) == [], "add a line for each of these to tests/web/matrix.py"
    assert sorted(known - there) == [], "these lines of tests/web/matrix.py have no address any more"


def test_no_line_is_there_twice() -> None:
    lines = [(row.view, row.verb) for row in matrix.rows()]
    assert sorted(lines) == sorted(set(lines))


@pytest.fixture
def browsers(world: World) -> dict[str, Client]:
    """One signed-in browser for each role, and one in which nobody has signed in."""
    cache.clear()
    for name, role in (("vera", "viewer"), ("stan", "steward"), ("rita", "reviewer")):
        world.add(name, [role])
    found = {"anonymous": Client()}
    for role, name in PEOPLE.items():
        found[role] = Client()
        found[role].force_login(world.users[name], backend=BACKEND)
    return found


@contextmanager
def undone(browser: Client) -> Iterator[None]:
    """What a request did is taken back, in the database and in the browser, so that each stands alone."""
    before = browser.cookies.output(header="", sep=";")
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    browser.cookies = SimpleCookie(before)


def outcome(view: str, response: HttpResponse) -> str:
    """The word of the matrix for an answer, or its status."""
    status = response.status_code
    if status == 401 and _is_api(view):
        return "in"
    if status == 302 and response["Location"].startswith("/login/?next="):
        return "in"
    return {403: "no", 404: "--"}.get(status) or ("ok" if status in ALLOWED else str(status))


@pytest.mark.parametrize("view", sorted({row.view for row in matrix.rows()}))
def test_each_role_gets_what_the_matrix_says(browsers: dict[str, Client], world: World, view: str) -> None:
    listed = {row.verb: row.cells for row in matrix.rows() if row.view == view}
    url = reverse(view, kwargs=matrix.arguments(view, dict(everything())[view], world))
    body = matrix.BODIES.get(view, lambda world: {})(world)
    found, expected = {}, {}
    with as_role("web"):
        for verb in VERBS:
            for role, browser in browsers.items():
                if verb not in listed and role not in ASKING_FOR_MORE:
                    continue
                expected[verb, role] = _expected(listed, verb, role)
                with undone(browser):
                    response = _ask(browser, verb, url, view, body)
                    found[verb, role] = outcome(view, response)
                    if found[verb, role] == "no":
                        assert _denials() == 1, f"{verb} {url} was denied to the {role} without an event"
    assert found == expected


def _expected(listed: dict[str, dict[str, str]], verb: str, role: str) -> str:
    if verb in listed:
        return listed[verb][role]
    return "in" if any(cells[role] == "in" for cells in listed.values()) else "405"


def _ask(browser: Client, verb: str, url: str, view: str, body: dict[str, object]) -> HttpResponse:
    if _is_api(view) or verb not in ("GET", "POST"):
        return browser.generic(verb, url) if verb == "GET" else _send_json(browser, verb, url, body)
    return browser.get(url) if verb == "GET" else browser.post(url, body)


def _is_api(view: str) -> bool:
    return view.partition(":")[0].endswith("-api") or view == "api-schema"


def _send_json(browser: Client, verb: str, url: str, body: dict[str, object]) -> HttpResponse:
    send = getattr(browser, verb.lower())
    return send(url, body, content_type="application/json")


def _denials() -> int:
    with as_role("owner"):
        return Event.objects.filter(action="access.denied").count()
