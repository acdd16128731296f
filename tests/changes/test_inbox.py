"""The inbox: tabs with counts, filters, sort, pages, and a number of queries that does not grow."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.changes.models import Change, Participant
from tests.support import as_role

from .support import Crm

MOST_QUERIES = 15


@pytest.fixture
def visit(crm: Crm, client: Client) -> Any:
    def request(name: str, path: str) -> Any:
        client.force_login(crm.world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        with as_role("web"):
            answer = client.get(path)
        answer.text_ = html.unescape(answer.content.decode())
        return answer

    return request


def many(crm: Crm, count: int) -> None:
    """Open changes by alice and erin in turn, as copies of one."""
    one = crm.propose(by="alice")
    for number in range(count):
        fields = {
            field.attname: getattr(one, field.attname)
            for field in Change._meta.fields
            if field.attname not in ("id", "number", "created_at")
        }
        risk = ("LOW", "MEDIUM", "HIGH")[number % 3]
        made = Change.objects.create(**{**fields, "title": f"Copy {number:03}", "risk": risk})
        author = crm.world.users["alice" if number % 2 else "erin"]
        Participant.objects.create(change=made, person=author, part=Participant.AUTHOR)


def numbers(page: str) -> list[str]:
    return [title.partition("<")[0] for title in page.split('/">Copy ')[1:]]


def test_the_tabs_count(crm: Crm, visit: Any) -> None:
    many(crm, 4)
    page = visit("erin", "/changes/").text_
    tabs = page.partition('<nav class="tabs"')[2].partition("</nav>")[0]
    counts = {}
    for label in ("Open", "Waiting for me", "Mine"):
        badge = re.sub("<[^>]*>", " ", tabs.partition(f">{label} ")[2].partition("</a>")[0])
        counts[label] = int(badge)
    assert counts == {"Open": 5, "Waiting for me": 3, "Mine": 2}


def test_it_filters_by_risk_author_and_team(crm: Crm, visit: Any) -> None:
    many(crm, 6)
    assert numbers(visit("bob", "/changes/?risk=HIGH").text_) == ["005", "002"]
    assert numbers(visit("bob", "/changes/?author=eri").text_) == ["004", "002", "000"]
    assert numbers(visit("bob", "/changes/?author=eri&risk=LOW").text_) == ["000"]
    assert "No change fits these filters" in visit("bob", "/changes/?team=sales").text_


@pytest.mark.parametrize(
    ("sort", "first"), [("title", "000"), ("-title", "004"), ("number", "000"), ("-number", "004"), ("-risk", "002")]
)
def test_it_sorts(crm: Crm, visit: Any, sort: str, first: str) -> None:
    many(crm, 5)
    assert numbers(visit("bob", f"/changes/?sort={sort}").text_)[0] == first


@pytest.mark.parametrize(
    "query",
    ["kind=nope", "risk='; --", "state=<script>", "sort=password", "author=" + "x" * 500, "q=%00", "team=%E2%80%AE",
     "show=everything"],
)  # fmt: skip
def test_what_no_filter_knows_is_left_out(crm: Crm, visit: Any, query: str) -> None:
    many(crm, 2)
    answer = visit("bob", f"/changes/?{query}")
    assert (answer.status_code, "<script>" in answer.text_.split("</head>")[1].split("<main")[1]) == (200, False)


def test_a_foreign_cursor_is_refused(crm: Crm, visit: Any) -> None:
    assert visit("bob", "/changes/?cursor=AAAA&sort=title").status_code == 422


def test_pages_follow_each_other_in_any_order(crm: Crm, visit: Any) -> None:
    many(crm, 55)
    for sort in ("", "&sort=title", "&sort=-risk"):
        first = visit("bob", f"/changes/?q=Copy{sort}").text_
        older = first.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
        second = visit("bob", f"/changes/{older}").text_
        assert (len(numbers(first)), len(numbers(second))) == (50, 5)
        assert not set(numbers(first)) & set(numbers(second))


def test_its_queries_do_not_grow(crm: Crm, client: Client, visit: Any) -> None:
    def queries() -> int:
        with as_role("web"), CaptureQueriesContext(database) as seen:
            client.get("/changes/")
        return len(seen)

    many(crm, 3)
    visit("bob", "/changes/")
    before = queries()
    many(crm, 40)
    assert queries() == before
    assert before <= MOST_QUERIES


def test_the_api_filters_and_sorts_likewise(crm: Crm, visit: Any) -> None:
    many(crm, 6)
    rows = visit("bob", "/api/v1/changes/?risk=HIGH&sort=title").json()["rows"]
    assert [row["title"] for row in rows] == ["Copy 002", "Copy 005"]
    detail = visit("bob", f"/api/v1/changes/{rows[0]['number']}").json()
    assert detail["standing"]["may"] == ["Bob"]
    assert detail["standing"]["barred"] == ["Erin"]
