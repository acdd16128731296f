"""An incident's life: assigned, snoozed, resolved with a reason, back when the problem is; told once per change."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.alerts.models import Delivery, Notice
from apps.audit.models import Event
from apps.core import jobs
from apps.core.actor import system
from apps.core.clock import now
from apps.core.models import Job
from apps.dataplane.errors import Conflict, Denied, Invalid
from apps.dataplane.quality.gate import CheckOutcome
from apps.incidents import services
from apps.incidents.models import Incident, IncidentEntry
from apps.runs import concluding
from apps.runs.models import Run
from tests.runs.support import HOSTILE, Shop
from tests.runs.test_pages import get, text
from tests.support import as_role

Browse = Callable[[str], Client]
GATE = system("gate worker")


def raised(shop: Shop, level: str = "ERROR", problem: str = "check/customers/email", **more: str) -> Incident:
    said = {"title": "customers: e-mail 91.2 % (limit 99)", "sentence": "It is so.", "ref": "run/none", **more}
    with as_role("gate"), transaction.atomic():
        return services.raise_incident(
            actor=GATE, team_id=shop.world.team.id, subject=f"pipeline/{shop.pipeline.id}", problem=problem,
            level=level, **said,
        )  # fmt: skip


def gone(shop: Shop) -> bool:
    with as_role("gate"), transaction.atomic():
        return services.problem_gone(
            actor=GATE, subject=f"pipeline/{shop.pipeline.id}", problem="check/customers/email", ref="run/9"
        )


def subjects() -> list[str]:
    return list(
        Delivery.objects.filter(user__email="alice@acme.example").order_by("id").values_list("subject", flat=True)
    )


def whats(incident: Incident) -> list[str]:
    return list(IncidentEntry.objects.filter(incident=incident).order_by("id").values_list("what", flat=True))


def resolved(shop: Shop, incident: Incident, kind: str = "fixed") -> Incident:
    with as_role("web"):
        return services.resolve(actor=shop.world.actor("bob"), incident_id=incident.id, resolution="Mended.", kind=kind)


class TestTold:
    def test_once_per_change_of_state_and_not_per_firing(self, shop: Shop) -> None:
        found = raised(shop, "WARN")
        raised(shop, "WARN")
        raised(shop, "ERROR")
        raised(shop, "ERROR")
        resolved(shop, found)
        raised(shop, "ERROR")
        line = "customers: e-mail 91.2 % (limit 99)"
        assert subjects() == [f"[WARN] {line}", f"[ERROR] {line}", f"[ERROR] {line}"]
        assert whats(found) == ["opened", "again", "worse", "again", "resolved", "returned"]
        assert Incident.objects.get().times == 5

    def test_the_bell_has_no_level_in_its_words(self, shop: Shop) -> None:
        raised(shop, effect="publish blocked, yesterday's data still served")
        notice = Notice.objects.filter(user=shop.world.users["alice"]).get()
        assert notice.sentence == "customers: e-mail 91.2 % (limit 99), publish blocked, yesterday's data still served"

    def test_a_blocked_run_says_what_how_bad_and_what_is_still_served(self, shop: Shop) -> None:
        Run.objects.filter(id=shop.published().id).update(ended_at=now() - timedelta(days=1))
        run = shop.refused()
        outcome = CheckOutcome(
            check="email-validity", stream="customers", expectation="x", severity="ERROR", status="failed",
            observed="91.2 % of 1,000 rows, limit 99 %", unexpected=88, total=1000,
        )  # fmt: skip
        with as_role("gate"), transaction.atomic():
            concluding._raise(run, outcome)
        delivery = Delivery.objects.filter(user=shop.world.users["alice"]).get()
        assert delivery.subject == (
            "[ERROR] customers: e-mail validity 91.2 % (limit 99), publish blocked, yesterday's data still served"
        )
        with as_role("general"):
            jobs.work(str(Job.objects.get(subject=f"delivery/{delivery.id}").id), owner="test")
        assert mail.outbox[0].subject == delivery.subject
        assert "What to do: repair the source rows" in mail.outbox[0].body
        number = Incident.objects.get().number
        assert f"/incidents/{number}/" in mail.outbox[0].body
        assert "alice" not in mail.outbox[0].body.lower()

    def test_the_timeline_shows_whom_it_told(self, shop: Shop, browse: Browse) -> None:
        found = raised(shop)
        Delivery.objects.filter(user=shop.world.users["bob"]).update(state="DEAD", last_error="No.", attempts=6)
        page = text(get(browse, "alice", f"/incidents/{found.number}/"))
        assert "Told that it opened: Alice, Erin Waiting by mail" in page
        assert "Told that it opened: Bob Dead by mail · 6 tries · No." in page


class TestReturn:
    def test_the_same_problem_reopens_what_was_resolved_lately(self, shop: Shop) -> None:
        found = resolved(shop, raised(shop))
        again = raised(shop)
        assert (again.id, again.state, again.reopened, again.resolution) == (found.id, "OPEN", 1, "")

    def test_after_a_month_it_is_a_new_incident(self, shop: Shop) -> None:
        found = resolved(shop, raised(shop))
        Incident.objects.filter(id=found.id).update(resolved_at=now() - timedelta(days=31))
        assert raised(shop).id != found.id

    def test_it_closes_by_itself_when_the_check_passes(self, shop: Shop) -> None:
        found = raised(shop)
        assert gone(shop)
        assert not gone(shop)
        found.refresh_from_db()
        assert (found.state, found.resolution_kind, found.resolution) == (
            "RESOLVED", "gone", "It no longer shows: run/9 passed.",
        )  # fmt: skip
        assert len(subjects()) == 1

    def test_a_person_reopens_it_once(self, shop: Shop) -> None:
        found = resolved(shop, raised(shop))
        with as_role("web"):
            services.reopen(actor=shop.world.actor("alice"), incident_id=found.id)
            with pytest.raises(Conflict, match="is open already"):
                services.reopen(actor=shop.world.actor("alice"), incident_id=found.id)
        assert Event.objects.filter(action="incident.reopened").count() == 1

    def test_not_when_the_problem_has_a_newer_one(self, shop: Shop) -> None:
        found = resolved(shop, raised(shop))
        Incident.objects.filter(id=found.id).update(resolved_at=now() - timedelta(days=31))
        raised(shop)
        with as_role("web"), pytest.raises(Conflict, match="newer incident"):
            services.reopen(actor=shop.world.actor("alice"), incident_id=found.id)


class TestAssigned:
    def test_to_a_person_of_the_team_who_hears_of_it(self, shop: Shop) -> None:
        found = raised(shop)
        with as_role("web"):
            services.assign(
                actor=shop.world.actor("alice"), incident_id=found.id, person_id=shop.world.users["erin"].id
            )
        found.refresh_from_db()
        assert found.assignee == shop.world.users["erin"]
        yours = Notice.objects.filter(user=shop.world.users["erin"]).latest("id")
        assert yours.sentence == f"Incident {found.number} is yours now: customers: e-mail 91.2 % (limit 99)"

    @pytest.mark.parametrize("who", ["charlie", "dora", "admin"])
    def test_to_nobody_else(self, shop: Shop, who: str) -> None:
        found = raised(shop)
        with as_role("web"), pytest.raises(Invalid) as caught:
            services.assign(actor=shop.world.actor("alice"), incident_id=found.id, person_id=shop.world.users[who].id)
        assert caught.value.field == "person"

    def test_whoever_acknowledges_looks_after_it(self, shop: Shop, browse: Browse) -> None:
        found = raised(shop)
        with as_role("web"):
            services.acknowledge(actor=shop.world.actor("alice"), incident_id=found.id)
        assert f"/incidents/{found.number}/" in get(browse, "alice", "/incidents/?show=mine").content.decode()
        assert "Nothing is yours" in text(get(browse, "bob", "/incidents/?show=mine"))


class TestSnoozed:
    def snoozed(self, shop: Shop, **more: Any) -> Incident:
        found = raised(shop, **more)
        with as_role("web"):
            return services.snooze(
                actor=shop.world.actor("alice"), incident_id=found.id, until=now() + timedelta(hours=1)
            )

    def test_it_rests_and_comes_back_by_itself(self, shop: Shop, browse: Browse) -> None:
        found = self.snoozed(shop)
        assert "Nothing is wrong" in text(get(browse, "alice", "/incidents/"))
        assert f"#{found.number}" in text(get(browse, "alice", "/incidents/?show=snoozed"))
        with as_role("scheduler"):
            assert services.wake_due() == 0
        Incident.objects.filter(id=found.id).update(snoozed_until=now() - timedelta(seconds=1))
        with as_role("scheduler"):
            assert services.wake_due() == 1
            assert services.wake_due() == 0
        found.refresh_from_db()
        assert (found.state, found.snoozed_until, whats(found)[-1]) == ("OPEN", None, "woke")
        assert Event.objects.filter(action="incident.woke").count() == 1

    def test_firing_does_not_wake_it_but_getting_worse_does(self, shop: Shop) -> None:
        found = self.snoozed(shop, level="WARN")
        raised(shop, "WARN")
        found.refresh_from_db()
        assert (found.state, found.times) == ("SNOOZED", 2)
        raised(shop, "ERROR")
        found.refresh_from_db()
        assert (found.state, found.snoozed_until) == ("OPEN", None)

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"rest": "1", "until": "2030-01-01T00:00"}, {"until": "2001-01-01T00:00"}, {"until": "tomorrow"},
            {"until": "2999-01-01T00:00"}, {"rest": "9999"},
        ],
    )  # fmt: skip
    def test_a_contradictory_or_impossible_time_is_said(self, shop: Shop, browse: Browse, body: dict[str, str]) -> None:
        found = raised(shop)
        with as_role("web"):
            answer = browse("alice").post(f"/incidents/{found.number}/snooze", body)
        assert answer.status_code == 422
        found.refresh_from_db()
        assert found.state == "OPEN"

    def test_what_was_resolved_meanwhile_is_not_snoozed(self, shop: Shop, browse: Browse) -> None:
        found = resolved(shop, raised(shop))
        with as_role("web"):
            assert browse("alice").post(f"/incidents/{found.number}/snooze", {"rest": "1"}).status_code == 409


class TestResolved:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"resolution": "x"}, "kind"), ({"kind": "magic", "resolution": "x"}, "kind"),
            ({"kind": "fixed"}, "resolution"), ({"kind": "fixed", "resolution": "x" * 301}, "resolution"),
            ({"kind": "fixed", "resolution": "a\x00b"}, "resolution"),
        ],
    )  # fmt: skip
    def test_it_takes_a_kind_and_a_reason(self, shop: Shop, browse: Browse, body: dict[str, str], field: str) -> None:
        found = raised(shop)
        with as_role("web"):
            answer = browse("alice").post(f"/incidents/{found.number}/resolve", body)
        assert (answer.status_code, field in answer.context["forms"]["resolve"].errors) == (422, True)

    def test_a_hostile_comment_stays_text(self, shop: Shop, browse: Browse) -> None:
        found = raised(shop)
        with as_role("web"):
            client = browse("alice")
            assert client.post(f"/incidents/{found.number}/comment", {"text": HOSTILE}).status_code == 302
            assert client.post(f"/incidents/{found.number}/comment", {"text": " "}).status_code == 422
            assert client.post(f"/incidents/{found.number}/comment", {"text": "x" * 2001}).status_code == 422
        assert "<script>alert" not in get(browse, "alice", f"/incidents/{found.number}/").content.decode()


class TestMany:
    def test_those_that_moved_on_are_counted_and_left(self, shop: Shop, browse: Browse) -> None:
        found = [raised(shop, problem=f"check/{n}") for n in range(3)]
        resolved(shop, found[0])
        with as_role("web"):
            client = browse("alice")
            body = {"number": [one.number for one in found], "act": "acknowledge", "back": "/incidents/?level=ERROR"}
            answer = client.post("/incidents/many", body)
        assert answer["Location"] == "/incidents/?level=ERROR"
        assert sorted(Incident.objects.values_list("state", flat=True)) == ["ACKNOWLEDGED", "ACKNOWLEDGED", "RESOLVED"]
        assert Event.objects.filter(action="incident.acknowledged").count() == 2

    @pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/incidents/", "/people/", "x"])
    def test_it_leads_back_to_the_list_alone(self, shop: Shop, browse: Browse, back: str) -> None:
        found = raised(shop)
        with as_role("web"):
            body = {"number": found.number, "act": "acknowledge", "back": back}
            assert browse("alice").post("/incidents/many", body)["Location"] == "/incidents/"

    def test_nothing_chosen_changes_nothing(self, shop: Shop, browse: Browse) -> None:
        raised(shop)
        with as_role("web"):
            assert browse("alice").post("/incidents/many", {"act": "acknowledge"}).status_code == 302
        assert Incident.objects.get().state == "OPEN"

    def test_nobody_acts_on_what_is_not_theirs(self, shop: Shop) -> None:
        found = raised(shop)
        with as_role("web"), pytest.raises(Denied):
            services.act_on_many(actor=shop.world.actor("dora"), numbers=[found.number], act="acknowledge")
        with as_role("web"), pytest.raises(Invalid):
            services.act_on_many(actor=shop.world.actor("alice"), numbers=list(range(1, 102)), act="acknowledge")

    def test_the_api_assigns_several(self, shop: Shop, browse: Browse) -> None:
        found = [raised(shop, problem=f"check/{n}") for n in range(2)]
        body = {"numbers": [one.number for one in found], "act": "assign", "person": str(shop.world.users["bob"].id)}
        with as_role("web"):
            answer = browse("alice").post("/api/v1/incidents/many", json.dumps(body), content_type="application/json")
        assert answer.json() == {"done": 2, "moved_on": 0}


class TestManyRows:
    """The list is as cheap with ten thousand incidents as with a few."""

    def fill(self, shop: Shop, count: int) -> None:
        at = now()
        Incident.objects.bulk_create(
            [
                Incident(
                    team=shop.world.team, subject=f"pipeline/{n}", problem="run/failed", title=f"Incident {n}",
                    sentence="x", level="ERROR" if n % 3 else "WARN", state="RESOLVED" if n % 10 else "OPEN",
                    last_ref="", last_at=at - timedelta(minutes=n),
                )
                for n in range(count)
            ],
            batch_size=2000,
        )  # fmt: skip
        with as_role("owner"), database.cursor() as cursor:
            cursor.execute("ANALYZE incidents_incident")

    def test_ten_thousand_incidents(self, shop: Shop, browse: Browse) -> None:
        self.fill(shop, 10_000)
        client = browse("alice")
        with as_role("web"):
            client.get("/incidents/")
            for query in ("", "?sort=-seen", "?sort=level", "?show=all&q=incident+7", "?show=resolved"):
                with CaptureQueriesContext(database) as caught:
                    answer = client.get(f"/incidents/{query}")
                assert (answer.status_code, len(answer.context["page"].rows)) == (200, 50)
                asked = [one for one in caught.captured_queries if one["sql"].startswith("SELECT")]
                assert len(asked) <= 15
                spent = 1000 * sum(float(one["time"]) for one in asked)
                print(f"{query or '/'}: {len(asked)} queries, {spent:.0f} ms")
