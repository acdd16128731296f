"""The pages of runs: what they say first, what they hold back, and what they cost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from django.db import connection as database
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.models import Event
from apps.core.models import Job
from apps.runs.models import Manifest, Quarantine, Run, Step
from tests.support import as_role

from .support import HOSTILE, Shop

Browse = Callable[[str], Client]


def text(response: HttpResponse) -> str:
    """What stands on the page, without tags and runs of white space."""
    html = re.sub(r"<(script|style)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    shown = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).strip()
    return shown.replace(" )", ")").replace("( ", "(")


def get(browse: Browse, who: str, address: str) -> HttpResponse:
    with as_role("web"):
        return browse(who).get(address)


class TestList:
    def test_it_shows_runs_newest_first_with_state_and_rows(self, shop: Shop, browse: Browse) -> None:
        first, second = shop.published(), shop.refused()
        page = text(get(browse, "alice", "/runs/"))
        assert page.index(f"#{second.number}") < page.index(f"#{first.number}")
        assert f"#{first.number} Customer 360 CRM Published" in page
        assert "1,000 954" in page

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("state=PUBLISHED", ["published"]),
            ("state=REFUSED", ["refused"]),
            ("trigger=schedule", []),
            ("pipeline=crm/customer-360", ["refused", "published"]),
            ("pipeline=sales/customer-360", []),
            ("q=customer", ["refused", "published"]),
            ("q=nothing", []),
        ],
    )
    def test_filters_stand_in_the_address(self, shop: Shop, browse: Browse, query: str, shown: list[str]) -> None:
        numbers = {"published": shop.published().number, "refused": shop.refused().number}
        html = get(browse, "alice", f"/runs/?{query}").content.decode()
        found = [int(number) for number in re.findall(r'href="/runs/(\d+)/"', html)]
        assert found == [numbers[name] for name in shown]

    def test_a_number_finds_its_run(self, shop: Shop, browse: Browse) -> None:
        wanted, _other = shop.published(), shop.refused()
        html = get(browse, "alice", f"/runs/?q=%23{wanted.number}").content.decode()
        assert re.findall(r'href="/runs/(\d+)/"', html) == [str(wanted.number)]

    def test_what_no_filter_understands_is_left_aside(self, shop: Shop, browse: Browse) -> None:
        shop.published()
        for query in ("state=%00", "q=99999999999999999999999", "state=" + "x" * 500):
            assert get(browse, "alice", f"/runs/?{query}").status_code == 200

    def test_a_page_holds_fifty_and_the_rest_is_one_link_away(self, shop: Shop, browse: Browse) -> None:
        for _ in range(51):
            shop.run(Run.CANCELLED)
        first = get(browse, "alice", "/runs/?state=CANCELLED").content.decode()
        assert len(re.findall(r'href="/runs/\d+/"', first)) == 50
        older = unescape(re.search(r'href="(\?[^"]*cursor=[^"]*)" rel="next"', first)[1])  # type: ignore[index]
        assert "state=CANCELLED" in older
        second = get(browse, "alice", f"/runs/{older}").content.decode()
        assert len(re.findall(r'href="/runs/\d+/"', second)) == 1

    def test_a_cursor_that_is_none_of_ours_is_refused(self, shop: Shop, browse: Browse) -> None:
        assert get(browse, "alice", "/runs/?cursor=abc").status_code == 422

    def test_an_empty_list_says_what_to_do_next(self, shop: Shop, browse: Browse) -> None:
        page = text(get(browse, "alice", "/runs/"))
        assert "No runs yet" in page
        assert "Open the pipelines" in page

    def test_other_teams_runs_are_not_there(self, shop: Shop, browse: Browse) -> None:
        run = shop.published()
        assert get(browse, "charlie", "/runs/").status_code == 403
        assert get(browse, "charlie", f"/runs/{run.number}/").status_code == 404
        assert f"#{run.number}" in text(get(browse, "dora", "/runs/"))

    def test_it_costs_as_much_for_fifty_runs_as_for_one(self, shop: Shop, browse: Browse) -> None:
        shop.published()
        one = self.queries(browse)
        for number in range(49):
            shop.run(Run.CANCELLED, pipeline=shop.another(f"copy-{number}"))
        assert self.queries(browse) == one
        own = [query for query in one if '"runs_run"' in query or '"pipelines_pipeline"' in query]
        assert len(own) == 2

    def queries(self, browse: Browse) -> list[str]:
        client = browse("alice")
        with as_role("web"), CaptureQueriesContext(database) as caught:
            assert client.get("/runs/").status_code == 200
        asked = [query["sql"] for query in caught.captured_queries if query["sql"].startswith("SELECT")]
        return [re.sub(r"'[^']*'", "?", sql) for sql in asked]


class TestOutcome:
    def test_the_row_equation_comes_first(self, shop: Shop, browse: Browse) -> None:
        run = shop.published()
        page = text(get(browse, "alice", f"/runs/{run.number}/"))
        sentence = "1,000 rows read = 954 published + 36 quarantined + 0 rejected + 10 excluded by rule."
        assert page.index(sentence) < page.index("Rows by table")
        assert "The manifest is signed by the notary (key version 1) and the signature holds." in page
        assert "crm.customers → mart.customers 900 860 30 0 10" in page

    def test_every_refusal_has_its_remedy_as_a_button(self, shop: Shop, browse: Browse) -> None:
        run = shop.refused()
        response = get(browse, "alice", f"/runs/{run.number}/")
        page, html = text(response), unescape(response.content.decode())
        assert "Nothing was written." in page
        for refusal in run.refusals:
            assert refusal["sentence"] in page
            assert refusal["remedy"] in page
        columns = f"/sources/columns/?connection={shop.source.id}&state=unclassified&q=nickname"
        classify = f'href="{columns}">Classify the column<'
        assert classify in html
        assert 'href="/policies/simulation">Try a rule<' in html

    def test_a_closed_gate_says_that_what_is_served_stays(self, shop: Shop, browse: Browse) -> None:
        sentence = "The gate is closed by 1 check: customers/email-there. Published data is unchanged."
        run = shop.run(Run.BLOCKED, reached="gate", sentence=sentence, remedy="Repair the source rows.")
        page = text(get(browse, "alice", f"/runs/{run.number}/"))
        assert sentence in page
        assert "Repair the source rows." in page
        assert "(failed)" in page
        assert "(skipped)" in page

    def test_founding_is_told(self, shop: Shop, browse: Browse) -> None:
        run = shop.run(Run.CANCELLED, founding=True)
        assert "Cancelled Founding" in text(get(browse, "alice", f"/runs/{run.number}/"))


class TestTabs:
    def test_checks_show_counts_and_what_failed_first(self, shop: Shop, browse: Browse) -> None:
        run = shop.published()
        page = text(get(browse, "alice", f"/runs/{run.number}/checks"))
        assert page.index("customers/email-shape") < page.index("customers/email-there")
        assert "Turned rows away Each source row x 30 900" in page
        assert "Passed The gate x 0 860" in page

    def test_quarantine_shows_counts_by_rule_and_shapes(self, shop: Shop, browse: Browse) -> None:
        run = shop.published()
        page = text(get(browse, "alice", f"/runs/{run.number}/quarantine"))
        assert "customers/email-shape 30 rows · the first 2 as shapes" in page
        assert "4711 99999 Aaaaa.aaa NULL" in page

    def test_the_plan_shows_every_column_with_treatment_why_and_key(self, shop: Shop, browse: Browse) -> None:
        run = shop.published()
        page = text(get(browse, "alice", f"/runs/{run.number}/plan"))
        assert "email text token email is pii.contact.email; policy contacts-pii v7" in page
        assert "default/1" in page
        assert "name text drop" in page
        assert "not written" in page
        assert "country passes: it was classified as not sensitive." in page

    def test_the_manifest_is_shown_and_downloaded_byte_for_byte(self, shop: Shop, browse: Browse) -> None:
        run = shop.published()
        page = text(get(browse, "alice", f"/runs/{run.number}/manifest"))
        assert "Signed, and the signature holds." in page
        assert f'"number": {run.number}' in page
        file = get(browse, "alice", f"/runs/{run.number}/manifest.json")
        assert file.content == bytes(Manifest.objects.get(run=run).body)
        assert file["Content-Disposition"] == f'attachment; filename="lockgate-run-{run.number}.manifest.json"'

    def test_a_manifest_that_was_altered_is_told(self, shop: Shop, browse: Browse) -> None:
        run = shop.published()
        Manifest.objects.filter(run=run).update(body=b'{"format":1,"number":1}')
        assert "The signature does not hold." in text(get(browse, "alice", f"/runs/{run.number}/manifest"))

    def test_a_manifest_waits_for_the_notary(self, shop: Shop, browse: Browse) -> None:
        run = shop.published(signed=False)
        assert "Not signed yet." in text(get(browse, "alice", f"/runs/{run.number}/manifest"))

    @pytest.mark.parametrize("tab", ["checks", "quarantine", "plan", "manifest", "log"])
    def test_a_run_that_has_nothing_yet_says_so(self, shop: Shop, browse: Browse, tab: str) -> None:
        run = shop.run()
        page = text(get(browse, "alice", f"/runs/{run.number}/{tab}"))
        expected = {"checks": "No results yet", "quarantine": "No row was turned away", "plan": "No plan yet",
                    "manifest": "No manifest", "log": "Log"}  # fmt: skip
        assert expected[tab] in page

    def test_the_log_is_downloaded_one_line_a_line(self, shop: Shop, browse: Browse) -> None:
        run = shop.run()
        shop.log(run, "plan", f"column {HOSTILE}x")
        body = get(browse, "alice", f"/runs/{run.number}/log.txt").content.decode()
        assert body.count("\n") == 1
        assert body.rstrip().endswith("INFO  plan     column <script>alert(1)</script>\"';-- x")

    def test_a_missing_manifest_is_not_found(self, shop: Shop, browse: Browse) -> None:
        assert get(browse, "alice", f"/runs/{shop.run().number}/manifest.json").status_code == 404

    @pytest.mark.parametrize("number", ["0", "999999", "99999999999999999999999"])
    def test_a_number_that_is_no_run_is_not_found(self, shop: Shop, browse: Browse, number: str) -> None:
        for tab in ("", "checks", "log.txt", "events"):
            assert get(browse, "alice", f"/runs/{number}/{tab}").status_code == 404

    def test_hostile_names_stay_text(self, shop: Shop, browse: Browse) -> None:
        run = shop.published()
        shop.log(run, "plan", HOSTILE)
        shop.check(run, HOSTILE, HOSTILE, "FAILED", observed=HOSTILE, kind=HOSTILE)
        shapes = [{"row": 1, "columns": {HOSTILE: HOSTILE}}]
        Quarantine.objects.create(run=run, stream=HOSTILE, rule=HOSTILE, rows=1, shapes=shapes)
        Run.objects.filter(id=run.id).update(sentence=HOSTILE)
        for tab in ("", "checks", "quarantine", "plan", "manifest", "log"):
            html = get(browse, "alice", f"/runs/{run.number}/{tab}").content.decode()
            assert "<script>alert" not in html, tab


class TestButtons:
    def test_an_engineer_cancels_a_run_that_has_not_published(self, shop: Shop, browse: Browse) -> None:
        run = shop.running()
        with as_role("web"):
            answer = browse("alice").post(f"/runs/{run.number}/cancel")
        assert (answer.status_code, answer["Location"]) == (302, f"/runs/{run.number}/")
        run.refresh_from_db()
        assert (run.state, run.sentence) == ("CANCELLED", "Cancelled by Alice. Nothing was written.")

    def test_publishing_can_not_be_cancelled(self, shop: Shop, browse: Browse) -> None:
        run = shop.run(Run.RUNNING, reached="publish")
        assert f"/runs/{run.number}/cancel" not in get(browse, "alice", f"/runs/{run.number}/").content.decode()
        with as_role("web"):
            answer = browse("alice").post(f"/runs/{run.number}/cancel")
        assert answer.status_code == 409
        assert "can no longer be cancelled" in text(answer)
        run.refresh_from_db()
        assert run.state == "RUNNING"

    def test_run_again_starts_a_new_run_of_the_active_version(self, shop: Shop, browse: Browse) -> None:
        run = shop.refused()
        with as_role("web"):
            answer = browse("alice").post(f"/runs/{run.number}/again")
        started = Run.objects.order_by("-number")[0]
        assert answer["Location"] == f"/runs/{started.number}/"
        assert (started.state, started.trigger, started.pipeline_id) == ("QUEUED", "retry", shop.pipeline.id)
        assert Job.objects.filter(kind="run.inspect", subject=f"run/{started.id}").count() == 1

    def test_one_run_at_a_time(self, shop: Shop, browse: Browse) -> None:
        ended, _running = shop.refused(), shop.running()
        with as_role("web"):
            answer = browse("alice").post(f"/runs/{ended.number}/again")
        assert answer.status_code == 409
        assert "A run of Customer 360 is already under way." in text(answer)
        assert Run.objects.count() == 2

    @pytest.mark.parametrize("act", ["cancel", "again"])
    def test_who_only_reads_has_no_buttons_and_no_say(self, shop: Shop, browse: Browse, act: str) -> None:
        run = shop.running() if act == "cancel" else shop.refused()
        assert f"/runs/{run.number}/{act}" not in get(browse, "dora", f"/runs/{run.number}/").content.decode()
        with as_role("web"):
            assert browse("dora").post(f"/runs/{run.number}/{act}").status_code == 403
        before = run.state
        run.refresh_from_db()
        assert run.state == before
        assert Run.objects.count() == 1
        assert Event.objects.filter(action="access.denied").count() == 1


class TestProgress:
    def test_it_tells_the_share_and_the_rest(self, shop: Shop, browse: Browse) -> None:
        run = shop.running()
        page = text(get(browse, "alice", f"/runs/{run.number}/"))
        # (2 + 2 + 56 * 52,310 / 74,000) of 100
        assert "43%" in page
        assert "about 50 s left" in page
        assert "Extract (running) 52,310 rows" in page
        assert "Publish (waiting)" in page

    def test_a_queued_run_waits_for_a_worker(self, shop: Shop, browse: Browse) -> None:
        page = text(get(browse, "alice", f"/runs/{shop.run().number}/"))
        assert "0%" in page
        assert "waits for a worker" in page

    def test_an_estimate_that_is_too_small_does_not_finish_a_step(self, shop: Shop, browse: Browse) -> None:
        run = shop.running()
        Step.objects.filter(run=run, state=Step.RUNNING).update(rows=200_000)
        assert "58%" in text(get(browse, "alice", f"/runs/{run.number}/"))


def test_the_address_of_the_stream_begins_after_the_last_line_shown(shop: Shop, browse: Browse) -> None:
    run = shop.running()
    last = shop.log(run, "extract", "still reading")
    html = get(browse, "alice", f"/runs/{run.number}/").content.decode()
    assert f'hx-sse:connect="/runs/{run.number}/events?after={last.id}"' in html
    assert "still reading" in html


def test_a_run_that_has_ended_opens_no_stream(shop: Shop, browse: Browse) -> None:
    run = shop.published()
    assert "hx-sse:connect" not in get(browse, "alice", f"/runs/{run.number}/").content.decode()


def test_the_manifest_page_shows_every_field(shop: Shop, browse: Browse) -> None:
    run = shop.published()
    body = json.loads(bytes(Manifest.objects.get(run=run).body))
    page = text(get(browse, "alice", f"/runs/{run.number}/manifest"))
    assert [key for key in body if f'"{key}"' not in page] == []
