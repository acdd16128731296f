"""The access review says who can do what and who was away for long; exceptions what gave way; CSV runs nothing."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.audit.models import Event
from apps.changes import pairs
from apps.changes.models import Change, Participant
from apps.console import oversight
from apps.console.oversight_forms import Review
from apps.console.oversight_views import table_answer
from apps.core.clock import now
from apps.dataplane.errors import Denied, NotFound
from apps.runs import passing
from apps.runs.models import Run
from tests.runs.support import Shop
from tests.support import World, as_role

BACKEND = "django.contrib.auth.backends.ModelBackend"
PAGES = ("", "pairs/", "tokens/", "exceptions/", "exceptions/single/", "exceptions/roles/")


def applied(world: World, author: str, *approvers: str, founding: bool = False, title: str = "Widen it") -> Change:
    change = Change.objects.create(
        team=world.team, kind="policy", target="policy/x", title=title, sentence="It widens.", risk="HIGH",
        approvals_needed=max(len(approvers), 1), proposal={}, binding={}, binding_hash="h", state=Change.APPLIED,
        founding=founding, expires_at=now(), applied_at=now(),
    )  # fmt: skip
    Participant.objects.create(change=change, person=world.users[author], part="AUTHOR")
    for name in approvers:
        Participant.objects.create(
            change=change, person=world.users[name], part="REVIEWER", verdict="APPROVED", binding_hash="h"
        )
    return change


def away(world: World, name: str, days: int) -> None:
    User.objects.filter(id=world.users[name].id).update(
        created_at=now() - timedelta(days=days + 100), last_login=now() - timedelta(days=days)
    )


def names(world: World, **wanted: object) -> list[str]:
    with as_role("web"):
        page = oversight.access_page(world.actor("dora"), oversight.Wanted(**wanted))  # type: ignore[arg-type]
    return [row.reviewed.person.name for row in page.rows]


def test_dormant_is_who_neither_signed_in_nor_used_a_token(world: World) -> None:
    away(world, "alice", 100)
    away(world, "bob", 100)
    away(world, "erin", 89)
    token = accounts.create_token(actor=world.actor("bob"), name="nightly", scopes=["read"], days=30)
    assert names(world, dormant=True) == ["Bob", "Alice"]
    with as_role("web"):
        assert (
            Client().get("/api/v1/accounts/me", headers={"authorization": f"Bearer {token.secret}"}).status_code == 200
        )
    assert names(world, dormant=True) == ["Alice"]
    assert names(world, dormant=True, days=80) == ["Erin", "Alice"]
    assert names(world, dormant=True, days=101) == []


def test_a_role_or_a_name_narrows_it(world: World) -> None:
    assert names(world, role="reviewer") == ["Erin", "Bob"]
    assert names(world, q="acme", role="administrator") == ["Admin"]
    assert names(world, q="'; --") == []


def test_the_last_act_is_that_of_the_log(world: World) -> None:
    with as_role("web"):
        accounts.update_profile(actor=world.actor("alice"), name="Alice", time_zone="Europe/Oslo")
        rows = oversight.access_page(world.actor("dora"), oversight.Wanted(q="alice")).rows
    event = Event.objects.get(action="person.profile_changed")
    assert abs((rows[0].last_act - event.created_at).total_seconds()) < 2


def test_roles_end_from_the_review_and_it_leads_back(world: World, client: Client) -> None:
    client.force_login(world.users["admin"], backend=BACKEND)
    held = world.users["bob"].memberships.get(role="reviewer")
    with as_role("web"):
        here = f"/people/{world.users['bob'].id}/revoke/{held.id}/"
        answer = client.post(here, {"back": "/review/?role=reviewer"})
        assert (answer.status_code, answer.url) == (302, "/review/?role=reviewer")
        assert "Revoke the role steward of Bob?" in client.get("/review/").content.decode()
    assert names(world, role="reviewer") == ["Erin"]
    assert Event.objects.filter(action="role.revoked").count() == 1


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_it_never_leads_elsewhere(world: World, client: Client, back: str) -> None:
    client.force_login(world.users["admin"], backend=BACKEND)
    held = world.users["bob"].memberships.get(role="reviewer")
    with as_role("web"):
        answer = client.post(f"/people/{world.users['bob'].id}/revoke/{held.id}/", {"back": back})
    assert answer.url == f"/people/{world.users['bob'].id}/"


def test_pairs_are_counted_by_author_and_approver(world: World) -> None:
    for _ in range(3):
        applied(world, "alice", "bob")
    applied(world, "alice", "erin", "bob")
    applied(world, "bob", "erin")
    with as_role("web"):
        found = pairs.pairs(world.actor("dora"))
    assert [(pair.author, pair.approver, pair.count, pair.of_author) for pair in found] == [
        ("Alice", "Bob", 4, 5),
        ("Bob", "Erin", 1, 1),
        ("Alice", "Erin", 1, 5),
    ]


def test_single_signatures_and_founding_are_exceptions_and_two_are_none(world: World) -> None:
    one, founding = applied(world, "alice", "bob"), applied(world, "admin", founding=True)
    applied(world, "alice", "bob", "erin")
    with as_role("web"):
        dora = world.actor("dora")
        assert [row.number for row in pairs.alone(dora).rows] == [founding.number, one.number]
        assert [row.number for row in pairs.alone(dora, founding=True).rows] == [founding.number]
        (row,) = pairs.alone(dora, founding=False).rows
    assert (row.author, row.approver) == ("Alice", "Bob")


def test_a_sensitive_column_that_passes_is_named_with_the_rule_that_lets_it(world: World) -> None:
    run = Shop.opened(world).published()
    with as_role("web"):
        before = [row.column for row in passing.passing(world.actor("dora")).rows]
    plan = Run.objects.get(id=run.id).plan
    column = next(one for one in plan["streams"][0]["columns"] if one["destination"] and one["tags"])
    column["treatment"] = {**column["treatment"], "kind": "pass"}
    column["why"] = {"sentence": "x", "policy": "open", "policy_version": 3, "rule": "let it"}
    Run.objects.filter(id=run.id).update(plan=plan)
    with as_role("web"):
        rows = passing.passing(world.actor("dora")).rows
    (found,) = (row for row in rows if row.column not in before)
    assert (found.policy, found.policy_version, found.rule, found.run) == ("open", 3, "let it", run.number)


@pytest.mark.parametrize("name", ["alice", "bob", "charlie"])
def test_others_see_nothing_of_it(world: World, client: Client, name: str) -> None:
    client.force_login(world.users[name], backend=BACKEND)
    with as_role("web"):
        for page in (*PAGES, "access.csv", "pairs.csv", "grants.csv"):
            assert client.get(f"/review/{page}").status_code == 403, page
        with pytest.raises(Denied):
            pairs.alone(world.actor(name))


@pytest.mark.parametrize("table", ["access", "pairs", "tokens", "passing", "single-signature", "grants"])
def test_each_table_is_a_file_that_runs_no_formula(world: World, client: Client, table: str) -> None:
    hostile = "=HYPERLINK(1)"
    User.objects.filter(id=world.users["bob"].id).update(name=hostile)
    applied(world, "bob", "erin", title=hostile)
    accounts.create_token(actor=world.actor("bob"), name=hostile, scopes=["read"], days=30)
    client.force_login(world.users["dora"], backend=BACKEND)
    with as_role("web"):
        answer = client.get(f"/review/{table}.csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert answer["Content-Disposition"] == f'attachment; filename="lockgate-{table}.csv"'
    assert len({len(row) for row in rows}) == 1
    assert [cell for row in rows for cell in row if cell.startswith("=")] == []
    if table != "passing":
        assert f"'{hostile}" in {cell for row in rows for cell in row}


def test_a_table_that_is_none_is_not_found(world: World, client: Client) -> None:
    client.force_login(world.users["dora"], backend=BACKEND)
    with as_role("web"):
        assert client.get("/review/users.csv").status_code == 404
    with pytest.raises(NotFound):
        table_answer(world.actor("dora"), "users", Review({}))


@pytest.mark.parametrize("query", ["days=0", "days=none", "days=99999", "role=king", "dormant=maybe", "q=%00"])
def test_what_cannot_be_read_is_named(world: World, client: Client, query: str) -> None:
    client.force_login(world.users["dora"], backend=BACKEND)
    with as_role("web"):
        assert client.get(f"/review/?{query}").status_code == 422
        assert client.get(f"/api/v1/console/review/access?{query}").status_code == 422


@pytest.mark.parametrize("page", PAGES)
def test_queries_stay_few_as_rows_grow(world: World, client: Client, page: str) -> None:
    client.force_login(world.users["dora"], backend=BACKEND)
    with as_role("web"):
        client.get(f"/review/{page}")
        with CaptureQueriesContext(connection) as few:
            assert client.get(f"/review/{page}").status_code == 200
    for number in range(8):
        world.add(f"person{number}", ["reviewer"])
        applied(world, f"person{number}", "bob")
        accounts.create_token(actor=world.actor(f"person{number}"), name="t", scopes=["read"], days=3)
    with as_role("web"), CaptureQueriesContext(connection) as many:
        assert client.get(f"/review/{page}").status_code == 200
    assert len(many) <= max(len(few) + 3, 15)
    assert len(many) <= 20
