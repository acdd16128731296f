"""The API of runs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.runs.models import Run
from tests.support import as_role

from .support import Shop
from .test_pages import get

Browse = Callable[[str], Client]


def post(browse: Browse, who: str, address: str, body: object = None, **headers: str) -> HttpResponse:
    with as_role("web"):
        return browse(who).post(address, json.dumps(body or {}), content_type="application/json", headers=headers)


def test_the_list_has_cursor_pages(shop: Shop, browse: Browse) -> None:
    numbers = [shop.run(Run.CANCELLED).number for _ in range(51)][::-1]
    first = get(browse, "alice", "/api/v1/runs/").json()
    assert [row["number"] for row in first["rows"]] == numbers[:50]
    second = get(browse, "alice", f"/api/v1/runs/?cursor={first['older']}").json()
    assert [row["number"] for row in second["rows"]] == numbers[50:]
    assert second["older"] == ""


def test_one_run_with_its_steps_and_refusals(shop: Shop, browse: Browse) -> None:
    run = shop.refused()
    one = get(browse, "alice", f"/api/v1/runs/{run.number}").json()
    assert (one["state"], one["pipeline"], one["team"]) == ("REFUSED", "customer-360", "crm")
    assert [refusal["code"] for refusal in one["refusals"]] == ["unclassified", "no-rule"]
    assert [(step["name"], step["state"]) for step in one["steps"]][:3] == [
        ("inspect", "DONE"),
        ("plan", "FAILED"),
        ("extract", "WAITING"),
    ]


def test_a_run_is_started_once_for_one_key(shop: Shop, browse: Browse) -> None:
    body = {"pipeline": str(shop.pipeline.id)}
    first = post(browse, "alice", "/api/v1/runs/", body, **{"Idempotency-Key": "monday"})
    again = post(browse, "alice", "/api/v1/runs/", body, **{"Idempotency-Key": "monday"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["number"] == again.json()["number"]
    assert Run.objects.count() == 1
    assert post(browse, "alice", "/api/v1/runs/", body).status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"pipeline": "x"}, 422), ({"pipeline": "00000000-0000-0000-0000-000000000000"}, 404)],
)
def test_what_can_not_be_started_is_told(shop: Shop, browse: Browse, body: object, status: int) -> None:
    answer = post(browse, "alice", "/api/v1/runs/", body)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert Run.objects.count() == 0


def test_a_steward_cancels_but_does_not_start(shop: Shop, browse: Browse) -> None:
    run = shop.running()
    assert post(browse, "bob", f"/api/v1/runs/{run.number}/cancel").json()["state"] == "CANCELLED"
    assert post(browse, "bob", "/api/v1/runs/", {"pipeline": str(shop.pipeline.id)}).status_code == 403
    assert Run.objects.count() == 1


def test_checks_plan_manifest_and_log(shop: Shop, browse: Browse) -> None:
    run = shop.published()
    base = f"/api/v1/runs/{run.number}"
    checks = get(browse, "alice", f"{base}/checks").json()
    assert [(one["check_id"], one["status"]) for one in checks] == [
        ("email-shape", "FAILED"),
        ("email-there", "PASSED"),
    ]
    assert get(browse, "alice", f"{base}/plan").json()["hash"] == run.plan_hash
    manifest = get(browse, "alice", f"{base}/manifest").json()
    assert (manifest["signature_state"], manifest["body"]["number"]) == ("VALID", run.number)
    log = get(browse, "alice", f"{base}/log").json()
    assert [line["step"] for line in log] == ["plan", "conclude"]
    assert get(browse, "alice", f"{base}/log?after={log[0]['id']}").json() == log[1:]


@pytest.mark.parametrize("part", ["plan", "manifest"])
def test_what_a_run_does_not_have_is_not_found(shop: Shop, browse: Browse, part: str) -> None:
    assert get(browse, "alice", f"/api/v1/runs/{shop.run().number}/{part}").status_code == 404


def test_a_stranger_finds_nothing(shop: Shop, browse: Browse) -> None:
    run = shop.published()
    assert get(browse, "charlie", "/api/v1/runs/").status_code == 403
    for part in ("", "/checks", "/plan", "/manifest", "/log"):
        assert get(browse, "charlie", f"/api/v1/runs/{run.number}{part}").status_code == 404
