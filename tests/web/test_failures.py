"""What went wrong reaches people as a page and programs as a problem document; a denial is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.http import HttpRequest
from django.test import Client, override_settings
from django.urls import include, path
from rest_framework.decorators import api_view
from rest_framework.request import Request

from apps.audit.models import Event
from apps.dataplane.errors import (
    Conflict,
    Denied,
    Fenced,
    Invalid,
    Locked,
    LockgateError,
    NotFound,
    PlanRefused,
    Refusal,
    Refused,
    Unreachable,
)
from controlplane import urls as product
from tests.support import World, as_role

SAID = {
    "invalid": lambda: Invalid("The name is empty.", field="name", remedy="Give it one."),
    "denied": lambda: Denied("Charlie may not do this.", remedy="Ask an administrator."),
    "missing": lambda: NotFound("There is no such thing."),
    "conflict": lambda: Conflict("Somebody was faster."),
    "refused": lambda: Refused("A column is unclassified.", remedy="Classify it."),
    "plan": lambda: PlanRefused([Refusal("unclassified", "c.email", "c.email is unclassified.", "Classify it.")]),
    "unreachable": lambda: Unreachable("It did not answer.", step="reach", field="host"),
    "locked": lambda: Locked("Started without its key."),
    "fenced": lambda: Fenced("Taken over."),
}


def raising(request: HttpRequest, what: str) -> None:
    raise _error(what)


@api_view(["POST"])
def api_raising(request: Request, what: str) -> None:
    raise _error(what)


def _error(what: str) -> Exception:
    return SAID[what]() if what in SAID else ZeroDivisionError("canary-7f3a in a bug")


urlpatterns = [
    path("raise/<str:what>/", raising),
    path("api/v1/raise/<str:what>", api_raising),
    path("", include(product)),
]
handler404, handler500 = product.handler404, product.handler500

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def client_of(world: World) -> Iterator[Callable[[str], Client]]:
    def client(name: str) -> Client:
        browser = Client(raise_request_exception=False)
        browser.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        return browser

    with as_role("web"):
        yield client


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("invalid", 422),
        ("denied", 403),
        ("missing", 404),
        ("conflict", 409),
        ("refused", 409),
        ("plan", 409),
        ("unreachable", 502),
        ("locked", 503),
        ("fenced", 409),
    ],
)
def test_each_expected_failure_has_its_page_and_its_problem(
    client_of: Callable[[str], Client], what: str, status: int
) -> None:
    browser, error = client_of("charlie"), SAID[what]()
    page = browser.get(f"/raise/{what}/")
    assert (page.status_code, page["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert error.sentence in page.content.decode()
    assert error.remedy in page.content.decode()
    problem = browser.post(f"/api/v1/raise/{what}", content_type="application/json")
    told = problem.json()
    assert (problem.status_code, problem["Content-Type"]) == (status, "application/problem+json")
    assert (told["status"], told["detail"], told["type"]) == (
        status,
        error.sentence,
        f"urn:lockgate:problem:{error.code}",
    )
    assert (told.get("remedy", ""), told.get("field", "")) == (error.remedy, error.field)
    assert told["request"] == problem["X-Request-Id"]


def test_a_refused_plan_names_every_column(client_of: Callable[[str], Client]) -> None:
    told = client_of("charlie").post("/api/v1/raise/plan", content_type="application/json").json()
    assert told["refusals"] == [
        {"code": "unclassified", "subject": "c.email", "sentence": "c.email is unclassified.", "remedy": "Classify it."}
    ]


def test_a_denial_is_an_event_of_its_own_and_nothing_else_is(client_of: Callable[[str], Client], world: World) -> None:
    browser = client_of("charlie")
    browser.get("/raise/denied/?secret=canary-7f3a")
    browser.post("/api/v1/raise/denied", content_type="application/json")
    browser.get("/raise/refused/")
    with as_role("owner"):
        events = list(Event.objects.select_related("detail").order_by("id"))
    assert [(event.action, event.actor_id) for event in events] == [
        ("access.denied", str(world.users["charlie"].id))
    ] * 2
    assert all(b"canary-7f3a" not in bytes(event.detail.body) for event in events)
    assert b"/raise/denied/" in bytes(events[0].detail.body)


def test_htmx_gets_the_refusal_alone(client_of: Callable[[str], Client]) -> None:
    answer = client_of("charlie").get("/raise/refused/", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert "A column is unclassified." in answer.content.decode()
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize("address", ["/raise/bug/", "/api/v1/raise/bug"])
def test_a_bug_says_nothing_but_where_to_look(client_of: Callable[[str], Client], address: str) -> None:
    browser = client_of("charlie")
    answer = browser.post(address, content_type="application/json")
    assert answer.status_code == 500
    assert "canary-7f3a" not in answer.content.decode()
    assert "ZeroDivisionError" not in answer.content.decode()
    assert answer["X-Request-Id"] in answer.content.decode()


def test_an_unknown_address_is_a_page_and_beneath_the_api_a_problem(client_of: Callable[[str], Client]) -> None:
    browser = client_of("charlie")
    assert "There is nothing here" in browser.get("/no/such/page").content.decode()
    problem = browser.get("/api/v1/no/such/thing")
    assert (problem.status_code, problem.json()["title"]) == (404, "Not found")


def test_a_page_that_forgot_to_ask_for_a_person_asks_all_the_same(db: None) -> None:
    assert Client().get("/raise/bug/")["Location"] == "/login/?next=/raise/bug/"


def test_a_wrong_verb_and_a_body_that_is_no_json_are_problems(client_of: Callable[[str], Client]) -> None:
    browser = client_of("charlie")
    wrong_verb = browser.get("/api/v1/raise/denied")
    assert (wrong_verb.status_code, wrong_verb.json()["title"]) == (405, "Wrong verb")
    no_json = browser.post("/api/v1/accounts/me", "{", content_type="application/json")
    assert (no_json.status_code, no_json["Content-Type"]) == (405, "application/problem+json")


def test_a_cursor_that_is_none_of_ours_is_refused_kindly(client_of: Callable[[str], Client]) -> None:
    problem = client_of("admin").get("/api/v1/accounts/people?cursor=nonsense")
    assert (problem.status_code, problem.json()["remedy"]) == (422, "Start from the first page.")


@override_settings(ROOT_URLCONF="controlplane.urls")
def test_every_error_of_the_tree_has_a_status() -> None:
    from apps.core.api import status_of

    assert {kind.__name__: status_of(make()) for kind, make in _one_of_each()} == {
        "Invalid": 422,
        "Denied": 403,
        "NotFound": 404,
        "Conflict": 409,
        "Refused": 409,
        "PlanRefused": 409,
        "Unreachable": 502,
        "Locked": 503,
        "Fenced": 409,
    }


def _one_of_each() -> list[tuple[type[LockgateError], Callable[[], LockgateError]]]:
    return [(type(make()), make) for make in SAID.values()]
