"""Taking a published run back: who may, when it may not, what it leaves behind, and whom it reaches."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from apps.alerts.models import Notice
from apps.audit.models import Event
from apps.core.clock import now
from apps.core.models import Job
from apps.dataplane.crypto import signing
from apps.dataplane.errors import Conflict, Denied, Invalid, PublishRefused
from apps.dataplane.plan import as_json
from apps.dataplane.runner.restore import RestoreReport
from apps.runs import recalling, selectors, services, tainting, tasks
from apps.runs.models import Recall, RecallManifest, RecallSignature, Run, Taint
from tests.support import as_role

from .support import HOSTILE, Shop, pipeline

REPORT = RestoreReport({"customers": 860, "payments": 94}, {"customers": "1:860:ab"}, already=False)


@pytest.fixture
def two(shop: Shop) -> tuple[Run, Run]:
    return shop.published(), shop.published()


def ask(shop: Shop, run: Run, *, who: str = "alice", reason: str = "wrong rows") -> Recall:
    with as_role("web"):
        return recalling.recall(actor=shop.world.actor(who), run_id=run.id, reason=reason)


def carry_out(asked: Recall, good: list[Run]) -> None:
    with as_role("publisher"):
        recalling.conclude(recalling.begin(asked.id), good, REPORT)


def actions() -> list[str]:
    return [json.loads(bytes(event.body))["action"] for event in Event.objects.order_by("id")]


def test_a_recall_waits_as_a_job_and_nothing_else_may_touch_the_destination_meanwhile(shop, two):
    good, bad = two
    asked = ask(shop, bad, who="bob")
    bad.refresh_from_db()
    assert (bad.state, asked.state, asked.good, asked.asker) == ("RECALLING", "QUEUED", good, "Bob")
    assert asked.fence == bad.fence + 500
    assert list(Job.objects.values_list("kind", "queue", "subject")) == [
        ("run.recall", "publish", f"recall/{asked.id}")
    ]
    with pytest.raises(Conflict), as_role("web"):
        services.start(actor=shop.world.actor("alice"), pipeline_id=shop.pipeline.id)
    with pytest.raises(Conflict):
        ask(shop, bad)
    assert Recall.objects.count() == 1


@pytest.mark.parametrize("reason", ["", "   \n\t ", "\x00", "x" * 501])
def test_it_needs_a_reason_of_bearable_length(shop, two, reason):
    with pytest.raises(Invalid) as refused:
        ask(shop, two[1], reason=reason)
    assert refused.value.field == "reason"
    two[1].refresh_from_db()
    assert (two[1].state, Recall.objects.count(), Job.objects.count()) == ("PUBLISHED", 0, 0)


@pytest.mark.parametrize("who", ["charlie", "dora", "admin"])
def test_it_takes_a_permission_of_its_own(shop, two, who):
    with pytest.raises(Denied):
        recalling.recall(actor=shop.world.actor(who), run_id=two[1].id, reason="x")
    assert Recall.objects.count() == 0


def test_only_the_newest_published_run_is_recalled(shop, two):
    with pytest.raises(Conflict) as refused:
        ask(shop, two[0])
    assert refused.value.remedy == f"Recall run {two[1].number} first."


def test_never_while_a_run_is_under_way(shop, two):
    shop.run(Run.RUNNING)
    with pytest.raises(Conflict, match="is under way, so nothing is recalled now"):
        ask(shop, two[1])
    two[1].refresh_from_db()
    assert two[1].state == "PUBLISHED"


def test_what_did_not_publish_is_not_recalled(shop):
    with pytest.raises(Conflict, match="is not published"):
        ask(shop, shop.refused())


def test_it_ends_with_states_a_signed_record_events_and_word_to_the_owners(shop, two):
    good, bad = two
    asked = ask(shop, bad)
    carry_out(asked, [good])
    asked.refresh_from_db()
    bad.refresh_from_db()
    assert (asked.state, bad.state) == ("DONE", "RECALLED")
    sentence = f"The destination is back to run {good.number}: 954 rows were loaded again from signed parts."
    assert asked.sentence == sentence
    document = json.loads(bytes(RecallManifest.objects.get().body))
    assert document["recalled"] == {
        "run": str(bad.id), "number": bad.number, "plan": bad.plan_hash, "manifest": bad.manifest.hash,
    }  # fmt: skip
    assert [one["number"] for one in document["back_to"]] == [good.number]
    assert (document["reason"], document["rows"]) == ("wrong rows", {"customers": 860, "payments": 94})
    assert [name for name in actions() if name.startswith("run.")] == ["run.recall_requested", "run.recalled"]
    told = set(Notice.objects.values_list("sentence", flat=True))
    assert told == {f"Customer 360: run {bad.number} was recalled"}


def test_the_notary_signs_its_record(shop, two, monkeypatch):
    asked = ask(shop, two[1])
    carry_out(asked, [two[0]])
    opened = type("Opened", (), {"version": 1, "secret": shop.notary})()
    monkeypatch.setattr("apps.runs.services.keys.open_key", lambda purpose: opened)
    with as_role("notary"):
        assert services.sign_manifests() == 1
        assert services.sign_manifests() == 0
    held = RecallSignature.objects.get()
    assert signing.sign(shop.notary, bytes(held.manifest.body)) == bytes(held.signature)
    assert selectors.signature(held.manifest).state == "VALID"


def test_a_recalled_run_is_never_what_another_goes_back_to(shop, two):
    carry_out(ask(shop, two[1]), [two[0]])
    third = shop.published()
    assert recalling.good_before(third).first() == two[0]


def test_a_refused_recall_leaves_the_run_published_and_may_be_asked_for_again(shop, two):
    asked = ask(shop, two[1])
    error = PublishRefused("Part x is missing. Nothing was changed.", remedy="Start a new run.")
    with as_role("publisher"):
        recalling.begin(asked.id)
        recalling.end(asked.id, error, actor=recalling.PUBLISHER)
        recalling.end(asked.id, error, actor=recalling.PUBLISHER)
    asked.refresh_from_db()
    two[1].refresh_from_db()
    assert (asked.state, asked.sentence, two[1].state) == ("REFUSED", error.sentence, "PUBLISHED")
    assert actions().count("run.recall_refused") == 1
    assert ask(shop, two[1]).fence == two[1].fence + 501


def test_a_worker_that_vanishes_time_and_again_says_that_the_outcome_is_not_known(shop, two):
    asked = ask(shop, two[1])
    with as_role("scheduler"):
        tasks.recall_dead(f"recall/{asked.id}", "The worker stopped without a word.")
    asked.refresh_from_db()
    assert asked.state == "FAILED"
    assert asked.sentence.endswith("Whether the destination was put back is not known.")


def test_a_concluded_recall_is_not_concluded_twice(shop, two):
    asked = ask(shop, two[1])
    begun = recalling.begin(asked.id)
    carry_out(asked, [two[0]])
    with pytest.raises(Conflict):
        recalling.conclude(begun, [two[0]], REPORT)
    with pytest.raises(Conflict):
        recalling.begin(asked.id)
    assert (RecallManifest.objects.count(), actions().count("run.recalled")) == (1, 1)


def test_an_expected_failure_of_the_job_ends_the_recall(shop, two, monkeypatch):
    asked = ask(shop, two[1])

    def fail(lease):
        raise PublishRefused("No. Nothing was changed.")

    monkeypatch.setattr("apps.runs.tasks.restoring.restore", fail)
    lease = type("Lease", (), {"subject_id": str(asked.id)})()
    with as_role("publisher"):
        tasks.recall(lease)
    asked.refresh_from_db()
    assert (asked.state, asked.sentence) == ("REFUSED", "No. Nothing was changed.")


class TestTaint:
    @pytest.fixture
    def chain(self, shop: Shop, two):
        """mart.customers → second.customers → third.customers, and a pipeline that reads something else."""
        return shop, two[1]

    def reading(self, shop: Shop, name: str, source, destination, tables: tuple[str, str]) -> Run:
        table = {"schema": tables[0], "table": "customers"}
        to = {"schema": tables[1], "table": "customers"}
        stream = {"name": "customers", "source": table, "destination": to}
        row = pipeline(shop.world, source, destination, slug=name, name=name.title(),
                       document={"format": 1, "streams": [stream]})  # fmt: skip
        document = json.loads(json.dumps(as_json(shop.plan())))
        del document["streams"][1:]
        document["streams"][0] |= {"source": table, "destination": to}
        document["source"]["connection"], document["destination"]["connection"] = str(source.id), str(destination.id)
        return shop.run(
            Run.PUBLISHED, reached="done", pipeline=row, plan=document, ended_at=now() + timedelta(minutes=1)
        )

    def test_direct_and_indirect_readers_are_found_and_others_are_not(self, chain):
        shop, bad = chain
        first = self.reading(shop, "first", shop.destination, shop.destination, ("mart", "second"))
        second = self.reading(shop, "second", shop.destination, shop.source, ("second", "third"))
        self.reading(shop, "other", shop.destination, shop.source, ("elsewhere", "there"))
        found = tainting.readers_of(bad)
        assert [(one.run, one.through) for one in found] == [(first, "mart.customers"), (second, "second.customers")]

    def test_they_are_listed_marked_and_told(self, chain):
        shop, bad = chain
        reader = self.reading(shop, "first", shop.destination, shop.destination, ("mart", "second"))
        asked = ask(shop, bad)
        carry_out(asked, [])
        assert [(one.run, one.through) for one in Taint.objects.all()] == [(reader, "mart.customers")]
        assert [one.recall.run for one in selectors.taints(reader)] == [bad]
        assert f"First: run {reader.number} read data that was recalled" in set(
            Notice.objects.values_list("sentence", flat=True)
        )

    def test_a_run_that_was_reading_meanwhile_is_marked_when_it_concludes(self, chain):
        shop, bad = chain
        late = self.reading(shop, "late", shop.destination, shop.destination, ("mart", "second"))
        Run.objects.filter(id=late.id).update(state=Run.RUNNING)
        carry_out(ask(shop, bad), [])
        assert Taint.objects.count() == 0
        with as_role("publisher"):
            tainting.taint_late(late)
        assert [one.run for one in Taint.objects.all()] == [late]

    def test_runs_that_ended_before_it_published_are_clean(self, chain):
        shop, bad = chain
        early = self.reading(shop, "early", shop.destination, shop.destination, ("mart", "second"))
        Run.objects.filter(id=early.id).update(ended_at=now() - timedelta(hours=1))
        assert tainting.readers_of(bad) == []


class TestPages:
    def test_the_page_says_what_will_happen_and_posts(self, shop, two, browse):
        good, bad = two
        page = browse("alice").get(f"/runs/{bad.number}/recall").content.decode()
        assert f"goes back to run #{good.number}" in page
        with as_role("web"):
            answer = browse("alice").post(f"/runs/{bad.number}/recall", {"reason": HOSTILE.strip()})
        assert (answer.status_code, answer["Location"]) == (302, f"/runs/{bad.number}/")
        shown = browse("alice").get(f"/runs/{bad.number}/").content.decode()
        assert "Alice is taking this run back." in shown
        assert "<script>alert(1)" not in shown

    def test_without_a_reason_the_form_comes_back(self, shop, two, browse):
        answer = browse("alice").post(f"/runs/{two[1].number}/recall", {"reason": " "})
        assert answer.status_code == 422
        assert "Say why the run is recalled." in answer.content.decode()

    def test_a_recalled_run_shows_who_why_and_what_it_reached(self, shop, two, browse):
        carry_out(ask(shop, two[1]), [two[0]])
        page = browse("dora").get(f"/runs/{two[1].number}/").content.decode()
        assert "Recalled by Alice." in page
        assert "wrong rows" in page
        record = browse("dora").get(f"/runs/{two[1].number}/recall.json")
        assert record.content == bytes(RecallManifest.objects.get().body)

    def test_the_api_asks_for_one_and_tells_of_it(self, shop, two, browse):
        url = f"/api/v1/runs/{two[1].number}/recall"
        client = browse("alice")
        asked = client.post(url, {"reason": "wrong rows"}, content_type="application/json")
        assert (asked.status_code, asked.json()["state"], asked.json()["back_to"]) == (202, "QUEUED", two[0].number)
        carry_out(Recall.objects.get(), [two[0]])
        (told,) = client.get(url).json()
        assert (told["state"], told["signature_state"], told["tainted"]) == ("DONE", "WAITING", [])
        again = client.post(url, {"reason": "x"}, content_type="application/json")
        assert again.status_code == 409
