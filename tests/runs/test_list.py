"""The list of runs: filters, order and pages in the address, the same few queries however many there are."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.clock import now
from apps.runs import selectors
from apps.runs.models import LogLine, Run
from apps.runs.selectors import Filters

from .support import Shop

HOSTILE = ["<script>alert(1)</script>", "'; DROP TABLE runs_run; --", "\x00", "\u202e", "x" * 5000, "-number,id"]


@pytest.fixture
def runs(shop: Shop) -> list[Run]:
    """Five runs: by state, trigger, duration and rows all different."""
    made = []
    for place, (state, trigger) in enumerate(
        [
            ("FAILED", "manual"),
            ("CANCELLED", "schedule"),
            ("FAILED", "retry"),
            ("BLOCKED", "manual"),
            ("QUEUED", "manual"),
        ]
    ):
        run = shop.run(state, trigger=trigger)
        if state != "QUEUED":
            began = now() - timedelta(days=10)
            Run.objects.filter(id=run.id).update(
                started_at=began,
                ended_at=began + timedelta(seconds=(7, 3, 9, 5)[place]),
                rows_read=(20, 40, 10, 30)[place],
            )
        Run.objects.filter(id=run.id).update(created_at=datetime(2026, 1, 1 + place, 12, tzinfo=UTC))
        made.append(run)
    return made


def listed(shop: Shop, runs: list[Run], **filters) -> list[int]:
    page = selectors.listed(shop.world.actor("alice"), Filters(**filters))
    return [runs.index(run) for run in page.rows]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"sort": "-number"}, [4, 3, 2, 1, 0]),
        ({"sort": "number"}, [0, 1, 2, 3, 4]),
        ({"sort": "duration"}, [1, 3, 0, 2, 4]),
        ({"sort": "-duration"}, [2, 0, 3, 1, 4]),
        ({"sort": "-rows"}, [1, 3, 0, 2, 4]),
        ({"sort": "nonsense"}, [4, 3, 2, 1, 0]),
        ({"state": "FAILED"}, [2, 0]),
        ({"trigger": "manual", "sort": "-rows"}, [3, 0, 4]),
        ({"team": "crm"}, [4, 3, 2, 1, 0]),
        ({"team": "nobody"}, []),
        ({"since": datetime(2026, 1, 2, tzinfo=UTC), "until": datetime(2026, 1, 4, tzinfo=UTC)}, [2, 1]),
        ({"pipeline": "crm/customer-360", "state": "BLOCKED"}, [3]),
    ],
)
def test_filters_and_orders(shop, runs, filters, expected):
    assert listed(shop, runs, **filters) == expected


@pytest.mark.parametrize("sort", ["number", "-number", "duration", "-duration", "rows", "-rows", ""])
def test_pages_in_every_order_give_each_run_once_and_lead_back(shop, runs, sort):
    actor, filters = shop.world.actor("alice"), Filters(sort=sort)
    whole = [run.number for run in selectors.listed(actor, filters).rows]
    first = selectors.listed(actor, filters, size=2)
    second = selectors.listed(actor, filters, cursor=first.older, size=2)
    third = selectors.listed(actor, filters, cursor=second.older, size=2)
    assert [run.number for page in (first, second, third) for run in page.rows] == whole
    back = selectors.listed(actor, filters, cursor=third.newer, size=2)
    assert [run.number for run in back.rows] == [run.number for run in second.rows]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", ["q", "state", "pipeline", "trigger", "team", "since", "until", "sort"])
def test_hostile_filters_filter_nothing_or_find_nothing(shop, browse, name, text):
    shop.refused()
    for url in ("/runs/", "/runs/list.csv", "/api/v1/runs/"):
        answer = browse("alice").get(url, {name: text})
        assert answer.status_code == 200
        assert "<script>alert(1)" not in answer.content.decode()


def test_days_are_those_of_the_reader(shop, runs, browse):
    shop.world.users["alice"].time_zone = "Pacific/Auckland"
    shop.world.users["alice"].save()
    # Noon in UTC on 2 January is 3 January there.
    page = browse("alice").get("/runs/", {"since": "2026-01-03", "until": "2026-01-03"}).content.decode()
    assert [run.number for run in runs if f">#{run.number}<" in page] == [runs[1].number]


def test_filters_survive_into_the_file_and_no_cell_becomes_a_formula(shop, runs, browse):
    Run.objects.filter(id=runs[0].id).update(sentence="=HYPERLINK(1)")
    page = browse("alice").get("/runs/", {"state": "FAILED", "sort": "-rows"}).content.decode()
    assert 'href="/runs/list.csv?state=FAILED&amp;sort=-rows"' in page
    answer = browse("alice").get("/runs/list.csv", {"state": "FAILED"})
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert [row[0] for row in rows] == [str(runs[2].number), str(runs[0].number)]
    told = dict(zip(head, rows[1], strict=True))
    assert (told["state"], told["seconds"], told["rows read"], told["sentence"]) == (
        *("FAILED", "7.0", "20"),
        "'=HYPERLINK(1)",
    )


def test_a_stranger_gets_no_file(shop, runs, browse):
    assert browse("charlie").get("/runs/list.csv").status_code == 403


@pytest.mark.parametrize("query", [{}, {"sort": "-duration"}, {"state": "FAILED", "sort": "rows", "q": "360"}])
def test_the_list_takes_the_same_queries_for_many_runs(shop, browse, query):
    client = browse("alice")
    client.get("/runs/", query)
    for count in (1, 40):
        for _ in range(count):
            shop.run("FAILED")
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/runs/", query).status_code == 200
        few = len(seen) if count == 1 else few  # noqa: F821
    assert len(seen) == few
    assert few <= 15


class TestLog:
    @pytest.fixture
    def run(self, shop: Shop) -> Run:
        run = shop.refused()
        for number in range(30):
            level = "WARN" if number == 7 else "INFO"
            shop.log(run, "extract" if number % 2 else "gate", f"line {number} of 100%_done", level)
        return run

    def test_the_whole_log_is_searched(self, run, browse):
        page = browse("alice").get(f"/runs/{run.number}/log", {"q": "LINE 7 of"}).content.decode()
        assert "line 7 of" in page
        assert "line 8 of" not in page
        assert LogLine.objects.filter(run=run).count() == 30

    @pytest.mark.parametrize(
        ("asked", "expected"), [({"level": "WARN"}, 1), ({"step": "gate"}, 15), ({"q": "%_d"}, 30), ({"q": "%%"}, 0)]
    )
    def test_by_level_step_and_text_as_it_stands(self, run, asked, expected):
        assert len(selectors.log_found(run, **asked)) == expected

    def test_what_is_not_there_says_so(self, run, browse):
        page = browse("alice").get(f"/runs/{run.number}/log", {"q": "nothing like this"}).content.decode()
        assert "No line fits" in page

    def test_the_api_searches_too(self, run, browse):
        found = browse("alice").get(f"/api/v1/runs/{run.number}/log", {"q": "line 2"}).json()
        assert [line["sentence"].split()[1] for line in found] == ["2", *map(str, range(20, 30))]


class TestCompare:
    def test_with_the_run_before(self, shop, browse):
        first, second = shop.published(), shop.published()
        Run.objects.filter(id=second.id).update(rows_published=968, rows_quarantined=22)
        page = browse("alice").get(f"/runs/{second.number}/compare").content.decode()
        assert "The same in every column, treatment, rule and key version." in page
        assert "+14 (+1.5 %)" in page
        assert "-14 (-38.9 %)" in page
        found = browse("alice").get(f"/api/v1/runs/{second.number}/compare").json()
        assert (found["before"], found["after"], found["plan"]) == (first.number, second.number, [])

    def test_with_any_other_and_what_differs_is_named(self, shop, browse):
        first, second = shop.published(), shop.published()
        plan = second.plan
        plan["streams"][0]["columns"][2]["treatment"] = {"kind": "redact", "params": {}, "version": 1}
        Run.objects.filter(id=second.id).update(plan=plan)
        page = browse("alice").get(f"/runs/{first.number}/compare", {"with": second.number}).content.decode()
        assert "crm.customers.email" in page
        assert "redact" in page

    def test_the_first_run_has_nothing_before_it(self, shop, browse):
        run = shop.published()
        assert "Nothing to compare with yet" in browse("alice").get(f"/runs/{run.number}/compare").content.decode()
        assert browse("alice").get(f"/api/v1/runs/{run.number}/compare").status_code == 404

    @pytest.mark.parametrize("text", [*HOSTILE, "0", "-1", "99999999999999999999999"])
    def test_what_is_no_number_compares_with_the_run_before(self, shop, browse, text):
        shop.published()
        run = shop.published()
        assert browse("alice").get(f"/runs/{run.number}/compare", {"with": text}).status_code == 200

    def test_another_teams_run_is_not_there(self, shop, browse):
        run = shop.published()
        assert browse("alice").get(f"/runs/{run.number}/compare", {"with": run.number + 999}).status_code == 404
