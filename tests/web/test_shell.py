"""The frame of every page: what the navigation offers to whom, the banners, and how little it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Organisation
from apps.alerts.services import notify
from apps.console.context import shell
from apps.core.clock import now
from apps.core.models import ProcessBeat
from tests.support import World, as_role


@pytest.fixture
def framed(world: World) -> Callable[[str], dict[str, Any]]:
    def frame(name: str, path: str = "/") -> dict[str, Any]:
        request = RequestFactory().get(path)
        request.actor = world.actor(name)
        with as_role("web"):
            return shell(request)

    return frame


def labels(framed: dict[str, Any]) -> list[str]:
    return [str(item["label"]) for section in framed["nav"] for item in section["items"]]


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "dora", "admin"])
def test_the_frame_costs_four_queries_at_most(world: World, name: str) -> None:
    Organisation.objects.all().delete()
    Organisation.objects.create(name="Acme")
    request = RequestFactory().get("/")
    request.actor = world.actor(name)
    with as_role("web"), CaptureQueriesContext(connection) as asked:
        shell(request)
    assert len(asked) == {"alice": 3, "bob": 4, "charlie": 2, "dora": 3, "admin": 4}[name]


def test_each_role_is_offered_what_it_may_see(framed: Callable[..., Any]) -> None:
    assert {"People", "Audit log"} & set(labels(framed("alice"))) == set()
    assert {"People", "Audit log"} & set(labels(framed("dora"))) == {"People", "Audit log"}
    assert {"People", "Audit log"} & set(labels(framed("admin"))) == {"People"}
    assert {"Sources", "Pipelines", "Runs", "Policies", "Changes"} & set(labels(framed("charlie"))) == set()


def test_the_page_that_is_open_is_marked(framed: Callable[..., Any]) -> None:
    active = [
        item["label"] for section in framed("admin", "/people/")["nav"] for item in section["items"] if item["active"]
    ]
    assert active == ["People"]


def test_the_bell_counts_what_was_not_read(world: World, framed: Callable[..., Any]) -> None:
    notify(user_ids=[world.users["alice"].id], sentence="x", url="/", level="INFO")
    assert framed("alice")["shell"]["unread"] == 1
    assert framed("bob")["shell"]["unread"] == 0


def test_founding_and_locked_are_said_on_every_page(world: World, framed: Callable[..., Any]) -> None:
    assert (framed("alice")["shell"]["founding"], framed("alice")["shell"]["locked"]) == (False, False)
    Organisation.objects.all().delete()
    Organisation.objects.create(name="Acme")
    world.users["bob"].memberships.all().delete()
    ProcessBeat.objects.create(
        name="extract", role="worker", pid=1, locked=True, started_at=now() - timedelta(hours=1), seen_at=now()
    )
    said = framed("admin")["shell"]
    assert (said["founding"], said["founding_url"], said["locked"]) == (True, "/people/invite/", True)
    assert said["locked_processes"] == ["extract"]


def test_roles_are_written_beside_the_name(framed: Callable[..., Any]) -> None:
    people = {name: framed(name)["shell"]["person"]["role"] for name in ("alice", "bob", "charlie", "dora")}
    assert people == {"alice": "Engineer", "bob": "Steward, reviewer", "charlie": "No role yet", "dora": "Auditor"}


def test_who_is_not_signed_in_gets_no_frame(db: None) -> None:
    assert shell(RequestFactory().get("/")) == {}


class TestDocumentation:
    """The API's page."""

    @pytest.fixture
    def browser(self, world: World) -> Iterator[Client]:
        client = Client()
        client.force_login(world.users["alice"], backend="django.contrib.auth.backends.ModelBackend")
        with as_role("web"):
            yield client

    def test_it_shows_every_operation_without_a_script_of_its_own(self, browser: Client) -> None:
        page = browser.get("/api/docs/").content.decode()
        document = browser.get("/api/v1/schema?format=json").json()
        operations = [verb["operationId"] for verbs in document["paths"].values() for verb in verbs.values()]
        assert [name for name in operations if f'id="{name}"' not in page] == []
        assert "style=" not in page
        assert "<script>" not in page

    def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(self, browser: Client) -> None:
        document = browser.get("/api/v1/schema?format=json").json()
        operations = [verb for verbs in document["paths"].values() for verb in verbs.values()]
        names = [operation["operationId"] for operation in operations]
        assert sorted(names) == sorted(set(names))
        assert [operation["operationId"] for operation in operations if not operation.get("description")] == []

    def test_a_program_that_asks_for_json_gets_it(self, browser: Client) -> None:
        answer = browser.get("/api/v1/schema", headers={"Accept": "application/json"})
        assert answer.status_code == 200
        assert answer.json()["openapi"].startswith("3.")

    def test_it_says_how_to_send_a_token(self, browser: Client) -> None:
        document = browser.get("/api/v1/schema?format=json").json()
        assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
