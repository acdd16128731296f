"""Registering a connection is one flow: it waits for approval, goes on by itself, and ends where a pipeline begins."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from apps.changes import services as changes
from apps.changes.models import Change
from apps.sources.models import ConnectionTest
from tests.support import as_role

from .support import READ_PASSWORD, Installation, tests_of

Browse = Callable[[str], Client]
SETUP = "/sources/crm/demo-crm/setup"


def text(answer) -> str:  # type: ignore[no-untyped-def]
    return answer.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


def proposed(here: Installation, alice: Client, form: dict[str, str] | None = None) -> str:
    """From the form to the proposal; gives the page that follows."""
    with as_role("web"):
        tested = alice.post("/sources/new?kind=postgresql", form or here.form())
    assert tested.status_code == 302, text(tested)
    here.work()
    with as_role("web"):
        answer = alice.post(f"{tested.url}propose", {"reason": "New"})
    return str(answer.url)


def test_the_kinds_are_offered_first(web: Installation, browse: Browse) -> None:
    page = text(browse("alice").get("/sources/new"))
    assert "/sources/new?kind=postgresql" in page
    assert "/sources/new?kind=postgresql&amp;by=url" in page


def test_from_the_form_to_a_classified_connection(here: Installation, browse: Browse) -> None:
    alice = browse("alice")
    assert proposed(here, alice) == SETUP
    with as_role("web"):
        page = text(alice.get(SETUP))
        assert "Waiting for Bob or Erin to approve" in page
        assert alice.get(f"{SETUP}?waiting=1", headers={"HX-Request": "true"}).headers.get("HX-Refresh") is None
        assert "Not finished" in text(alice.get("/sources/"))
    here.approved_last()
    with as_role("web"):
        assert alice.get(f"{SETUP}?waiting=1", headers={"HX-Request": "true"}).status_code == 204
        assert "Looking at the tables" in text(alice.get(SETUP))
    here.work()
    with as_role("web"):
        page = text(alice.get(SETUP))
        assert "Say what 7 columns are" in page
        assert "This team has no policy yet" in page
        assert "Postal addresses and their parts" in page
        opened = re.search(r'name="open" value="(\d+)"', page)[1]  # type: ignore[index]
        by_hand = {f"tag-{here.column('country').id}": "none", f"tag-{here.column('email').id}": "leave"}
        answer = alice.post(SETUP, {"confidence": "80", "open": opened, **by_hand})
        assert answer.url == SETUP
        change = Change.objects.get(kind="classification")
        assert {one["column"]: one["tags"] for one in change.proposal["columns"]} == {
            "country": [],
            "iban": ["financial.iban"],
            "phone": ["pii.contact.phone"],
        }
        page = text(alice.get(SETUP))
        assert "Waiting for Bob or Erin to approve" in page
        assert "What the active policies make of them" not in page
        assert "waits for Bob or Erin to approve" in text(alice.get("/sources/crm/demo-crm/"))
    here.approved_last()
    with as_role("web"):
        assert "Say what 4 columns are" in text(alice.get(SETUP))


def test_a_classified_connection_ends_at_the_pipeline(here: Installation, browse: Browse) -> None:
    connection = here.discovered()
    columns = [
        {"schema": "crm", "table": table, "column": name, "tags": []}
        for table, names in {"customers": "id email phone country iban", "payments": "id amount"}.items()
        for name in names.split()
    ]
    here.approved("classification", {"connection": str(connection.id), "columns": columns}, reviewers="bob erin")
    with as_role("web"):
        page = text(browse("alice").get(SETUP))
    assert "All 7 columns are classified." in page
    assert f"/pipelines/new?source={connection.id}" in page
    assert "Into a zone that refuses a column" not in page


def test_who_mends_what_a_zone_refuses_is_said(here: Installation, browse: Browse) -> None:
    connection = here.discovered()
    here.classify(reviewers="bob erin", id=[], email=["pii.contact.email"], phone=[], country=[], iban=[])
    columns = [{"schema": "crm", "table": "payments", "column": name, "tags": []} for name in ("id", "amount")]
    here.approved("classification", {"connection": str(connection.id), "columns": columns})
    with as_role("web"):
        page = text(browse("alice").get(SETUP))
    assert "Into a zone that refuses a column its table does not go. A steward mends that" in page


def test_a_rejected_connection_can_be_mended(here: Installation, browse: Browse) -> None:
    alice = browse("alice")
    proposed(here, alice)
    with as_role("web"):
        changes.reject(actor=here.world.actor("bob"), change_id=Change.objects.get().id, comment="No.")
        page = text(alice.get(SETUP))
        assert "It was not approved" in page
        again = re.search(r"/sources/new\?test=[0-9a-f-]+", page)[0]  # type: ignore[index]
        form = text(alice.get(again))
    assert 'value="demo-crm"' in form
    assert "Sealed. Leave it empty to keep the stored one." in form


def test_a_stale_decision_is_refused(here: Installation, browse: Browse) -> None:
    here.discovered()
    here.classify(country=[])
    with as_role("web"):
        answer = browse("alice").post(SETUP, {"confidence": "80", "open": "7"})
    assert answer.status_code == 409
    assert "6 columns fit the filter now, not 7 as you saw" in text(answer)


@pytest.mark.parametrize(
    ("form", "status"),
    [({}, 409), ({"open": "7", "confidence": "100"}, 422), ({"open": "7", "reason": "x" * 2001}, 422)],
)
def test_a_decision_that_cannot_be_is_refused(
    here: Installation, browse: Browse, form: dict[str, str], status: int
) -> None:
    here.discovered()
    with as_role("web"):
        assert browse("alice").post(SETUP, form).status_code == status
    assert not Change.objects.filter(kind="classification").exists()


def test_an_unknown_tag_is_refused(here: Installation, browse: Browse) -> None:
    here.discovered()
    form = {"open": "7", f"tag-{here.column('email').id}": "<script>"}
    with as_role("web"):
        answer = browse("alice").post(SETUP, form)
    assert answer.status_code == 422
    assert "No tag was chosen." in text(answer)


# the pasted connection string


def url_form(here: Installation, url: str) -> dict[str, str]:
    named = {name: here.form()[name] for name in ("team", "name", "slug", "zone", "region")}
    return {**named, "kind": "postgresql", "by": "url", "url": url, "serves": "read"}


def test_a_pasted_connection_string_is_taken_apart_and_its_password_sealed(here: Installation, browse: Browse) -> None:
    from urllib.parse import quote

    where = f"{here.server.host}:{here.server.port}/{here.database}"
    url = f"postgresql://{quote(here.reader.name)}:{quote(READ_PASSWORD)}@{where}?sslmode=disable"
    alice = browse("alice")
    with as_role("web"):
        tested = alice.post("/sources/new", url_form(here, url))
    assert tested.status_code == 302, text(tested)
    batch = tested.url.split("/")[3]
    assert READ_PASSWORD not in str(ConnectionTest.objects.get(batch=batch).proposal)
    here.work()
    assert tests_of(batch)["read"].state == ConnectionTest.PASSED


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "This field is required."),
        ("not a url at all", "The connection string cannot be read."),
        ("mysql://u:canary@h/db", "This is not the address of a PostgreSQL database."),
        ("ssh://u:canary@h/db", "Lockgate opens no SSH tunnels yet."),
        ("postgresql://u:canary@h:70000/db", "The port must be a whole number from 1 to 65535."),
        ("postgresql://u@h/db", "The connection string names no user, or has no password."),
        ("postgresql://u:canary@h/db?passfile=/etc/passwd", "The parameter passfile of the connection string"),
        ("postgresql://u:canary@h/db?" + "x" * 4000, "at most 4000 characters"),
        ("<script>alert(1)</script>canary", "The connection string cannot be read."),
    ],
)
def test_a_wrong_connection_string_is_told_at_its_field_and_not_repeated(
    web: Installation, browse: Browse, url: str, said: str
) -> None:
    answer = browse("alice").post("/sources/new", url_form(web, url))
    assert answer.status_code == 422
    assert said in text(answer)
    assert 'id="id_url_error"' in text(answer)
    assert "canary" not in text(answer)
    assert "<script>alert(1)" not in answer.content.decode()
    assert not ConnectionTest.objects.exists()


def test_an_unknown_kind_is_refused(web: Installation, browse: Browse) -> None:
    assert browse("alice").get("/sources/new?kind=mainframe").status_code == 422
