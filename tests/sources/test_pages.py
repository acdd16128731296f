"""Pages of connections and datasets: hostile names stay text, and queries do not grow with the rows."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.changes.models import Change
from apps.sources import selectors
from apps.sources.models import Column, Dataset
from tests.support import as_role

from .support import Installation

Browse = Callable[[str], Client]
SCRIPT = "<script>alert(1)</script>"


def test_the_dataset_page_shows_each_column_with_its_reason_in_every_zone(here: Installation, browse: Browse) -> None:
    here.discovered()
    here.classify(country=[], email=["pii.contact.email"])
    with as_role("web"):
        page = _text(browse("alice").get(f"/sources/datasets/{here.dataset().id}/"))
    assert "Column crm.customers.phone is unclassified: nobody has said whether it is sensitive." in page
    assert "country passes: it was classified as not sensitive." in page
    assert (
        "Column crm.customers.email is pii.contact.email and no rule says what happens to it in zone analytics." in page
    )
    assert "3 unclassified" in page


def test_accepted_suggestions_and_chosen_tags_become_one_change(here: Installation, browse: Browse) -> None:
    here.discovered()
    dataset = here.dataset()
    form = {
        "accept": [str(here.column("email").id), str(here.column("iban").id)],
        f"tag-{here.column('country').id}": "none",
        f"tag-{here.column('iban').id}": "financial.account",
        "reason": "Looked at together.",
    }
    with as_role("web"):
        answer = browse("bob").post(f"/sources/datasets/{dataset.id}/classify", form)
    change = Change.objects.get(kind="classification")
    assert answer.url == f"/changes/{change.number}/"
    assert {entry["column"]: entry["tags"] for entry in change.proposal["columns"]} == {
        "email": ["pii.contact.email"],
        "iban": ["financial.account"],
        "country": [],
    }
    assert change.target == f"classification/dataset/{dataset.id}"


def test_choosing_nothing_says_so(here: Installation, browse: Browse) -> None:
    here.discovered()
    with as_role("web"):
        answer = browse("bob").post(f"/sources/datasets/{here.dataset().id}/classify", {"reason": "x"})
    assert answer.status_code == 422
    assert "Nothing would change: no column was chosen." in _text(answer)
    assert not Change.objects.filter(kind="classification").exists()


def test_an_unknown_tag_from_a_hand_made_form_is_refused(here: Installation, browse: Browse) -> None:
    here.discovered()
    form = {f"tag-{here.column('email').id}": SCRIPT}
    with as_role("web"):
        answer = browse("bob").post(f"/sources/datasets/{here.dataset().id}/classify", form)
    assert answer.status_code == 422
    assert SCRIPT not in answer.content.decode()
    assert not Change.objects.filter(kind="classification").exists()


def test_who_only_reads_sees_no_form(here: Installation, browse: Browse) -> None:
    here.discovered()
    address = f"/sources/datasets/{here.dataset().id}/"
    with as_role("web"):
        dora = browse("dora")
        assert "Propose the chosen classification" not in _text(dora.get(address))
        assert dora.post(f"{address}classify", {"accept": [str(here.column("email").id)]}).status_code == 403
        assert browse("charlie").get(address).status_code == 404
    assert not Change.objects.filter(kind="classification").exists()


def test_hostile_names_stay_text_everywhere(here: Installation, browse: Browse) -> None:
    here.run(f'CREATE TABLE crm."{SCRIPT}" ("{SCRIPT}" text, "a"";--\n{{{{ x }}}}" text)')
    here.allow_reading("crm")
    connection = here.discovered()
    here.run(f'ALTER TABLE crm."{SCRIPT}" ADD COLUMN "{SCRIPT}2" text')
    here.look_again(connection)
    dataset = Dataset.objects.get(table=SCRIPT)
    with as_role("web"):
        alice = browse("alice")
        addresses = ["/sources/", "/sources/crm/demo-crm/", "/sources/datasets/", f"/sources/datasets/{dataset.id}/"]
        addresses += [f"/policies/why/{column.id}/analytics" for column in Column.objects.filter(dataset=dataset)]
        for address in addresses:
            answer = alice.get(address)
            assert answer.status_code == 200, address
            assert SCRIPT not in answer.content.decode(), address
        page = alice.get(f"/sources/datasets/{dataset.id}/").content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        form = {f"tag-{column.id}": "pii.text" for column in Column.objects.filter(dataset=dataset)}
        answer = alice.post(f"/sources/datasets/{dataset.id}/classify", form)
        shown = alice.get(answer.url).content.decode()
        assert SCRIPT not in shown
    here.approved_last()
    assert set(selectors.classification_of(dataset).values()) == {("pii.text",)}


def test_the_list_filters_by_name_and_state(here: Installation, browse: Browse) -> None:
    here.discovered()
    here.classify(id=[], email=["pii.contact.email"], phone=["pii.contact.phone"], country=[], iban=["financial.iban"])
    with as_role("web"):
        alice = browse("alice")
        found = {
            query: sorted(re.findall(r"crm\.\w+(?=</a>)", _text(alice.get(f"/sources/datasets/?{query}"))))
            for query in ("", "q=crm.pay", "q=cust", "state=unclassified", "state=gone", "q=nothing")
        }
    assert found == {
        "": ["crm.customers", "crm.payments"],
        "q=crm.pay": ["crm.payments"],
        "q=cust": ["crm.customers"],
        "state=unclassified": ["crm.payments"],
        "state=gone": [],
        "q=nothing": [],
    }


def test_a_running_discovery_is_polled_until_it_has_ended(here: Installation, browse: Browse) -> None:
    connection = here.connected()
    alice = browse("alice")
    with as_role("web"):
        page = alice.get("/sources/crm/demo-crm/").content.decode()
        address = re.search(r'hx-get="(/sources/discoveries/[^"]+)"', page)[1]  # type: ignore[index]
        running = alice.get(address)
        assert "hx-get" in running.content.decode()
        assert "HX-Refresh" not in running
    here.work()
    with as_role("web"):
        done = alice.get(address)
        assert done["HX-Refresh"] == "true"
        assert "hx-get" not in done.content.decode()
    assert selectors.discoveries(connection)[0].state == "DONE"


def test_pages_follow_each_other_without_gap_or_repetition(here: Installation) -> None:
    connection = here.discovered()
    _tables(connection, 7)
    actor, seen, cursor = here.world.actor("alice"), [], ""
    while True:
        page = selectors.datasets(actor, cursor=cursor, size=4)
        seen += [row.dataset.table for row in page.rows]
        if not page.older:
            break
        cursor = page.older
    assert seen == list(Dataset.objects.order_by("-id").values_list("table", flat=True))
    assert len(seen) == 9


@pytest.mark.parametrize("address", ["/sources/datasets/", "/sources/crm/demo-crm/", "/sources/"])
def test_queries_do_not_grow_with_the_tables(here: Installation, browse: Browse, address: str) -> None:
    connection = here.discovered()
    with as_role("web"):
        few = _queries(browse("alice"), address)
    _tables(connection, 30)
    with as_role("web"):
        many = _queries(browse("alice"), address)
    assert few == many


def test_the_dataset_page_asks_as_often_for_many_columns_as_for_few(here: Installation, browse: Browse) -> None:
    here.discovered()
    dataset = here.dataset()
    address = f"/sources/datasets/{dataset.id}/"
    with as_role("web"):
        few = _queries(browse("bob"), address)
    _columns(dataset, 60)
    with as_role("web"):
        many = _queries(browse("bob"), address)
    assert few == many


def test_the_selectors_ask_a_fixed_number_of_times(here: Installation) -> None:
    from apps.dataplane.plan import TableRef

    connection = here.discovered()
    actor = here.world.actor("alice")
    dataset = here.dataset()
    _tables(connection, 20)
    for asked, times in (
        (lambda: selectors.datasets(actor), 2),
        (lambda: selectors.column_cards(dataset), 2),
        (lambda: selectors.facts(connection.id, TableRef("crm", "customers")), 3),
        (lambda: selectors.team_facts(here.world.team.id), 1),
        (lambda: selectors.cards(actor), 5),
        (lambda: selectors.endpoint(connection.id), 2),
    ):
        with CaptureQueriesContext(database) as queries:
            asked()  # type: ignore[no-untyped-call]
        assert len(queries) == times, [query["sql"] for query in queries]


def _tables(connection: object, count: int) -> None:
    for number in range(count):
        dataset = Dataset.objects.create(
            connection=connection, schema="more", table=f"t{number}", schema_hash="0" * 64, live_schema={}
        )
        _columns(dataset, 3)


def _columns(dataset: Dataset, count: int) -> None:
    Column.objects.bulk_create(
        Column(dataset=dataset, name=f"c{number}", type="text", position=100 + number) for number in range(count)
    )


def _queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(database) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def _text(answer: object) -> str:
    import html

    return html.unescape(answer.content.decode())  # type: ignore[attr-defined]
