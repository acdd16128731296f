"""The API of sources gives what the pages give, and never a password, sealed or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.changes.models import Change
from tests.support import as_role

from .support import READ_PASSWORD, Installation

Browse = Callable[[str], Client]
API = "/api/v1/sources"


def test_a_connection_is_proposed_with_a_password_that_is_sealed_at_once(here: Installation, browse: Browse) -> None:
    alice = browse("alice")
    with as_role("web"):
        made = alice.post(f"{API}/connections", _body(here), content_type="application/json")
        assert made.status_code == 201, made.content
        change = Change.objects.get()
        assert made.json() == {"change": change.number}
    here.approved_last()
    with as_role("web"):
        rows = alice.get(f"{API}/connections").json()
        one = alice.get(f"{API}/connections/{rows[0]['id']}").json()
    assert rows == [one]
    assert {key: one[key] for key in ("slug", "zone", "version", "read_user", "write_user")} == {
        "slug": "demo-crm",
        "zone": "restricted",
        "version": 1,
        "read_user": here.reader.name,
        "write_user": "",
    }
    sealed = change.proposal["definition"]["credentials"]["read"]["sealed"]
    assert sealed not in str(rows)
    assert READ_PASSWORD not in str(change.proposal)


def test_an_edit_without_a_password_keeps_the_sealed_one(here: Installation, browse: Browse) -> None:
    connection = here.connected()
    body = _body(here) | {"name": "Renamed", "read": {"user": here.reader.name}}
    with as_role("web"):
        made = browse("alice").post(f"{API}/connections", body, content_type="application/json")
    assert made.status_code == 201, made.content
    change = Change.objects.order_by("-number")[0]
    assert change.target == f"connection/{connection.id}"
    assert change.sentence == "After approval, for connection Demo CRM the name changes from Demo CRM to Renamed."


def test_a_mistake_names_its_field_without_repeating_the_password(here: Installation, browse: Browse) -> None:
    body = _body(here) | {"zone": "moon"}
    with as_role("web"):
        told = browse("alice").post(f"{API}/connections", body, content_type="application/json")
    assert (told.status_code, told.json()["field"]) == (422, "zone")
    assert READ_PASSWORD not in told.content.decode()


def test_a_test_and_a_discovery_are_followed_by_id(here: Installation, browse: Browse) -> None:
    connection = here.discovered()
    alice = browse("alice")
    with as_role("web"):
        test = alice.post(f"{API}/connections/{connection.id}/test").json()["id"]
        look = alice.post(f"{API}/connections/{connection.id}/discover").json()["id"]
    here.work()
    with as_role("web"):
        result = alice.get(f"{API}/tests/{test}").json()
        found = alice.get(f"{API}/discoveries/{look}").json()
    assert [(one["purpose"], one["state"], len(one["steps"])) for one in result] == [("read", "PASSED", 4)]
    assert (found["state"], found["datasets"], found["drift"]) == ("DONE", 2, [])


def test_a_dataset_tells_tags_suggestions_and_why(here: Installation, browse: Browse) -> None:
    here.discovered()
    here.classify(country=[])
    with as_role("web"):
        dora = browse("dora")
        rows = dora.get(f"{API}/datasets?q=customers").json()["rows"]
        one = dora.get(f"{API}/datasets/{rows[0]['id']}").json()
    assert (rows[0]["columns"], rows[0]["unclassified"], rows[0]["sensitive"]) == (5, 4, 0)
    columns = {column["name"]: column for column in one["columns"]}
    assert (columns["country"]["tags"], columns["email"]["tags"]) == ([], None)
    assert columns["email"]["suggestion"]["tag"] == "pii.contact.email"
    assert [(zone["zone"], zone["state"]) for zone in columns["country"]["zones"]] == [
        ("restricted", "pass"),
        ("analytics", "pass"),
        ("public", "pass"),
    ]
    assert columns["email"]["zones"][0]["state"] == "refused"


@pytest.mark.parametrize(
    "path", ["connections", "datasets", "datasets?connection=nonsense", "datasets?cursor=nonsense"]
)
def test_a_stranger_and_a_forger_get_nothing(here: Installation, browse: Browse, path: str) -> None:
    here.discovered()
    with as_role("web"):
        assert browse("charlie").get(f"{API}/{path}").status_code == 403
        status = browse("alice").get(f"{API}/{path}").status_code
    assert status == {"datasets?connection=nonsense": 404, "datasets?cursor=nonsense": 422}.get(path, 200)


def _body(here: Installation) -> dict[str, Any]:
    return {
        "team": "crm",
        "slug": "demo-crm",
        "name": "Demo CRM",
        "settings": {
            "host": here.server.host,
            "port": here.server.port,
            "database": here.database,
            "sslmode": "disable",
        },
        "zone": "restricted",
        "region": "eu-central",
        "read": {"user": here.reader.name, "password": here.reader.password},
    }


def test_columns_are_listed_decided_and_taken_from_a_sheet(here: Installation, browse: Browse) -> None:
    here.discovered()
    with as_role("web"):
        bob = browse("bob")
        listed = bob.get(f"{API}/columns?state=suggested&confidence=90").json()
        assert [row["name"] for row in listed["rows"]] == ["email", "phone", "iban"]
        wrong = {"filters": {"state": "suggested", "confidence": "90"}, "matching": 4, "act": "accept"}
        stale = bob.post(f"{API}/columns/classify", wrong, content_type="application/json")
        assert (stale.status_code, stale.json()["detail"][:41]) == (409, "3 columns fit the filter now, not 4 as yo")
        made = bob.post(f"{API}/columns/classify", wrong | {"matching": 3}, content_type="application/json")
        assert (made.status_code, made.json()["columns"]) == (201, 3)
        sheet = "schema,table,column,classification\ncrm,customers,nothing,none\ncrm,customers,id,none\n"
        told = bob.post(f"{API}/columns/sheet", {"sheet": sheet}, content_type="application/json").json()
    assert [one["line"] for one in told["problems"]] == [2]
    assert told["differences"] == [{"column": "crm.customers.id", "before": None, "after": []}]
    assert told["changes"] == []


def test_the_cover_of_the_policies_is_told_by_zone(here: Installation, browse: Browse) -> None:
    connection = here.discovered()
    here.classify(country=[], email=["pii.contact.email"])
    with as_role("web"):
        zones = browse("alice").get(f"{API}/connections/{connection.id}/coverage").json()
    assert [(one["zone"], one["treated"], one["harmless"], one["refused"]) for one in zones] == [
        ("restricted", 0, 1, 6),
        ("analytics", 0, 1, 6),
        ("public", 0, 1, 6),
    ]
    assert {gap["tag"]: gap["count"] for gap in zones[0]["gaps"]} == {"unclassified": 5, "pii.contact.email": 1}


def test_each_kind_says_what_its_form_asks_for(web: Installation, browse: Browse) -> None:
    kinds = {one["kind"]: one for one in browse("alice").get(f"{API}/kinds").json()}
    assert (kinds["postgresql"]["uses_credentials"], kinds["files"]["uses_credentials"]) == (True, False)
    assert [field["name"] for field in kinds["postgresql"]["fields"]][:4] == ["host", "port", "database", "sslmode"]
