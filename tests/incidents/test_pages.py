"""The pages and the API of incidents: the sentence first, and each step taken by whoever may take it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.models import Event
from apps.core.actor import system
from apps.incidents import services
from apps.incidents.models import Incident, IncidentEntry
from tests.runs.support import HOSTILE, Shop
from tests.runs.test_pages import get, text
from tests.support import as_role

Browse = Callable[[str], Client]
SENTENCE = "Check email-there of customers: 92.8% hold, at least 99% must; publish blocked, published data unchanged."


def opened(shop: Shop, problem: str = "check/customers/email-there", **fields: str) -> Incident:
    held = {"title": "customers: email-there 92.8%", "sentence": SENTENCE, "ref": "run/none", **fields}
    with as_role("gate"), transaction.atomic():
        return services.raise_incident(
            actor=system("gate worker"), team_id=shop.world.team.id, subject=f"pipeline/{shop.pipeline.id}",
            problem=problem, level="ERROR", **held,
        )  # fmt: skip


class TestList:
    def test_it_shows_what_is_not_resolved_newest_first(self, shop: Shop, browse: Browse) -> None:
        first, second = opened(shop), opened(shop, "run/refused", title="The second")
        with as_role("web"):
            services.resolve(actor=shop.world.actor("bob"), incident_id=first.id, resolution="Mended.", kind="fixed")
        html = get(browse, "alice", "/incidents/").content.decode()
        assert re.findall(r'href="/incidents/(\d+)/"', html) == [str(second.number)]
        everything = get(browse, "alice", "/incidents/?state=ALL").content.decode()
        assert re.findall(r'href="/incidents/(\d+)/"', everything) == [str(second.number), str(first.number)]

    @pytest.mark.parametrize(
        ("query", "count"), [("level=ERROR", 1), ("level=WARN", 0), ("q=email", 1), ("q=iban", 0), ("state=%00", 1)]
    )
    def test_filters_stand_in_the_address(self, shop: Shop, browse: Browse, query: str, count: int) -> None:
        opened(shop)
        html = get(browse, "alice", f"/incidents/?{query}").content.decode()
        assert len(re.findall(r'href="/incidents/\d+/"', html)) == count

    def test_nothing_wrong_is_said_kindly(self, shop: Shop, browse: Browse) -> None:
        assert "Nothing is wrong" in text(get(browse, "alice", "/incidents/"))

    def test_it_costs_as_much_for_thirty_as_for_one(self, shop: Shop, browse: Browse) -> None:
        opened(shop)
        one = self.queries(browse)
        for number in range(29):
            opened(shop, f"run/{number}")
        assert self.queries(browse) == one
        # The rows, the tabs, who looks after any, the badge of the navigation.
        assert len([query for query in one if '"incidents_incident"' in query]) == 4
        assert len(one) <= 15

    def queries(self, browse: Browse) -> list[str]:
        client = browse("alice")
        with as_role("web"), CaptureQueriesContext(database) as caught:
            assert client.get("/incidents/").status_code == 200
        asked = [query["sql"] for query in caught.captured_queries if query["sql"].startswith("SELECT")]
        return [re.sub(r"'[^']*'", "?", sql) for sql in asked]


class TestPage:
    def test_the_sentence_comes_first_then_where_to_look(self, shop: Shop, browse: Browse) -> None:
        run = shop.refused()
        found = opened(shop, ref=f"run/{run.id}")
        page = text(get(browse, "alice", f"/incidents/{found.number}/"))
        assert page.index(SENTENCE) < page.index("What happened")
        assert f"Last run #{run.number} Refused" in page
        assert "Pipeline Customer 360" in page
        assert "opened · gate worker" in page

    def test_the_same_problem_adds_to_it(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop)
        opened(shop)
        page = text(get(browse, "alice", f"/incidents/{found.number}/"))
        assert "shown 2 times" in page
        assert "shown again · gate worker" in page
        assert Incident.objects.count() == 1

    def test_what_it_was_about_may_be_gone(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop, ref="run/00000000-0000-0000-0000-000000000000")
        Incident.objects.filter(id=found.id).update(subject="pipeline/not-a-uuid")
        assert get(browse, "alice", f"/incidents/{found.number}/").status_code == 200

    def test_a_stranger_does_not_learn_that_it_exists(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop)
        assert get(browse, "charlie", f"/incidents/{found.number}/").status_code == 404
        assert get(browse, "dora", f"/incidents/{found.number}/").status_code == 200

    def test_hostile_names_stay_text(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop, title=HOSTILE, sentence=HOSTILE, problem=HOSTILE)
        for address in ("/incidents/", f"/incidents/{found.number}/"):
            assert "<script>alert" not in get(browse, "alice", address).content.decode()


class TestActs:
    def test_somebody_looks_after_it(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop)
        with as_role("web"):
            answer = browse("alice").post(f"/incidents/{found.number}/acknowledge")
        assert answer["Location"] == f"/incidents/{found.number}/"
        found.refresh_from_db()
        assert (found.state, found.acknowledged_by) == ("ACKNOWLEDGED", str(shop.world.users["alice"].id))
        page = text(get(browse, "alice", f"/incidents/{found.number}/"))
        assert "Looked after by Alice" in page
        assert "/acknowledge" not in page

    def test_it_is_resolved_with_a_reason(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop)
        with as_role("web"):
            browse("bob").post(
                f"/incidents/{found.number}/resolve", {"kind": "fixed", "resolution": "The source was repaired."}
            )
        found.refresh_from_db()
        assert (found.state, found.resolution) == ("RESOLVED", "The source was repaired.")
        assert "The source was repaired." in text(get(browse, "alice", f"/incidents/{found.number}/"))

    @pytest.mark.parametrize("reason", ["", "   ", "x" * 301])
    def test_without_a_reason_it_stays_open(self, shop: Shop, browse: Browse, reason: str) -> None:
        found = opened(shop)
        with as_role("web"):
            answer = browse("bob").post(f"/incidents/{found.number}/resolve", {"kind": "fixed", "resolution": reason})
        assert answer.status_code == 422
        found.refresh_from_db()
        assert found.state == "OPEN"
        assert IncidentEntry.objects.filter(incident=found).count() == 1

    @pytest.mark.parametrize("act", ["acknowledge", "resolve"])
    def test_an_auditor_only_reads(self, shop: Shop, browse: Browse, act: str) -> None:
        found = opened(shop)
        assert f"/{act}" not in get(browse, "dora", f"/incidents/{found.number}/").content.decode()
        with as_role("web"):
            answer = browse("dora").post(
                f"/incidents/{found.number}/{act}", {"kind": "other", "resolution": "Because."}
            )
        assert answer.status_code == 403
        found.refresh_from_db()
        assert found.state == "OPEN"
        assert Event.objects.filter(action="access.denied").count() == 1

    def test_a_second_acknowledgement_is_told(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop)
        with as_role("web"):
            browse("alice").post(f"/incidents/{found.number}/acknowledge")
            answer = browse("bob").post(f"/incidents/{found.number}/acknowledge")
        assert answer.status_code == 409
        found.refresh_from_db()
        assert found.acknowledged_by == str(shop.world.users["alice"].id)


class TestApi:
    def test_the_list_and_one(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop)
        listed = get(browse, "alice", "/api/v1/incidents/").json()
        assert [row["number"] for row in listed["rows"]] == [found.number]
        one = get(browse, "alice", f"/api/v1/incidents/{found.number}").json()
        assert (one["team"], one["sentence"], one["state"]) == ("crm", SENTENCE, "OPEN")
        assert [(entry["what"], entry["who"]) for entry in one["timeline"]] == [("opened", "gate worker")]

    def test_acknowledging_twice_with_one_key_acts_once(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop)
        client, address = browse("alice"), f"/api/v1/incidents/{found.number}/acknowledge"
        with as_role("web"):
            key = {"Idempotency-Key": "one"}
            answers = [client.post(address, content_type="application/json", headers=key) for _ in "ab"]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[1]["Idempotent-Replayed"] == "true"
        assert IncidentEntry.objects.filter(incident=found, what="acknowledged").count() == 1

    def test_resolving_needs_a_reason(self, shop: Shop, browse: Browse) -> None:
        found = opened(shop)
        client, address = browse("alice"), f"/api/v1/incidents/{found.number}/resolve"
        with as_role("web"):
            refused = client.post(address, '{"kind": "fixed"}', content_type="application/json")
            done = client.post(
                address, json.dumps({"kind": "fixed", "resolution": "Mended."}), content_type="application/json"
            )
        assert (refused.status_code, refused.json()["field"]) == (422, "resolution")
        assert (done.status_code, done.json()["state"]) == (200, "RESOLVED")
