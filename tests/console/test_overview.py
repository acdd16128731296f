"""The overview shows what needs the reader, and only what the reader may see."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.audit import services as audit
from apps.changes import services as changes
from apps.core.clock import now
from apps.core.models import ProcessBeat
from apps.pipelines.models import Pipeline
from apps.runs.models import Run
from apps.sources.models import Column, Connection, Dataset
from tests.runs.support import Shop
from tests.support import PASSWORD, World, as_role


def page(client, world: World, name: str) -> str:
    client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        response = client.get(reverse("console:home"))
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def unclassified(world):
    source = Connection.objects.create(team=world.team, slug="crm", name="CRM", kind="postgresql", active_version=1)
    dataset = Dataset.objects.create(connection=source, schema="public", table="t", schema_hash="", live_schema={})
    for place in range(3):
        Column.objects.create(dataset=dataset, name=f"c{place}", type="text", position=place)
    return dataset


def test_an_empty_installation_offers_the_next_step(client, world):
    assert "Connect a source and a destination" in page(client, world, "alice")


def test_a_stranger_sees_no_figures(client, world):
    shown = page(client, world, "charlie")
    assert "Columns classified" not in shown
    assert "Runs today" not in shown


def test_unclassified_columns_are_counted_for_who_can_classify_them(client, world, unclassified):
    assert "3 columns wait for a classification" in page(client, world, "bob")
    assert "3 columns wait" not in page(client, world, "dora")


def test_a_reviewer_sees_what_waits_and_its_author_does_not(client, world):
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
    assert change.title in page(client, world, "bob")
    assert "Awaiting your review" not in page(client, world, "alice")


@pytest.mark.parametrize(("name", "queries"), [("alice", 16), ("bob", 16), ("dora", 12), ("admin", 8), ("charlie", 3)])
def test_the_overview_needs_a_fixed_number_of_queries(client, world, unclassified, name, queries):
    """However many rows there are; three more belong to stepping into the role."""
    counted = []
    for more in (range(1), range(1, 40)):
        for place in more:
            Column.objects.create(dataset=unclassified, name=f"more{place}", type="text", position=place)
            Pipeline.objects.create(
                team=world.team, slug=f"p{place}", name=f"P {place}", active_version=1,
                source=unclassified.connection, destination=unclassified.connection,
            )  # fmt: skip
        client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        with as_role("web"):
            client.get(reverse("console:home"))  # A session's first request remembers the device.
        with as_role("web"), CaptureQueriesContext(connection) as asked:
            client.get(reverse("console:home"))
        counted.append(len(asked) - 3)
    assert counted == [queries, queries]


def test_an_engineer_sees_what_did_not_publish_first_and_why(client, world):
    shop = Shop.opened(world)
    run = shop.published()
    Run.objects.filter(id=run.id).update(
        state="REFUSED", sentence="Column x is unclassified.", refusals=[{"code": "unclassified", "subject": "x"}]
    )
    shown = page(client, world, "alice")
    assert "Your pipelines" in shown
    assert "Held by drift" in shown
    assert "Column x is unclassified." in shown


def test_a_steward_sees_what_is_not_covered(client, world, unclassified):
    shown = page(client, world, "bob")
    assert "3 columns nobody has classified" in shown
    assert "0 policies in force" in shown


def test_an_auditor_sees_how_far_the_log_is_and_when_it_was_verified(client, world):
    assert "Nobody has verified this log yet." in page(client, world, "dora")
    with as_role("web"):
        audit.verify_as(actor=world.actor("dora"))
    assert "Dora verified the audit log" in page(client, world, "dora")


def test_an_administrator_sees_processes_key_files_and_people(client, world):
    at = now()
    for name, silent in (("web", timedelta()), ("extract", timedelta(minutes=5))):
        ProcessBeat.objects.create(name=name, kind=name, role=name, pid=1, started_at=at, seen_at=at - silent)
    shown = page(client, world, "admin")
    assert "silent: extract" in shown
    assert "Not copied" in shown
    assert "6 active, 0 invited" in shown


def test_a_viewer_sees_pipelines_and_runs_and_nothing_to_decide(client, world):
    world.add("vera", ["viewer"])
    shown = page(client, world, "vera")
    assert "Your pipelines" in shown
    assert "Coverage" not in shown
    assert "The record" not in shown


def test_nobody_sees_it_without_signing_in(client, world):
    with as_role("web"):
        response = client.get(reverse("console:home"))
    assert response.status_code == 302
    assert PASSWORD not in response.content.decode()
