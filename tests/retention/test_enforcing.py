"""What a retention rule deletes is what was counted and approved, once, and never what is held."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, transaction
from django.db import connection as database

from apps.audit.models import Event
from apps.core import jobs
from apps.core.models import Job
from apps.dataplane.errors import Conflict, Denied, Refused
from apps.incidents.models import Incident
from apps.retention import services
from apps.retention.models import Enforcement, RetentionRule
from tests.support import World, as_role

from .support import Orders

pytestmark = pytest.mark.django_db
EVERYTHING = {"old": 30, "young": 20, "undated": 2}


def outcome(run: Enforcement) -> dict[str, object]:
    (only,) = run.outcomes
    return only


@pytest.mark.parametrize("column", ["created_at", "day", "wall"])
def test_a_dry_run_counts_by_any_kind_of_date_and_deletes_nothing(orders: Orders, column: str) -> None:
    run = orders.count(orders.rule(age_column=column))
    found = outcome(run)
    assert (run.state, run.rows) == ("DONE", 30)
    assert (found["state"], found["rows"], found["undated"]) == ("COUNTED", 30, 2)
    assert found["oldest"] == found["newest"] != ""
    assert orders.left() == EVERYTHING


def test_nothing_is_deleted_before_a_first_deletion_was_approved(orders: Orders) -> None:
    rule = orders.rule()
    orders.count(rule)
    with as_role("web"), pytest.raises(Refused) as caught:
        services.enforce(actor=orders.here.world.actor("bob"), rule_id=rule.id)
    assert caught.value.remedy == "Make a dry run, then propose the first deletion."
    assert orders.left() == EVERYTHING


def test_the_approved_deletion_takes_exactly_what_was_counted_and_leaves_a_receipt(orders: Orders) -> None:
    dry_run = orders.count(orders.rule())
    change = orders.approve(dry_run)
    orders.here.work()
    run = orders.last()
    assert (run.mode, run.state, run.rows, run.dry_run_id) == ("DELETION", "DONE", 30, dry_run.id)
    assert orders.left() == {"young": 20, "undated": 2}
    receipt = Event.objects.get(action="retention.deleted").detail
    assert receipt.summary == "deleted 30 rows by Old orders"
    assert run.change == f"change/{change.id}"
    assert change.sentence.startswith("After approval, 30 rows dated before ")


def test_a_row_more_than_was_counted_stops_the_first_deletion(orders: Orders) -> None:
    dry_run = orders.count(orders.rule())
    orders.approve(dry_run)
    orders.here.run("INSERT INTO crm.orders VALUES (99, now() - interval '5 years', NULL, NULL, 'old')")
    orders.here.work()
    run = orders.last()
    assert run.state == "REFUSED"
    assert run.sentence.startswith("crm.orders has 31 rows to delete, but 30 were approved. Nothing was deleted.")
    assert orders.left() == {**EVERYTHING, "old": 31}
    assert Incident.objects.get(subject=f"retention/{run.rule_id}").state == "OPEN"


def test_after_the_first_deletion_later_ones_need_no_approval(orders: Orders) -> None:
    rule = orders.released()
    orders.here.run("INSERT INTO crm.orders VALUES (99, now() - interval '5 years', NULL, NULL, 'old')")
    with as_role("web"):
        run = services.enforce(actor=orders.here.world.actor("bob"), rule_id=rule.id)
    assert (orders.done(run).state, run.rows) == ("DONE", 1)
    assert orders.left() == {"young": 20, "undated": 2}


def test_another_version_of_the_rule_needs_a_first_deletion_of_its_own(orders: Orders) -> None:
    rule = orders.released()
    orders.here.approved("retention", orders.proposal(keep={"amount": 3, "unit": "years"}), by="bob", reviewers="erin")
    with as_role("web"), pytest.raises(Refused):
        services.enforce(actor=orders.here.world.actor("bob"), rule_id=rule.id)


def test_a_legal_hold_keeps_every_row_in_counts_and_deletions(orders: Orders) -> None:
    dry_run = orders.count(orders.rule())
    orders.approve(dry_run)
    orders.hold()
    orders.here.work()
    run = orders.last()
    assert (run.state, outcome(run)["state"]) == ("DONE", "HELD")
    assert outcome(run)["sentence"] == "Under legal hold Case 7: no row of it goes."
    assert orders.left() == EVERYTHING


def test_a_hold_ends_by_an_approved_change_alone(orders: Orders) -> None:
    from apps.grants.models import LegalHold

    rule = orders.released()
    orders.hold()
    hold = LegalHold.objects.get()
    orders.here.world.add("frank", ["reviewer"])
    change = orders.here.approved("hold_release", {"hold": str(hold.id)}, by="bob", reviewers="erin")
    hold.refresh_from_db()
    assert (hold.release_change, change.risk) == (f"change/{change.id}", "HIGH")
    orders.here.run("INSERT INTO crm.orders VALUES (99, now() - interval '5 years', NULL, NULL, 'old')")
    with as_role("web"):
        services.enforce(actor=orders.here.world.actor("bob"), rule_id=rule.id)
    orders.here.work()
    assert outcome(orders.last())["state"] == "DELETED"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE grants_legalhold SET released_at = now(), release_change = 'x'",
        "DELETE FROM grants_legalhold",
        "UPDATE retention_retentionruleversion SET definition = '{}'",
        "UPDATE retention_enforcement SET state = 'DONE'",
    ],
)
def test_web_can_neither_release_a_hold_nor_write_a_rule(world: World, statement: str) -> None:
    denied = pytest.raises(ProgrammingError, match="permission denied")
    with as_role("web"), denied, transaction.atomic(), database.cursor() as cursor:
        cursor.execute(statement)


def test_a_deletion_that_was_committed_is_not_repeated_by_the_next_attempt(orders: Orders) -> None:
    orders.approve(orders.count(orders.rule()))
    orders.here.work()
    run = orders.last()
    # The worker died after the commit at the destination: the job is tried again, and new old rows came meanwhile.
    Enforcement.objects.filter(id=run.id).update(state="RUNNING", outcomes=[], rows=0)
    orders.here.run("INSERT INTO crm.orders VALUES (99, now() - interval '5 years', NULL, NULL, 'old')")
    with as_role("scheduler"):
        jobs.enqueue("retention.enforce", subject=f"enforcement/{run.id}")
    assert (orders.done(run).state, run.rows, outcome(run)["state"]) == ("DONE", 30, "DELETED")
    assert orders.left() == {"old": 1, "young": 20, "undated": 2}


def test_a_key_that_would_carry_the_deletion_on_is_refused_by_name(orders: Orders) -> None:
    orders.here.run(
        "CREATE TABLE crm.items (order_id bigint CONSTRAINT of_order REFERENCES crm.orders ON DELETE CASCADE)",
    )
    orders.approve(orders.count(orders.rule()))
    orders.here.work()
    run = orders.last()
    assert run.state == "REFUSED"
    assert "foreign key of_order would carry the deletion into crm.items" in run.sentence
    assert orders.left() == EVERYTHING


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("note", "Column crm.orders.note is text; the age of a row is a date or a timestamp."),
        ("absent", "crm.orders has no column absent, so the age of its rows is not known."),
    ],
)
def test_a_column_that_tells_no_age_is_named(orders: Orders, column: str, sentence: str) -> None:
    found = outcome(orders.count(orders.rule(age_column=column)))
    assert (found["state"], str(found["sentence"]).startswith(sentence)) == ("SKIPPED", True)


def test_a_rule_by_tag_reaches_the_datasets_that_have_it(orders: Orders) -> None:
    orders.here.classify(email=["pii.contact.email"])
    writer = f'"{orders.here.writer.name}"'
    orders.here.run(
        "ALTER TABLE crm.customers ADD created_at timestamptz DEFAULT now() - interval '9 years'",
        f"GRANT SELECT, DELETE ON crm.customers TO {writer}",
    )
    run = orders.count(orders.rule(dataset=None, tag="pii.contact"))
    assert [(one["dataset"], one["state"], one["rows"]) for one in run.outcomes] == [("crm.customers", "COUNTED", 50)]


def test_the_dates_of_a_sensitive_age_column_are_not_shown(orders: Orders) -> None:
    connection = orders.connection
    columns = [{"schema": "crm", "table": "orders", "column": "day", "tags": ["pii.birth_date"]}]
    orders.here.approved("classification", {"connection": str(connection.id), "columns": columns})
    found = outcome(orders.count(orders.rule(age_column="day")))
    assert (found["rows"], found["oldest"], found["newest"]) == (30, "", "")


def test_the_schedule_counts_first_and_deletes_once_that_was_approved(orders: Orders) -> None:
    rule = orders.rule()
    RetentionRule.objects.filter(id=rule.id).update(next_due_at="2020-01-01T00:00:00Z")
    with as_role("scheduler"):
        assert services.start_due() == 1
        assert services.start_due() == 0
    orders.here.work()
    assert (orders.last().mode, orders.left()) == ("DRY_RUN", EVERYTHING)
    orders.approve(orders.last())
    orders.here.work()
    RetentionRule.objects.filter(id=rule.id).update(next_due_at="2020-01-01T00:00:00Z")
    with as_role("scheduler"):
        services.start_due()
    orders.here.work()
    assert (orders.last().mode, orders.last().trigger, orders.last().state) == ("DELETION", "schedule", "DONE")


def test_a_paused_rule_deletes_nothing_until_it_is_resumed(orders: Orders) -> None:
    rule = orders.released()
    actor = orders.here.world.actor("bob")
    with as_role("web"):
        assert services.pause(actor=actor, rule_id=rule.id).next_due_at is None
        with pytest.raises(Refused):
            services.enforce(actor=actor, rule_id=rule.id)
        with pytest.raises(Conflict):
            services.pause(actor=actor, rule_id=rule.id)
        assert services.resume(actor=actor, rule_id=rule.id).next_due_at is not None


def test_one_count_at_a_time(orders: Orders) -> None:
    rule = orders.rule()
    actor = orders.here.world.actor("bob")
    with as_role("web"):
        services.dry_run(actor=actor, rule_id=rule.id)
        with pytest.raises(Conflict):
            services.dry_run(actor=actor, rule_id=rule.id)
    assert Enforcement.objects.count() == 1


@pytest.mark.parametrize("name", ["charlie", "dora", "admin"])
def test_strangers_start_nothing(orders: Orders, name: str) -> None:
    rule = orders.rule()
    with as_role("web"), pytest.raises((Denied, Exception)):
        services.dry_run(actor=orders.here.world.actor(name), rule_id=rule.id)
    assert Enforcement.objects.count() == 0
    assert not Job.objects.filter(kind="retention.enforce").exists()


def test_a_connection_that_does_not_answer_ends_it_with_the_reason(orders: Orders) -> None:
    rule = orders.rule()
    orders.here.run(f'ALTER ROLE "{orders.here.writer.name}" NOLOGIN')
    run = orders.count(rule)
    assert run.state == "FAILED"
    assert "this user may not sign in" in run.sentence
