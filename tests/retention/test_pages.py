"""The pages of retention: every mistake names its field, and a deletion is one click from its count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.changes import services as changes
from apps.changes.models import Change
from apps.grants.models import LegalHold
from apps.retention.models import RetentionRule
from apps.sources.models import Dataset
from tests.support import as_role

from .support import Orders

pytestmark = pytest.mark.django_db
Browse = Callable[[str], Client]


def form(orders: Orders, **changed: Any) -> dict[str, Any]:
    return {
        "name": "Old orders",
        "slug": "old-orders",
        "connection": str(orders.connection.id),
        "dataset": "crm.orders",
        "tag": "",
        "age_column": "created_at",
        "keep_amount": "24",
        "keep_unit": "months",
        "zone": "Europe/Berlin",
        "cron": "0 3 * * *",
        "reason": "Commercial code",
        **changed,
    }


def test_bob_proposes_a_rule_and_lands_on_its_change(orders: Orders, browse: Browse) -> None:
    with as_role("web"):
        response = browse("bob").post("/retention/new", form(orders))
    change = Change.objects.get(kind="retention")
    assert response["Location"] == f"/changes/{change.number}/"
    assert change.sentence == (
        "After approval, rows of crm.orders whose created_at is more than 24 months ago become due for deletion; "
        "the first deletion is counted and approved by itself."
    )


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "x" * 121}, "name", "at most 120 characters"),
        ({"slug": "<script>"}, "slug", "A short name has"),
        ({"dataset": "orders"}, "dataset", "Write a dataset as schema.table."),
        ({"dataset": ""}, "dataset", "Name either a dataset or a tag."),
        ({"tag": "pii.contact"}, "dataset", "Name either a dataset or a tag."),
        ({"tag": "pii.nothing"}, "tag", "Select a valid choice."),
        ({"connection": "01900000-0000-7000-8000-000000000000"}, "connection", "Select a valid choice."),
        ({"age_column": "a\u202eb"}, "age_column", "printable characters"),
        ({"keep_amount": "0"}, "keep_amount", "greater than or equal to 1"),
        ({"keep_amount": "2000"}, "keep_amount", "Keep rows for 1 to 1200 months."),
        ({"zone": "Mars/Olympus"}, "zone", "Select a valid choice."),
        ({"cron": "0 0 31 2 *"}, "cron", "never comes"),
        ({"cron": "'; DROP TABLE x; --"}, "cron", "is no schedule"),
    ],
)
def test_a_mistake_is_shown_at_its_field_and_loses_nothing(
    orders: Orders, browse: Browse, changed: dict[str, str], field: str, said: str
) -> None:
    with as_role("web"):
        response = browse("bob").post("/retention/new", form(orders, **changed))
    assert response.status_code == 422
    assert said in " ".join(response.context["form"].errors[field])
    assert 'value="Commercial' in response.content.decode() or "Commercial code" in response.content.decode()
    assert not Change.objects.filter(kind="retention").exists()


def test_a_starter_pack_fills_the_rule_in(orders: Orders, browse: Browse) -> None:
    with as_role("web"):
        packs = browse("bob").get("/policies/packs").content.decode()
        form_ = browse("bob").get("/retention/new?tag=pii.contact&keep_amount=24&keep_unit=months").context["form"]
    assert "/retention/new?tag=" in packs
    assert [form_[name].value() for name in ("tag", "keep_amount", "keep_unit")] == ["pii.contact", "24", "months"]


def test_of_two_edits_the_later_one_is_refused_when_the_first_is_applied(orders: Orders, browse: Browse) -> None:
    orders.rule()
    with as_role("web"):
        browse("bob").post("/retention/crm/old-orders/edit", form(orders, keep_amount="36"))
        browse("bob").post("/retention/crm/old-orders/edit", form(orders, keep_amount="48"))
        edits = list(Change.objects.exclude(state="APPLIED").order_by("number"))
        for change in edits:
            changes.approve(actor=orders.here.world.actor("erin"), change_id=change.id)
    with as_role("applier"):
        changes.apply_next()
        changes.apply_next()
    states = [Change.objects.get(id=change.id).state for change in edits]
    assert states == ["APPLIED", "REFUSED"]
    rule = RetentionRule.objects.get()
    assert (rule.active_version, rule.versions.get(number=2).definition["keep"]["amount"]) == (2, 36)


def test_a_shorter_period_is_high_risk_and_says_so(orders: Orders, browse: Browse) -> None:
    orders.rule()
    with as_role("web"):
        browse("bob").post("/retention/crm/old-orders/edit", form(orders, keep_amount="12"))
    change = Change.objects.exclude(state="APPLIED").get(kind="retention")
    assert change.risk == "HIGH"
    assert change.risk_reasons == ["It keeps rows for 12 months instead of 24 months."]


def test_from_a_dry_run_to_the_approved_deletion_by_buttons(orders: Orders, browse: Browse) -> None:
    orders.rule()
    with as_role("web"):
        counted = browse("bob").post("/retention/crm/old-orders/dry-run")
    orders.here.work()
    with as_role("web"):
        page = browse("bob").get(counted["Location"]).content.decode()
        assert "30 rows would be deleted." in page
        proposed = browse("bob").post(f"{counted['Location']}propose")
    change = Change.objects.get(kind="deletion")
    assert proposed["Location"] == f"/changes/{change.number}/"
    orders.here.approved_last("erin")
    orders.here.work()
    with as_role("web"):
        receipt = browse("dora").get(f"/retention/runs/{orders.last().number}/").content.decode()
        rule = browse("bob").get("/retention/crm/old-orders/").content.decode()
    assert "30 rows were deleted." in receipt
    assert "later ones follow the schedule" in rule


def test_a_hold_is_placed_from_a_dataset_and_its_release_is_a_change(orders: Orders, browse: Browse) -> None:
    dataset = Dataset.objects.get(table="orders")
    with as_role("web"):
        empty = browse("bob").post(f"/retention/holds/place/{dataset.id}", {"title": "", "reason": " "})
        placed = browse("bob").post(f"/retention/holds/place/{dataset.id}", {"title": "Case 7", "reason": "The court"})
    assert (empty.status_code, sorted(empty.context["form"].errors)) == (422, ["reason", "title"])
    assert placed["Location"] == "/retention/holds/"
    hold = LegalHold.objects.get()
    with as_role("web"):
        browse("bob").post(f"/retention/holds/{hold.id}/release")
        page = browse("alice").get("/retention/holds/").content.decode()
    assert "Case 7" in page
    assert Change.objects.get(kind="hold_release").risk == "HIGH"
    hold.refresh_from_db()
    assert hold.released_at is None


@pytest.mark.parametrize(("path", "queries"), [("/retention/", 18), ("/retention/holds/", 16)])
def test_lists_take_the_same_queries_for_one_row_and_for_many(
    orders: Orders, browse: Browse, django_assert_num_queries: Any, path: str, queries: int
) -> None:
    orders.rule()
    orders.hold()
    client = browse("bob")
    with as_role("web"):
        client.get(path)
        few = _count(client, path)
    first = RetentionRule.objects.get()
    version = first.versions.get()
    for number in range(20):
        rule = RetentionRule.objects.create(team=first.team, slug=f"r{number}", name=f"R{number}", active_version=1)
        version.pk, version.rule, version._state.adding = None, rule, True
        version.save()
        orders.hold(f"Case {number}")
    with as_role("web"):
        assert _count(client, path) == few <= queries


def _count(client: Client, path: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)
