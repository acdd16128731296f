"""The pages and the API of pipelines: every column with its reason, and buttons for whoever may press them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.models import Event
from apps.core.clock import now
from apps.pipelines.models import Pipeline
from apps.runs.models import Run
from tests.runs.support import HOSTILE, Shop, discover, pipeline
from tests.runs.test_pages import get, text
from tests.support import as_role

Browse = Callable[[str], Client]
HERE = "/pipelines/crm/customer-360/"


class TestList:
    def test_it_shows_the_last_run_and_when_it_is_due(self, shop: Shop, browse: Browse) -> None:
        shop.published()
        last = shop.refused()
        Pipeline.objects.filter(id=shop.pipeline.id).update(next_due_at="2026-12-01T02:30:00Z")
        shop.world.users["alice"].time_zone = "Europe/Berlin"
        shop.world.users["alice"].save()
        page = text(get(browse, "alice", "/pipelines/"))
        assert f"Customer 360 CRM · v1 CRM → Warehouse Refused #{last.number}" in page
        assert "2026-12-01 03:30" in page

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("", ["customer-360", "beta", "alpha"]),
            ("sort=name", ["customer-360", "alpha", "beta"]),
            ("sort=-name", ["beta", "alpha", "customer-360"]),
            ("sort=nonsense", ["customer-360", "alpha", "beta"]),
            ("state=paused", ["beta"]),
            ("state=active", ["customer-360", "alpha"]),
            ("last=PUBLISHED", ["customer-360"]),
            ("last=FAILED", []),
            ("q=ALPH", ["alpha"]),
            ("team=sales", []),
        ],
    )
    def test_filters_and_order_stand_in_the_address(
        self, shop: Shop, browse: Browse, query: str, shown: list[str]
    ) -> None:
        shop.another("alpha")
        Pipeline.objects.filter(id=shop.another("beta").id).update(paused_at=now(), next_due_at=None)
        shop.published()
        html = get(browse, "alice", f"/pipelines/?{query}").content.decode()
        found = re.findall(r'href="/pipelines/crm/([\w-]+)/"', html)
        assert (found if query else sorted(found)) == (shown if query else sorted(shown))

    def test_it_costs_as_much_for_thirty_as_for_one(self, shop: Shop, browse: Browse) -> None:
        shop.published()
        one = self.queries(browse)
        for number in range(29):
            shop.run(Run.CANCELLED, pipeline=shop.another(f"copy-{number}"))
        assert self.queries(browse) == one
        assert len([query for query in one if '"pipelines_pipeline"' in query]) == 3

    def queries(self, browse: Browse) -> list[str]:
        client = browse("alice")
        with as_role("web"), CaptureQueriesContext(database) as caught:
            assert client.get("/pipelines/").status_code == 200
        asked = [query["sql"] for query in caught.captured_queries if query["sql"].startswith("SELECT")]
        return [re.sub(r"IN \([^)]*\)", "IN ?", re.sub(r"'[^']*'(::uuid)?", "?", sql)) for sql in asked]

    def test_an_empty_list_says_what_to_do_next(self, shop: Shop, browse: Browse) -> None:
        Pipeline.objects.update(archived_at=now())
        assert 'href="/pipelines/new"' in get(browse, "alice", "/pipelines/").content.decode()
        page = get(browse, "bob", "/pipelines/")
        assert 'href="/pipelines/new"' not in page.content.decode()
        assert "An engineer of your team proposes the first one" in text(page)


class TestPage:
    def test_every_column_has_its_treatment_and_why(self, shop: Shop, browse: Browse) -> None:
        page = text(get(browse, "alice", HERE))
        assert "email text token email is pii.contact.email; policy contacts-pii v7" in page
        assert "country text pass country passes: it was classified as not sensitive." in page
        assert "name text drop" in page

    def test_a_refused_column_leads_to_its_remedy(self, shop: Shop, browse: Browse) -> None:
        document = {
            "format": 1,
            "streams": [
                {
                    "name": "leads",
                    "source": {"schema": "crm", "table": "leads"},
                    "destination": {"schema": "mart", "table": "leads"},
                }
            ],
        }
        discover(shop.source, "crm", "leads", {"id": ("bigint", []), HOSTILE: ("text", None)})
        pipeline(shop.world, shop.source, shop.destination, slug="leads", name=HOSTILE, document=document)
        response = get(browse, "alice", "/pipelines/crm/leads/")
        html = response.content.decode()
        assert "1 column refused" in text(response)
        assert f'href="/sources/columns/?connection={shop.source.id}&amp;state=unclassified' in html
        assert "<script>alert" not in html

    def test_the_schedule_tells_its_next_five_times_in_the_readers_zone(self, shop: Shop, browse: Browse) -> None:
        shop.world.users["alice"].time_zone = "Asia/Kolkata"
        shop.world.users["alice"].save()
        html = get(browse, "alice", HERE).content.decode()
        page = text(get(browse, "alice", HERE))
        assert "At 03:30 AM (Europe/Berlin, 30 3 * * * )" in page or "At 03:30 AM (Europe/Berlin, 30 3 * * *)" in page
        times = html.split("Next times")[1].split("</ul>")[0]
        assert len(re.findall(r"<li>", times)) == 5
        assert re.search(r">\d{4}-\d\d-\d\d 0[78]:00<", times)

    def test_conditions_and_checks_are_told_in_words(self, shop: Shop, browse: Browse) -> None:
        page = text(get(browse, "alice", HERE))
        assert "country is one of DE, FR in-europe · only these rows are read" in page
        assert "email matches @ email-shape · other rows go to quarantine" in page
        assert "id identifies a row one-per-id · later duplicates go to quarantine" in page
        assert "customer_id occurs in customers as id known-customer · orphans go to quarantine" in page
        assert "email is present in at least 99 % of the rows email-there · keeps the gate closed" in page

    def test_a_table_that_nobody_discovered_is_told(self, shop: Shop, browse: Browse) -> None:
        shop.source.datasets.update(gone_at=now())
        assert "Table crm.customers is not known from the last discovery" in text(get(browse, "alice", HERE))

    def test_a_version_is_shown_whole(self, shop: Shop, browse: Browse) -> None:
        page = text(get(browse, "alice", f"{HERE}versions/1"))
        assert "- name: customers" in page
        assert get(browse, "alice", f"{HERE}versions/2").status_code == 404
        assert get(browse, "alice", f"{HERE}versions/0").status_code == 404

    def test_a_stranger_does_not_learn_that_it_exists(self, shop: Shop, browse: Browse) -> None:
        for address in (HERE, f"{HERE}edit", f"{HERE}versions/1"):
            assert get(browse, "charlie", address).status_code == 404


class TestButtons:
    def test_an_engineer_starts_it(self, shop: Shop, browse: Browse) -> None:
        with as_role("web"):
            answer = browse("alice").post(f"{HERE}start")
        run = Run.objects.get()
        assert answer["Location"] == f"/runs/{run.number}/"
        assert (run.state, run.trigger, run.started_by) == ("QUEUED", "manual", str(shop.world.users["alice"].id))
        assert f"/runs/{run.number}/" in get(browse, "alice", HERE).content.decode()

    def test_pausing_stops_the_schedule_and_starting(self, shop: Shop, browse: Browse) -> None:
        with as_role("web"):
            browse("bob").post(f"{HERE}pause", {"reason": "The source is being moved."})
            refused = browse("alice").post(f"{HERE}start")
        shop.pipeline.refresh_from_db()
        assert shop.pipeline.paused_at is not None
        assert (shop.pipeline.paused_reason, shop.pipeline.paused_by) == ("The source is being moved.", "Bob")
        assert shop.pipeline.next_due_at is None
        assert refused.status_code == 409
        assert "Pipeline Customer 360 is paused. Nothing was written." in text(refused)
        assert Run.objects.count() == 0

    def test_resuming_takes_up_the_schedule(self, shop: Shop, browse: Browse) -> None:
        with as_role("web"):
            browse("bob").post(f"{HERE}pause", {"reason": "The source is being moved."})
            browse("bob").post(f"{HERE}resume")
            again = browse("bob").post(f"{HERE}resume")
        shop.pipeline.refresh_from_db()
        assert shop.pipeline.paused_at is None
        assert shop.pipeline.next_due_at is not None
        assert again.status_code == 409

    @pytest.mark.parametrize("act", ["start", "pause", "resume"])
    def test_an_auditor_only_reads(self, shop: Shop, browse: Browse, act: str) -> None:
        assert f"{HERE}{act}" not in get(browse, "dora", HERE).content.decode()
        with as_role("web"):
            assert browse("dora").post(f"{HERE}{act}").status_code == 403
        shop.pipeline.refresh_from_db()
        assert shop.pipeline.paused_at is None
        assert Run.objects.count() == 0
        assert Event.objects.filter(action="access.denied").count() == 1


class TestApi:
    def test_the_list_and_one_with_its_definition(self, shop: Shop, browse: Browse) -> None:
        listed = get(browse, "alice", "/api/v1/pipelines/").json()
        assert [(row["team"], row["slug"]) for row in listed["rows"]] == [("crm", "customer-360")]
        one = get(browse, "alice", "/api/v1/pipelines/crm/customer-360").json()
        assert [stream["name"] for stream in one["definition"]["streams"]] == ["customers", "payments"]
        assert get(browse, "charlie", "/api/v1/pipelines/crm/customer-360").status_code == 404

    def test_the_plan_says_what_happens_to_each_column(self, shop: Shop, browse: Browse) -> None:
        lines = get(browse, "alice", "/api/v1/pipelines/crm/customer-360/plan").json()
        treated = {(line["stream"], line["column"]): line["treatment"] for line in lines}
        assert treated[("customers", "email")] == "token"
        assert treated[("customers", "birth_date")] == "date_truncate(unit=year)"
        assert len(lines) == 11

    def test_start_pause_and_resume(self, shop: Shop, browse: Browse) -> None:
        base, client = "/api/v1/pipelines/crm/customer-360", browse("alice")
        with as_role("web"):
            started = client.post(f"{base}/start", content_type="application/json")
            paused = client.post(f"{base}/pause", {"reason": "Moved."}, content_type="application/json")
            resumed = client.post(f"{base}/resume", content_type="application/json")
        assert (started.status_code, started.json()["state"]) == (201, "QUEUED")
        assert paused.json()["paused_at"] is not None
        assert (paused.json()["paused_reason"], paused.json()["paused_by"]) == ("Moved.", "Alice")
        assert resumed.json()["paused_at"] is None
