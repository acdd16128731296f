"""Search finds by kind what fits, only what the reader may see, and costs the same among 20,000 columns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import Team
from apps.changes import services as changes
from apps.console.search import LONGEST, search
from apps.core.actor import Actor
from apps.dataplane.errors import Denied
from apps.incidents.services import raise_incident
from apps.policies.models import Policy
from apps.sources.models import Column, Connection, Dataset
from tests.runs.support import Shop
from tests.support import World, as_role


def found(world: World, name: str, text: str) -> dict[str, list[str]]:
    with as_role("web"):
        return {group.kind: [hit.title for hit in group.hits] for group in search(world.actor(name), text)}


@pytest.fixture
def rows(world: World) -> Dataset:
    crm = Connection.objects.create(
        team=world.team, slug="contacts", name="CRM contacts", kind="postgresql", active_version=1
    )
    other = Team.objects.create(slug="hr", name="HR")
    hr = Connection.objects.create(team=other, slug="hr", name="HR files", kind="postgresql", active_version=1)
    made = []
    for connection_, table in ((crm, "customers"), (crm, "orders"), (hr, "staff")):
        dataset = Dataset.objects.create(
            connection=connection_, schema="public", table=table, schema_hash="", live_schema={}
        )
        for place, column in enumerate(("id", "contact_email", "passport_no", f"of-{table}.x")):
            Column.objects.create(dataset=dataset, name=column, type="text", position=place)
        made.append(dataset)
    Policy.objects.create(team=world.team, slug="contact-rules", name="Contact rules", active_version=1)
    return made[0]


def test_a_column_is_found_by_the_beginning_of_any_word_of_its_name(world: World, rows: Dataset) -> None:
    assert found(world, "alice", "email")["column"] == ["contact_email", "contact_email"]
    assert found(world, "alice", "PASS")["column"] == ["passport_no", "passport_no"]
    assert found(world, "alice", "no pass")["column"] == ["passport_no", "passport_no"]
    assert found(world, "alice", "of-customers")["column"] == ["of-customers.x"]
    assert "column" not in found(world, "alice", "mail")


def test_a_table_before_the_dot_narrows_the_columns(world: World, rows: Dataset) -> None:
    assert found(world, "alice", "orders.pass")["column"] == ["passport_no"]
    assert found(world, "alice", "public.orders")["dataset"] == ["public.orders"]


def test_other_teams_rows_are_found_by_an_auditor_and_by_nobody_else(world: World, rows: Dataset) -> None:
    assert len(found(world, "dora", "passport")["column"]) == 3
    assert found(world, "dora", "HR")["connection"] == ["HR files"]
    assert found(world, "alice", "HR").get("connection") is None
    assert found(world, "alice", "staff") == {}
    assert found(world, "charlie", "passport") == {}


def test_governed_things_are_found_by_name_in_one_query_of_three(world: World, rows: Dataset) -> None:
    Shop.opened(world)
    told = found(world, "alice", "c")
    assert "Contact rules" in told["policy"]
    assert "CRM contacts" in told["connection"]
    assert "Customer 360" in told["pipeline"]


def test_runs_changes_and_incidents_are_found_by_number(world: World) -> None:
    run = Shop.opened(world).published()
    proposal = {
        "email": "new@acme.example",
        "name": "New",
        "team": "crm",
        "roles": ["viewer"],
        "organisation_roles": [],
    }
    with as_role("web"):
        change = changes.propose(
            actor=world.actor("admin"), kind="membership", team_id=world.team.id, proposal=proposal
        )
    change.refresh_from_db()
    incident = raise_incident(
        actor=world.actor("alice"), team_id=world.team.id, subject="pipeline/x", problem="run/failed",
        title="Orders are late", sentence="They are.", level="ERROR", ref="run/x",
    )  # fmt: skip
    incident.refresh_from_db()
    assert found(world, "alice", f"#{run.number}")["run"] == [f"Run {run.number}"]
    assert found(world, "bob", str(change.number))["change"] == [change.title]
    assert found(world, "bob", change.title[:9])["change"] == [change.title]
    assert found(world, "alice", str(incident.number))["incident"] == ["Orders are late"]
    assert found(world, "alice", "are late")["incident"] == ["Orders are late"]
    assert "run" not in found(world, "charlie", str(run.number))


def test_people_are_found_by_whoever_may_see_them(world: World) -> None:
    assert found(world, "admin", "erin")["person"] == ["Erin"]
    assert "person" not in found(world, "alice", "erin")


def test_acts_are_offered_to_whoever_may_do_them(world: World) -> None:
    assert found(world, "alice", "new pipeline")["action"] == ["New pipeline"]
    assert "action" not in found(world, "dora", "new pipeline")
    assert found(world, "dora", "verify log")["action"] == ["Verify the audit log"]
    assert "Runs" in found(world, "alice", "runs")["page"]
    assert found(world, "charlie", "")["action"] == ["New API token", "Change my time zone, name or password"]


@pytest.mark.parametrize(
    "text",
    ["", " ", "\0", "a\0b", "'; DROP TABLE x; --", "<script>", "& | ! :*", "‮abc", "x" * 5000, "%", "9" * 40, "."],
)
def test_no_text_breaks_it(client: Client, world: World, rows: Dataset, text: str) -> None:
    client.force_login(world.users["dora"], backend="django.contrib.auth.backends.ModelBackend")
    for view in ("console:search", "console:suggestions", "console-api:search"):
        with as_role("web"):
            response = client.get(reverse(view), {"q": text})
        assert response.status_code == 200
        assert "<script>alert" not in response.content.decode()
        assert "x" * (LONGEST + 1) not in response.content.decode()


def test_what_is_searched_for_is_escaped(client: Client, world: World) -> None:
    client.force_login(world.users["alice"], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        page = client.get(reverse("console:search"), {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_programs_search_too_and_a_token_without_the_scope_does_not(
    client: Client, world: World, rows: Dataset
) -> None:
    client.force_login(world.users["alice"], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        answer: Any = json.loads(client.get(reverse("console-api:search"), {"q": "orders.pass"}).content)
    assert [group["kind"] for group in answer["groups"]] == ["column"]
    assert answer["groups"][0]["hits"][0]["title"] == "passport_no"
    alice = world.actor("alice")
    with pytest.raises(Denied):
        search(Actor(alice.id, alice.name, "token", alice.teams, scopes=frozenset({"write"})), "orders")


@pytest.mark.parametrize("name", ["alice", "bob", "dora", "admin"])
def test_a_search_costs_at_most_fifteen_queries(client: Client, world: World, rows: Dataset, name: str) -> None:
    client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
    for text in ("c", "7"):
        with as_role("web"), CaptureQueriesContext(connection) as asked:
            client.get(reverse("console:search"), {"q": text})
        assert len(asked) - 3 <= 15


def test_a_column_among_twenty_thousand_is_found_by_its_index(world: World, rows: Dataset) -> None:
    Column.objects.bulk_create(
        Column(dataset=rows, name=f"measure_{n}_value", type="text", position=n) for n in range(20_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sources_column")
    with CaptureQueriesContext(connection) as asked:
        assert found(world, "alice", "passp")["column"] == ["passport_no", "passport_no"]
    query = next(one["sql"] for one in asked if '"sources_column"' in one["sql"])
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + query)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "column_words" in plan


def test_titles_are_looked_through_from_the_newest_on(world: World) -> None:
    alice = world.actor("alice")
    for n in range(3):
        raise_incident(
            actor=alice, team_id=world.team.id, subject=f"pipeline/{n}", problem="run/failed", title=f"Late {n}",
            sentence="It is.", level="WARN", ref="run/x",
        )  # fmt: skip
    assert found(world, "alice", "late")["incident"] == ["Late 2", "Late 1", "Late 0"]
