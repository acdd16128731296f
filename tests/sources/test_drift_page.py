"""Differences wait until they are settled: classified, seen, or gone back; the page says which pipelines they hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client

from apps.audit.models import Event
from apps.core.clock import now
from apps.dataplane.errors import Conflict, Denied
from apps.sources import drifted, drifting, upkeep
from apps.sources.drifted import Filters
from apps.sources.models import Connection, Difference, Discovery
from tests.support import as_role

from .support import Installation

Browse = Callable[[str], Client]
PAGE = "/sources/drift/"


@pytest.fixture
def found(here: Installation) -> Installation:
    here.discovered()
    return here


def again(here: Installation, *statements: str) -> None:
    here.run(*statements)
    here.allow_reading("crm")
    here.look_again(Connection.objects.get())


def waiting(here: Installation, **filters: str) -> list[tuple[str, str, str, str]]:
    rows = drifted.paged(here.world.actor("alice"), Filters.read(filters)).rows
    return sorted((one.what, f"{one.dataset.table}.{one.column}", one.before, one.after) for one in rows)


def test_a_first_look_is_no_drift(found: Installation) -> None:
    assert waiting(found) == []


def test_what_changed_waits_over_several_looks(found: Installation) -> None:
    again(found, "ALTER TABLE crm.customers ADD COLUMN age int, DROP COLUMN phone, ALTER country TYPE char(2)")
    again(found, "ALTER TABLE crm.customers ALTER country TYPE char(3)", "CREATE TABLE crm.orders (id int)")
    assert waiting(found) == [
        ("added", "customers.age", "", "integer"),
        ("added", "orders.", "", ""),
        ("dropped", "customers.phone", "text", ""),
        ("retyped", "customers.country", "text", "character(3)"),
    ]
    assert waiting(found, what="added", q="ord") == [("added", "orders.", "", "")]


def test_what_goes_back_to_what_it_was_settles_itself(found: Installation) -> None:
    again(
        found,
        "ALTER TABLE crm.customers ADD COLUMN age int, ALTER country TYPE char(2)",
        "ALTER TABLE crm.payments RENAME TO paid",
    )
    again(
        found,
        "ALTER TABLE crm.customers DROP COLUMN age, ALTER country TYPE text",
        "ALTER TABLE crm.paid RENAME TO payments",
    )
    assert waiting(found) == []
    assert set(Difference.objects.values_list("settled_how", flat=True)) == {"REVERTED"}


def test_a_column_that_came_back_is_a_new_one(found: Installation) -> None:
    again(found, "ALTER TABLE crm.customers DROP COLUMN phone")
    again(found, "ALTER TABLE crm.customers ADD COLUMN phone bigint")
    assert waiting(found) == [("added", "customers.phone", "", "bigint")]


def test_classifying_settles_what_was_added(found: Installation) -> None:
    again(found, "ALTER TABLE crm.customers ADD COLUMN age int, DROP COLUMN phone")
    found.classify(age=["pii.demographic"])
    assert waiting(found) == [("dropped", "customers.phone", "text", "")]
    assert waiting(found, state="settled") == [("added", "customers.age", "", "integer")]
    assert Difference.objects.get(column="age").settled_how == "CLASSIFIED"


def test_whoever_has_seen_it_settles_it_and_is_named(found: Installation, browse: Browse) -> None:
    again(found, "ALTER TABLE crm.customers DROP COLUMN phone")
    one = Difference.objects.get()
    with as_role("web"):
        answer = browse("alice").post(PAGE, {"difference": str(one.id)}, follow=True)
    assert "1 difference is settled." in answer.content.decode()
    one.refresh_from_db()
    assert (one.settled_by, one.settled_how) == ("Alice", "SEEN")
    event = Event.objects.get(action="drift.seen")
    assert event.subject == f"connection/{one.connection_id}"
    with as_role("web"):
        stale = browse("bob").post(PAGE, {"difference": str(one.id)})
    assert stale.status_code == 409
    assert "Somebody has settled one of these differences meanwhile" in stale.content.decode()


@pytest.mark.parametrize(("ids", "status"), [([], 422), (["x"], 422), (["'; --"], 422), ([str(uuid4())], 409)])
def test_what_is_no_difference_settles_nothing(
    found: Installation, browse: Browse, ids: list[str], status: int
) -> None:
    again(found, "ALTER TABLE crm.customers DROP COLUMN phone")
    with as_role("web"):
        assert browse("alice").post(PAGE, {"difference": ids}).status_code == status
    assert Difference.objects.filter(settled_at=None).count() == 1


def test_dora_sees_and_does_not_settle(found: Installation, browse: Browse) -> None:
    again(found, "ALTER TABLE crm.customers DROP COLUMN phone")
    with as_role("web"):
        assert "customers" in browse("dora").get(PAGE).content.decode()
        with pytest.raises(Denied):
            drifting.settle(actor=found.world.actor("dora"), difference_ids=[Difference.objects.get().id])
        with pytest.raises(Denied):
            drifting.settle(actor=found.world.actor("charlie"), difference_ids=[Difference.objects.get().id])
    assert Difference.objects.filter(settled_at=None).count() == 1


def test_another_teams_difference_is_not_there(found: Installation) -> None:
    again(found, "ALTER TABLE crm.customers DROP COLUMN phone")
    from apps.accounts.models import Team

    Connection.objects.update(team=Team.objects.create(slug="other", name="Other"))
    with pytest.raises(Conflict):
        drifting.settle(actor=found.world.actor("alice"), difference_ids=[Difference.objects.get().id])


@pytest.mark.parametrize("query", ["q=" + "x" * 201, "what=gone", "state=odd", "connection=1%27--", "cursor=zzz"])
def test_a_filter_that_cannot_be_is_told(web: Installation, browse: Browse, query: str) -> None:
    assert browse("alice").get(f"{PAGE}?{query}").status_code == 422


def test_the_page_offers_the_remedy(found: Installation, browse: Browse) -> None:
    again(found, 'ALTER TABLE crm.customers ADD COLUMN "<script>alert(1)</script>" int')
    with as_role("web"):
        page = browse("alice").get(PAGE).content.decode()
    assert re.search(r'href="/sources/datasets/[^"]+/">.{0,900}Classify', page, re.DOTALL)
    assert "<script>alert(1)" not in page


def test_the_scheduler_looks_again_once_a_day(found: Installation) -> None:
    with as_role("scheduler"):
        assert upkeep.look_again() == 0
    Discovery.objects.update(created_at=now() - timedelta(hours=25))
    with as_role("scheduler"):
        assert (upkeep.look_again(), upkeep.look_again()) == (1, 0)
    assert Event.objects.filter(action="connection.discovery_requested", actor_id="scheduler").count() == 1
    found.work()
    assert Discovery.objects.order_by("-id")[0].state == Discovery.DONE
