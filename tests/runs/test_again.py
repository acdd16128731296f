"""Retry, the same plan once more, loading anew: each a new run that says what it repeats, or a refusal by name."""

from __future__ import annotations

import pytest

from apps.core.clock import now
from apps.dataplane.errors import Conflict, Denied, PlanRefused, Refusal, Refused
from apps.dataplane.plan import as_json
from apps.policies.models import Policy, PolicyVersion
from apps.runs import repeating, services
from apps.runs.models import Run
from tests.support import as_role

from .support import RULES, Shop


def retry(shop: Shop, run: Run, who: str = "alice") -> Run:
    with as_role("web"):
        return services.retry(actor=shop.world.actor(who), run_id=run.id)


def repeat(shop: Shop, run: Run) -> Run:
    with as_role("web"):
        return services.repeat(actor=shop.world.actor("alice"), run_id=run.id)


@pytest.mark.parametrize("state", ["REFUSED", "BLOCKED", "FAILED", "CANCELLED"])
def test_a_run_that_did_not_publish_is_retried(shop, state):
    before = shop.run(state, reload=True)
    again = retry(shop, before)
    assert (again.trigger, again.repeats, again.reload, again.state) == ("retry", before.number, True, "QUEUED")


@pytest.mark.parametrize("state", ["PUBLISHED", "RECALLED"])
def test_one_that_did_is_not(shop, state):
    before = shop.published()
    Run.objects.filter(id=before.id).update(state=state)
    with pytest.raises(Conflict, match="did not fail"):
        retry(shop, before)
    assert Run.objects.count() == 1


def test_a_stranger_and_a_viewer_start_nothing(shop):
    before = shop.refused()
    for who in ("charlie", "bob", "dora"):
        with pytest.raises(Denied):
            services.retry(actor=shop.world.actor(who), run_id=before.id)
        with pytest.raises(Denied):
            services.repeat(actor=shop.world.actor(who), run_id=before.id)
    assert Run.objects.count() == 1


class TestSamePlan:
    def planned(self, shop: Shop) -> Run:
        plan = shop.plan()
        return shop.run(Run.FAILED, reached="publish", plan=as_json(plan), plan_hash=plan.hash)

    def test_it_is_queued_while_nothing_has_moved(self, shop):
        before = self.planned(shop)
        again = repeat(shop, before)
        assert (again.trigger, again.repeats) == ("same_plan", before.number)
        assert repeating.repeated(again, shop.plan()).hash == before.plan_hash

    def test_a_policy_that_moved_is_named(self, shop):
        before = self.planned(shop)
        policy = Policy.objects.get()
        PolicyVersion.objects.create(policy=policy, number=8, text={"format": 1, "rules": RULES[:-1]}, hash="1" * 64,
                                     change="change/test")  # fmt: skip
        Policy.objects.update(active_version=8)
        with pytest.raises(Refused, match="the policies in force are not those of then"):
            repeat(shop, before)
        assert Run.objects.count() == 1

    def test_a_pipeline_that_moved_is_named(self, shop):
        before = self.planned(shop)
        shop.pipeline.active_version = 2
        shop.pipeline.save()
        with pytest.raises(Refused, match="version 1 of the pipeline is no longer the active one"):
            repeat(shop, before)

    def test_a_table_that_moved_is_named_when_it_is_looked_at(self, shop):
        before = self.planned(shop)
        again = repeat(shop, before)
        now_planned = shop.plan()
        stream = now_planned.streams[0]
        moved = type(stream)(**{**vars(stream), "source_schema_hash": "0" * 64})
        other = type(now_planned)(**{**_fields(now_planned), "streams": (moved, *now_planned.streams[1:])})
        with pytest.raises(Refused, match=r"source table crm\.customers changed") as refused:
            repeating.repeated(again, other)
        assert refused.value.sentence.endswith("Nothing was written.")

    def test_a_run_that_was_never_planned_has_none(self, shop):
        with pytest.raises(Conflict, match="has no plan to repeat"):
            repeat(shop, shop.refused())
        with pytest.raises(Conflict, match="has no plan to repeat"):
            repeat(shop, shop.running())


def _fields(plan):
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


class TestPages:
    def test_a_failed_run_offers_a_retry_and_a_published_one_does_not(self, shop, browse):
        failed, published = shop.refused(), shop.published()
        assert ">Retry" in _squeezed(browse("alice").get(f"/runs/{failed.number}/"))
        page = _squeezed(browse("alice").get(f"/runs/{published.number}/"))
        assert ">Retry" not in page
        assert f'href="/runs/{published.number}/recall"' in page

    def test_loading_anew_is_offered_where_something_adds(self, shop, browse):
        page = browse("alice").get("/runs/new/crm/customer-360")
        assert page.status_code == 200
        assert "Load everything anew" not in page.content.decode()
        with as_role("web"):
            answer = browse("alice").post("/runs/new/crm/customer-360", {"how": "reload"})
        run = Run.objects.get()
        assert (answer["Location"], run.reload, run.trigger) == (f"/runs/{run.number}/", True, "manual")

    @pytest.mark.parametrize("how", ["", "<script>", "x" * 5000])
    def test_what_is_no_way_to_start_starts_nothing(self, shop, browse, how):
        assert browse("alice").post("/runs/new/crm/customer-360", {"how": how}).status_code == 422
        assert Run.objects.count() == 0

    def test_the_api_retries_repeats_and_loads_anew(self, shop, browse):
        client, failed = browse("alice"), shop.refused()
        again = client.post(f"/api/v1/runs/{failed.number}/retry")
        assert (again.status_code, again.json()["repeats"], again.json()["trigger"]) == (201, failed.number, "retry")
        Run.objects.filter(number=again.json()["number"]).update(state=Run.CANCELLED, ended_at=now())
        none = client.post(f"/api/v1/runs/{failed.number}/repeat")
        assert none.status_code == 409
        given = {"pipeline": str(shop.pipeline.id), "reload": True}
        anew = client.post("/api/v1/runs/", given, content_type="application/json")
        assert (anew.status_code, anew.json()["reload"]) == (201, True)


def _squeezed(response) -> str:
    return " ".join(response.content.decode().replace("</svg> ", "</svg>").split())


def test_a_refused_plan_ends_the_run_with_its_kind(shop):
    run = shop.run(Run.RUNNING)
    error = PlanRefused([Refusal("unclassified", "crm.customers.x", "Column x is unclassified.", "Classify it.")])
    with as_role("worker"):
        services.end(run.id, error, actor=shop.world.actor("alice"))
    run.refresh_from_db()
    assert (run.state, run.code) == ("REFUSED", "plan-refused")
