"""Columns over many datasets: filtered, decided in one change, out as a sheet and back in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.changes.models import Change
from apps.dataplane.errors import Invalid
from apps.sources import column_batches, column_sheets, columns
from apps.sources.columns import Filters
from apps.sources.models import Column, Connection, Dataset
from tests.support import as_role

from .support import Installation

Browse = Callable[[str], Client]
PAGE = "/sources/columns/"
HOSTILE = ("<script>alert(1)</script>", "'; DROP TABLE x; --", "\u202eevil", "x" * 201, "\0")


@pytest.fixture
def found(here: Installation) -> Installation:
    here.discovered()
    return here


def names(here: Installation, who: str = "alice", **filters: str) -> list[str]:
    cards = columns.all_matching(here.world.actor(who), Filters.read(filters), most=100)
    return [f"{card.column.dataset.table}.{card.column.name}" for card in cards]


def text(answer) -> str:  # type: ignore[no-untyped-def]
    return answer.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (
            {},
            "customers.id customers.email customers.phone customers.country customers.iban payments.id payments.amount",
        ),
        ({"q": "mail"}, "customers.email"),
        ({"q": "customers.i"}, "customers.id customers.email customers.iban"),
        ({"q": "crm.payments.amount"}, "payments.amount"),
        ({"state": "decided"}, "customers.email customers.country"),
        ({"state": "none"}, "customers.country"),
        ({"state": "unclassified", "type": "bigint"}, "customers.id payments.id"),
        ({"state": "suggested", "confidence": "90"}, "customers.phone customers.iban"),
        ({"tag": "pii"}, "customers.email customers.phone"),
        ({"tag": "financial.iban"}, "customers.iban"),
        ({"q": "nothing"}, ""),
    ],
)
def test_each_filter_finds_its_columns(found: Installation, filters: dict[str, str], expected: str) -> None:
    found.classify(email=["pii.contact.email"], country=[])
    assert " ".join(names(found, **filters)) == expected


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        *(({"q": word}, "q") for word in HOSTILE[3:]),
        ({"state": "odd"}, "state"),
        ({"tag": "pii.nothing"}, "tag"),
        ({"sort": "password"}, "sort"),
        ({"confidence": "-1"}, "confidence"),
        ({"confidence": "²"}, "confidence"),
        ({"connection": "1 OR 1=1"}, "connection"),
    ],
)
def test_a_filter_that_cannot_be_is_told(
    found: Installation, browse: Browse, filters: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        Filters.read(filters)
    assert wrong.value.field == field
    with as_role("web"):
        answer = browse("alice").get(PAGE, filters)
    assert answer.status_code == 422
    assert wrong.value.sentence in text(answer)


@pytest.mark.parametrize("word", HOSTILE[:3])
def test_a_hostile_search_finds_nothing_and_stays_text(found: Installation, browse: Browse, word: str) -> None:
    with as_role("web"):
        answer = browse("alice").get(PAGE, {"q": word})
    assert answer.status_code == 200
    assert "No column fits these filters." in text(answer)
    assert "<script>alert(1)" not in answer.content.decode()


def test_a_stranger_gets_none(found: Installation, browse: Browse) -> None:
    with as_role("web"):
        assert browse("charlie").get(PAGE).status_code == 403
    assert names(found, "dora") == names(found)


def test_pages_follow_each_other_in_every_order(found: Installation) -> None:
    actor = found.world.actor("alice")
    for sort in ("", "-place", "name", "-name", "type", "confidence", "-confidence"):
        filters, cursor, seen = Filters.read({"sort": sort}), "", []
        while True:
            page = columns.paged(actor, filters, cursor=cursor, size=2)
            seen += [card.column.id for card in page.rows]
            if not page.older:
                break
            cursor = page.older
        assert (len(seen), len(set(seen))) == (7, 7), sort


def test_suggestions_above_a_confidence_become_one_change(found: Installation, browse: Browse) -> None:
    with as_role("web"):
        alice = browse("alice")
        shown = text(alice.get(f"{PAGE}?state=suggested"))
        matching = re.search(r'name="matching" value="(\d+)"', shown)[1]  # type: ignore[index]
        form = {"scope": "all", "matching": matching, "act": "accept", "from_confidence": "90", "reason": "Sure."}
        answer = alice.post(f"{PAGE}?state=suggested", form)
    change = Change.objects.get(kind="classification")
    assert answer.url == f"/changes/{change.number}/"
    assert {entry["column"]: entry["tags"] for entry in change.proposal["columns"]} == {
        "email": ["pii.contact.email"],
        "iban": ["financial.iban"],
        "phone": ["pii.contact.phone"],
    }
    assert change.reason == "Sure."


def test_chosen_columns_get_a_tag_or_are_called_harmless(found: Installation, browse: Browse) -> None:
    chosen = [str(found.column("country").id), str(found.column("amount", "payments").id)]
    with as_role("web"):
        browse("bob").post(PAGE, {"column": chosen, "scope": "chosen", "act": "tag", "set_tag": "pii.demographic"})
    assert [entry["tags"] for entry in Change.objects.get(kind="classification").proposal["columns"]] == [
        ["pii.demographic"]
    ] * 2
    found.approved_last("erin")
    with as_role("web"):
        browse("bob").post(PAGE, {"column": chosen[:1], "act": "harmless"})
    tags = {entry["column"]: entry["tags"] for entry in Change.objects.order_by("-number")[0].proposal["columns"]}
    assert tags["country"] == []


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({}, 422, "Nothing was decided about the chosen columns."),
        ({"act": "<script>"}, 422, "Nothing was decided about the chosen columns."),
        ({"act": "tag"}, 422, "No tag was chosen."),
        ({"act": "tag", "set_tag": "pii.unknown"}, 422, "No tag was chosen."),
        ({"act": "accept", "from_confidence": "101"}, 422, "A confidence is a number from 0 to 100."),
        ({"act": "accept", "from_confidence": ""}, 422, "A confidence is a number from 0 to 100."),
        ({"act": "harmless"}, 422, "Nothing would change: no column was chosen"),
        ({"act": "harmless", "column": "'; --"}, 422, "A chosen column has no valid id."),
        ({"act": "harmless", "column": str(uuid4())}, 422, "Nothing would change: no column was chosen"),
        ({"act": "harmless", "scope": "all", "matching": "3"}, 409, "7 columns fit the filter now, not 3 as you saw"),
        ({"act": "harmless", "scope": "all", "matching": "\0"}, 409, "7 columns fit the filter now, not"),
        ({"act": "harmless", "scope": "all", "matching": "7", "reason": "x" * 2001}, 422, "The reason is too long."),
    ],
)
def test_a_decision_that_cannot_be_is_refused(
    found: Installation, browse: Browse, form: dict[str, str], status: int, said: str
) -> None:
    with as_role("web"):
        answer = browse("bob").post(PAGE, form)
    assert answer.status_code == status
    assert said in text(answer)
    assert not Change.objects.filter(kind="classification").exists()


def test_who_only_reads_cannot_decide(found: Installation, browse: Browse) -> None:
    with as_role("web"):
        dora = browse("dora")
        assert "Decide what they are" not in text(dora.get(PAGE))
        assert dora.post(PAGE, {"act": "harmless", "scope": "all", "matching": "7"}).status_code == 403
    assert not Change.objects.filter(kind="classification").exists()


def test_more_than_one_change_takes_are_refused(
    found: Installation, monkeypatch: pytest.MonkeyPatch, browse: Browse
) -> None:
    monkeypatch.setattr(columns, "MOST_AT_ONCE", 6)
    monkeypatch.setattr(column_batches, "MOST_AT_ONCE", 6)
    with as_role("web"):
        answer = browse("bob").post(PAGE, {"act": "harmless", "scope": "all", "matching": "7"})
    assert answer.status_code == 422
    assert "More columns than one change takes were chosen: it takes at most 6." in text(answer)


# the sheet


def sheet(browse: Browse, data: str | bytes, who: str = "bob"):  # type: ignore[no-untyped-def]
    raw = data if isinstance(data, bytes) else data.encode()
    with as_role("web"):
        return browse(who).post(f"{PAGE}sheet", {"sheet": SimpleUploadedFile("columns.csv", raw)})


def exported(browse: Browse, query: str = "") -> str:
    with as_role("web"):
        return browse("bob").get(f"{PAGE}sheet.csv{query}").content.decode()


def test_a_sheet_goes_out_and_comes_back_as_one_change(found: Installation, browse: Browse) -> None:
    out = exported(browse, "?q=customers")
    assert out.startswith("\ufeffconnection,schema,table,column,type,classification,suggestion,confidence,reason\r\n")
    rows = list(csv.DictReader(io.StringIO(out[1:])))
    assert [row["column"] for row in rows] == ["id", "email", "phone", "country", "iban"]
    for row in rows:
        row["classification"] = {"email": "pii.contact.email", "country": "none", "id": ""}.get(
            row["column"], row["classification"]
        )
    back = io.StringIO()
    writer = csv.DictWriter(back, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    preview = text(sheet(browse, back.getvalue()))
    assert "2 columns would change" in preview
    assert not Change.objects.filter(kind="classification").exists()
    kept = re.search(r'name="differences" value="([^>]*)">', preview.replace('\\"', '"'))
    assert kept
    with as_role("web"):
        answer = browse("bob").post(f"{PAGE}sheet/propose", {"differences": kept[1], "reason": "From the sheet"})
    change = Change.objects.get(kind="classification")
    assert answer.url == f"/changes/{change.number}/"
    assert {entry["column"]: entry["tags"] for entry in change.proposal["columns"]} == {
        "email": ["pii.contact.email"],
        "country": [],
    }


def test_a_sheet_that_somebody_overtook_is_refused(found: Installation, browse: Browse) -> None:
    preview = text(sheet(browse, "schema,table,column,classification\ncrm,customers,email,pii.contact.email\n"))
    kept = re.search(r'name="differences" value="([^>]*)">', preview)[1]  # type: ignore[index]
    found.classify(email=["pii.online"])
    with as_role("web"):
        answer = browse("bob").post(f"{PAGE}sheet/propose", {"differences": kept})
    assert answer.status_code == 409
    assert "Since you looked, a column went or was classified by somebody else" in text(answer)


@pytest.mark.parametrize(
    ("data", "encoding", "delimiter"),
    [
        (
            "\ufeffschema;table;column;classification\r\ncrm;customers;email;pii.contact.email\r\n".encode(),
            "utf-8",
            ";",
        ),
        (
            "schema\ttable\tcolumn\tclassification\ncrm\tcustomers\temail\tpii.contact.email".encode("utf-16"),
            "utf-16",
            "\t",
        ),
        (
            "Schema,TABLE,column,reason,classification\ncrm,customers,email,caf\xe9,pii.contact.email".encode("cp1252"),
            "cp1252",
            ",",
        ),
    ],
)
def test_what_spreadsheets_write_is_read(data: bytes, encoding: str, delimiter: str) -> None:
    read = column_sheets.read(data)
    assert (read.encoding, read.delimiter, read.problems) == (encoding, delimiter, ())
    assert read.lines == ((2, ("", "crm", "customers", "email"), ("pii.contact.email",)),)


@pytest.mark.parametrize(
    ("line", "number", "said"),
    [
        ("crm,customers,nothing,none", 2, "There is no column crm.customers.nothing, or none that you may see."),
        ("crm,customers,email,pii.mail", 2, "There is no tag pii.mail."),
        ("crm,customers,email,none pii.name", 2, "A column is either “none” or tagged, not both."),
        ("crm,customers", 2, "The line has 2 cells; the header has more."),
        ("crm,,email,none", 2, "Schema, table or column is empty."),
        ("crm,customers,id,none\n\ncrm,customers,id,pii.name", 4, "crm.customers.id stands in line 2 already."),
        ("crm,customers,<script>alert(1)</script>,none", 2, "There is no column crm.customers.<script>"),
        (f"crm,customers,{'x' * 2001},none", 2, "A cell is too long or holds a character that is none."),
    ],
)
def test_each_wrong_line_is_told_by_its_number(
    found: Installation, browse: Browse, line: str, number: int, said: str
) -> None:
    answer = sheet(browse, f"schema,table,column,classification\n{line}\n")
    assert answer.status_code == 422
    assert "<script>alert(1)" not in answer.content.decode()
    page = text(answer).replace("&lt;", "<").replace("&gt;", ">")
    assert said in page
    assert re.search(rf"</span>{number}</div>", page)
    assert 'name="differences"' not in page


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The first line does not name the columns of the sheet"),
        (b"a,b,c\n1,2,3", "schema, table, column, classification is missing"),
        (b"schema,table,column,classification,table\n", "The first line names table twice."),
        (b"\xff\xfe\x00", "The file is no text in UTF-8, UTF-16 or Windows-1252."),
        (b"PK\x03\x04\x00\x00\x00", "The file is no text in UTF-8, UTF-16 or Windows-1252."),
        (b'schema,table,column,classification\ncrm,"cus"x,email,none', "Line 2 is no CSV"),
        (b"x" * (column_sheets.MOST_BYTES + 1), "The file is larger than 5 MiB."),
        (b"schema,table,column,classification\n" + b"a,b,c,\n" * 25_001, "The sheet has more than 25,000 lines."),
    ],
)
def test_what_is_no_sheet_says_why(web: Installation, browse: Browse, data: bytes, said: str) -> None:
    answer = sheet(browse, data)
    assert answer.status_code == 422
    assert said in text(answer)


def test_no_file_at_all_and_a_hand_made_difference_are_told(web: Installation, browse: Browse) -> None:
    bob = browse("bob")
    assert "This field is required." in text(bob.post(f"{PAGE}sheet", {}))
    for kept in ("", "[", '[["x", [], []]]', "[[1]]", f'[["{uuid4()}", 5, "pii"]]', '{"a": 1}'):
        answer = bob.post(f"{PAGE}sheet/propose", {"differences": kept})
        assert answer.status_code in (409, 422), kept
    assert not Change.objects.exists()


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-x", "@x", "\t=1", "'quoted", "'=x", " =1", "plain", "", "ünïcödé"])
def test_a_cell_is_safe_outside_and_the_same_back_inside(cell: str) -> None:
    out = column_sheets.safe(cell)
    assert not out.lstrip(" ").startswith(("=", "+", "-", "@", "\t"))
    assert column_sheets.plain(out) == cell


def test_a_column_named_like_a_formula_survives_the_way_out_and_in(here: Installation, browse: Browse) -> None:
    here.run('CREATE TABLE crm.odd ("=cmd|calc" text, "a,b;c""d" text)')
    here.allow_reading("crm")
    here.discovered()
    out = exported(browse, "?q=odd").replace("unclassified", "pii.text")
    assert ",'=cmd|calc," in out
    assert "2 columns would change" in text(sheet(browse, out))


# how many queries


def test_queries_do_not_grow_with_the_columns(found: Installation, browse: Browse) -> None:
    dataset = found.dataset()
    alice = browse("alice")

    def queries() -> int:
        with as_role("web"), CaptureQueriesContext(database) as caught:
            assert alice.get(f"{PAGE}?state=unclassified&confidence=50&sort=-confidence").status_code == 200
        return len([one for one in caught if "SET ROLE" not in one["sql"]])

    queries()
    few = queries()
    Column.objects.bulk_create(
        Column(
            dataset=dataset,
            name=f"more_{n}",
            type="text",
            position=10 + n,
            suggested_tag="pii.text",
            suggested_confidence=60,
        )
        for n in range(300)
    )
    assert queries() == few
    assert few <= 15


def test_columns_of_datasets_that_went_are_left_out(found: Installation) -> None:
    connection = Connection.objects.get()
    found.run("DROP TABLE crm.payments")
    found.look_again(connection)
    assert Dataset.objects.filter(gone_at=None).count() == 1
    assert "payments.id" not in names(found)
