"""The overview shows what needs the reader, and only what the reader may see."""

from __future__ import annotations

import pytest
from django.urls import reverse

from apps.changes import services as changes
from apps.sources.models import Column, Connection, Dataset
from tests.support import PASSWORD, World, as_role


def page(client, world: World, name: str) -> str:
    client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        response = client.get(reverse("console:home"))
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def unclassified(world):
    connection = Connection.objects.create(team=world.team, slug="crm", name="CRM", kind="postgresql", active_version=1)
    dataset = Dataset.objects.create(connection=connection, schema="public", table="t", schema_hash="", live_schema={})
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


def test_the_overview_needs_a_fixed_number_of_queries(client, world, unclassified, django_assert_num_queries):
    """Fifteen for the page; three belong to stepping into the role."""
    client.force_login(world.users["bob"], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"), django_assert_num_queries(18):
        client.get(reverse("console:home"))


def test_nobody_sees_it_without_signing_in(client, world):
    with as_role("web"):
        response = client.get(reverse("console:home"))
    assert response.status_code == 302
    assert PASSWORD not in response.content.decode()
