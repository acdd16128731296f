"""While the database is away people get a page, and programs a problem document, without anything being asked of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.support import World, as_role


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("server closed the connection, canary-51c0")

    monkeypatch.setattr("apps.accounts.middleware.actor_of", fails)


@pytest.fixture
def browser(client: Client) -> Client:
    client.raise_request_exception = False
    return client


def test_a_page_says_what_happened_that_nothing_is_lost_and_what_to_do(browser: Client, away: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        response = browser.get("/login/")
    page = response.content.decode()
    assert (response.status_code, response["Retry-After"], len(asked)) == (503, "5", 0)
    assert "Nothing is lost" in page
    assert "Try again in a minute" in page
    assert "canary" not in page


def test_a_program_gets_a_problem_document(browser: Client, away: None) -> None:
    response = browser.get("/api/v1/runs/")
    assert (response.status_code, response["Content-Type"]) == (503, "application/problem+json")
    assert response.json()["type"] == "urn:lockgate:problem:away"


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_view_that_loses_the_database_ends_in_the_same_page(
    browser: Client, world: World, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise error("gone")

    browser.force_login(world.users["alice"], backend="django.contrib.auth.backends.ModelBackend")
    monkeypatch.setattr("apps.console.views.overview", fails)
    with as_role("web"):
        assert browser.get("/").status_code == 503


def test_the_address_of_trying_again_never_leads_elsewhere(browser: Client, away: None) -> None:
    page = browser.get("//elsewhere.example/x").content.decode()
    assert 'href="//elsewhere' not in page


def test_another_bug_is_not_taken_for_it(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("apps.accounts.middleware.actor_of", fails)
    assert browser.get("/login/").status_code == 500
