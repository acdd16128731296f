"""A connection is typed, tested live and proposed in the browser; its password stays in no page and no table."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection as database
from django.test import Client

from apps.changes.models import Change
from apps.core.models import Job
from apps.sources.models import Connection, ConnectionTest
from tests.support import as_role

from .support import READ_PASSWORD, WRITE_PASSWORD, Installation

Browse = Callable[[str], Client]


def test_from_the_form_to_a_connection(here: Installation, browse: Browse) -> None:
    alice, bob = browse("alice"), browse("bob")
    with as_role("web"):
        tested = alice.post("/sources/new", here.form())
        assert tested.status_code == 302
        page = alice.get(tested.url).content.decode()
        assert f'hx-get="{tested.url}"' in page
    here.work()
    with as_role("web"):
        page = alice.get(tested.url, headers={"HX-Request": "true"}).content.decode()
        assert "hx-get" not in page
        assert "2 tables can be read." in page
        proposed = alice.post(f"{tested.url}propose", {"reason": "We need the customers."})
        change = Change.objects.get()
        assert proposed.url == "/sources/crm/demo-crm/setup"
        assert change.sentence == (
            f"After approval, Lockgate can read from database {here.database} at {here.settings.address},"
            " in zone restricted and eu-central."
        )
        assert (change.risk, change.approvals_needed, change.reason) == ("MEDIUM", 1, "We need the customers.")
        shown = bob.get(f"/changes/{change.number}/").content.decode()
        assert "sealed (key v1, mark " in shown
    assert not Connection.objects.exists()


def test_the_password_is_in_no_page_and_no_table(here: Installation, browse: Browse) -> None:
    alice = browse("alice")
    with as_role("web"):
        form = here.form(write_user=here.writer.name, write_password=WRITE_PASSWORD)
        tested = alice.post("/sources/new", form)
    here.work()
    with as_role("web"):
        alice.post(f"{tested.url}propose", {})
        number = Change.objects.get().number
        pages = [
            alice.get(url).content.decode() for url in (tested.url, f"/sources/new?test={tested.url.split('/')[3]}")
        ]
        pages.append(alice.get(f"/changes/{number}/").content.decode())
    for secret in (READ_PASSWORD, WRITE_PASSWORD):
        assert not any(secret in page for page in pages)
        assert _tables_that_hold(secret) == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("host", "a host with spaces", "The host holds a character that no host name has."),
        ("host", "one,two", "The host holds a character that no host name has."),
        ("slug", "Not A Slug", "A short name has 1 to 60 small letters, digits, - and _"),
        ("port", "70000", "The port must be a whole number from 1 to 65535."),
        ("region", "Not/a region", "A region is up to 40 small letters, digits and -"),
        ("name", "\x07", "Null"),
    ],
)
def test_a_mistake_is_told_at_its_field_and_the_password_asked_again(
    web: Installation, browse: Browse, field: str, value: str, said: str
) -> None:
    if field == "name":
        said = "A name has 1 to 120 printable characters."
    answer = browse("alice").post("/sources/new", web.form(**{field: value}))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert f'id="id_{field}_error"' in page
    assert "Enter it again: a password is never kept in a page." in page
    assert READ_PASSWORD not in page
    assert not re.search(r'<input type="password"[^>]* value=', page)
    assert not ConnectionTest.objects.exists()


def test_a_connection_needs_a_credential(web: Installation, browse: Browse) -> None:
    answer = browse("alice").post("/sources/new", web.form(read_user="", read_password=""))
    assert answer.status_code == 422
    assert "Give a user that may read, or one that may write." in answer.content.decode()


def test_the_worker_without_a_key_is_told_in_the_form(here: Installation, browse: Browse) -> None:
    from apps.keys.models import Key

    Key.objects.filter(holder="extract").update(state=Key.RETIRED)
    with as_role("web"):
        answer = browse("alice").post("/sources/new", here.form())
    assert answer.status_code == 422
    assert "The extract process has not made its key credentials yet." in answer.content.decode()


def test_what_failed_its_test_is_not_proposed(here: Installation, browse: Browse) -> None:
    alice = browse("alice")
    with as_role("web"):
        tested = alice.post("/sources/new", here.form(database="no_such_database"))
    here.work()
    with as_role("web"):
        page = alice.get(tested.url).content.decode()
        assert "there is no such database open to connections" in page
        assert "Mend the field “Database”" in page
        assert "#id_database" in page
        answer = alice.post(f"{tested.url}propose", {})
    assert answer.status_code == 409
    assert "This connection has not passed its test, so it is not proposed." in answer.content.decode()
    assert not Change.objects.exists()


def test_mending_keeps_the_sealed_password(here: Installation, browse: Browse) -> None:
    alice = browse("alice")
    with as_role("web"):
        tested = alice.post("/sources/new", here.form(database="no_such_database"))
        batch = tested.url.split("/")[3]
        page = alice.get(f"/sources/new?test={batch}").content.decode()
        assert "Sealed. Leave it empty to keep the stored one." in page
        again = alice.post("/sources/new", here.form(read_password="", test=batch))
    here.work()
    assert ConnectionTest.objects.get(batch=again.url.split("/")[3]).state == ConnectionTest.PASSED


def test_another_host_needs_the_password_again(here: Installation, browse: Browse) -> None:
    here.connected()
    Job.objects.all().delete()
    form = here.form(host="attacker.example", read_password="")
    with as_role("web"):
        answer = browse("alice").post("/sources/crm/demo-crm/edit", form)
    assert answer.status_code == 422
    page = answer.content.decode().replace("&#x27;", "'")
    assert f"The stored password serves only {here.reader.name} at {here.settings.address}." in page
    assert not Job.objects.exists()


def test_an_edit_is_tested_and_proposed_as_the_next_version(here: Installation, browse: Browse) -> None:
    connection = here.connected()
    alice = browse("alice")
    with as_role("web"):
        tested = alice.post("/sources/crm/demo-crm/edit", here.form(name="CRM of the demo", read_password=""))
    here.work()
    with as_role("web"):
        alice.post(f"{tested.url}propose", {})
        change = Change.objects.order_by("-number")[0]
    assert change.target == f"connection/{connection.id}"
    assert change.sentence == (
        "After approval, for connection Demo CRM the name changes from Demo CRM to CRM of the demo."
    )
    assert (change.risk, change.approvals_needed) == ("LOW", 1)


@pytest.mark.parametrize("name", ["bob", "dora", "charlie"])
def test_only_an_engineer_gets_the_form(web: Installation, browse: Browse, name: str) -> None:
    person = browse(name)
    assert person.get("/sources/new").status_code == 403
    assert person.post("/sources/new", web.form()).status_code == 403
    assert not ConnectionTest.objects.exists()


def test_a_stranger_sees_neither_list_nor_page_nor_test(here: Installation, browse: Browse) -> None:
    here.connected()
    with as_role("web"):
        tested = browse("alice").post("/sources/crm/demo-crm/test")
        charlie = browse("charlie")
        assert "Demo CRM" not in charlie.get("/sources/").content.decode()
        assert charlie.get("/sources/crm/demo-crm/").status_code == 404
        assert charlie.get(tested.url).status_code == 404
        assert charlie.post("/sources/crm/demo-crm/discover").status_code == 404


def test_a_tested_active_version_is_not_offered_for_proposal(here: Installation, browse: Browse) -> None:
    here.connected()
    alice = browse("alice")
    with as_role("web"):
        tested = alice.post("/sources/crm/demo-crm/test")
    here.work()
    with as_role("web"):
        page = alice.get(tested.url).content.decode()
    assert "This is the version that is active." in page
    assert "Propose the connection" not in page


def _tables_that_hold(secret: str) -> list[str]:
    with database.cursor() as cursor:
        cursor.execute("SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f"SELECT 1 FROM {table} AS t WHERE t::text LIKE %s LIMIT 1", [f"%{secret}%"])
            if cursor.fetchone():
                found.append(table)
    return found
