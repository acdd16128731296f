"""Discovery writes what is there, how that differs from before, and suggestions; never a sampled value."""

from __future__ import annotations

import pytest
from django.db import connection as database

from apps.audit.models import Event
from apps.core.models import Job
from apps.dataplane.errors import Denied, Refused
from apps.dataplane.plan import TableRef
from apps.sources import selectors, services, tasks
from apps.sources.drift import Drift, drift
from apps.sources.models import Column, Dataset, Discovery
from tests.support import as_role

from .support import Installation

HOSTILE = (
    'quote"d',
    "semi;--colon",
    "new\nline",
    "<script>alert(1)</script>",
    "ünïcödé – 表",
    "%(name)s {{ x }} {% y %}",
    "a" * 63,
    "../../etc",
)


def test_an_approved_connection_is_looked_at_at_once(here: Installation) -> None:
    connection = here.discovered()
    assert list(Dataset.objects.order_by("table").values_list("schema", "table", "gone_at")) == [
        ("crm", "customers", None),
        ("crm", "payments", None),
    ]
    columns = Column.objects.filter(dataset__table="customers").order_by("position")
    assert list(columns.values_list("position", "name", "type")) == [
        (1, "id", "bigint"),
        (2, "email", "text"),
        (3, "phone", "text"),
        (4, "country", "text"),
        (5, "iban", "text"),
    ]
    last = Discovery.objects.get()
    assert (last.state, last.datasets, last.columns, last.drift) == ("DONE", 2, 7, [])
    event = Event.objects.get(action="connection.discovered")
    assert (event.actor_id, event.subject) == ("extract", f"connection/{connection.id}")


def test_suggestions_have_a_reason_and_no_value(here: Installation) -> None:
    here.discovered()
    email, iban = here.column("email"), here.column("iban")
    assert (email.suggested_tag, iban.suggested_tag) == ("pii.contact.email", "financial.iban")
    assert email.suggested_confidence >= 80
    assert email.suggested_by
    with database.cursor() as cursor:
        for table in ("sources_column", "sources_dataset", "sources_discovery", "audit_eventdetail", "core_job"):
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text ~ 'anna1|DE8937|9018'")
            assert cursor.fetchone() == (0,), table


def test_added_dropped_and_retyped_are_drift(here: Installation) -> None:
    connection = here.discovered()
    here.run(
        "ALTER TABLE crm.customers ADD COLUMN birth_date date, DROP COLUMN phone, ALTER COLUMN country TYPE char(2)",
        "CREATE TABLE crm.orders (id int)",
        "DROP TABLE crm.payments",
    )
    here.allow_reading("crm")
    last = here.look_again(connection)
    assert last.drift == [
        {"dataset": "crm.customers", "column": "birth_date", "what": "added", "before": "", "after": "date"},
        {"dataset": "crm.customers", "column": "country", "what": "retyped", "before": "text", "after": "character(2)"},
        {"dataset": "crm.customers", "column": "phone", "what": "dropped", "before": "text", "after": ""},
        {"dataset": "crm.orders", "column": "", "what": "added", "before": "", "after": ""},
        {"dataset": "crm.payments", "column": "", "what": "dropped", "before": "", "after": ""},
    ]
    assert Dataset.objects.get(table="payments").gone_at is not None
    assert Column.objects.get(name="phone").gone_at is not None
    assert selectors.stored_schema(connection.id, TableRef("crm", "payments")) is None
    assert selectors.facts(connection.id, TableRef("crm", "payments")) == ()


def test_nothing_changed_is_no_drift(here: Installation) -> None:
    connection = here.discovered()
    assert here.look_again(connection).drift == []


def test_a_column_that_comes_back_is_unclassified_again(here: Installation) -> None:
    connection = here.discovered()
    here.classify(country=[])
    here.run("ALTER TABLE crm.customers DROP COLUMN country")
    here.look_again(connection)
    here.run("ALTER TABLE crm.customers ADD COLUMN country text")
    here.look_again(connection)
    facts = {fact.name: fact.tags for fact in selectors.facts(connection.id, TableRef("crm", "customers"))}
    assert facts["country"] is None


def test_ids_and_classifications_survive_a_rename_of_the_connection(here: Installation) -> None:
    connection = here.discovered()
    here.classify(email=["pii.contact.email"])
    before = (here.dataset().id, here.column("email").id)
    proposal = here.proposal() | {"name": "Renamed"}
    here.approved("connection", proposal)
    here.look_again(connection)
    assert (here.dataset().id, here.column("email").id) == before
    assert selectors.classification_of(here.dataset())["email"] == ("pii.contact.email",)


def test_hostile_identifiers_are_kept_as_they_are(here: Installation) -> None:
    from psycopg import sql

    with here.server.connect(here.database) as admin:
        for name in HOSTILE:
            admin.execute(
                sql.SQL("CREATE TABLE crm.{} (id int, {} text)").format(sql.Identifier(name), sql.Identifier(name))
            )
    here.allow_reading("crm")
    here.discovered()
    tables = set(Dataset.objects.values_list("table", flat=True))
    assert tables == {*HOSTILE, "customers", "payments"}
    assert set(
        Column.objects.filter(dataset__table__in=HOSTILE).exclude(name="id").values_list("name", flat=True)
    ) == set(HOSTILE)


def test_a_failure_is_written_as_a_sentence_and_changes_nothing(here: Installation) -> None:
    connection = here.discovered()
    with here.server.connect() as admin:
        admin.execute(f"ALTER ROLE \"{here.reader.name}\" PASSWORD 'changed'")
    last = here.look_again(connection)
    assert last.state == Discovery.FAILED
    assert last.failure == (
        f"Could not connect to PostgreSQL at {here.settings.address}: the user name or the password is wrong."
        " Enter user and password again."
    )
    assert Dataset.objects.filter(gone_at=None).count() == 2
    assert Job.objects.filter(kind="connection.discover").order_by("-id")[0].state == Job.DONE


def test_a_second_request_gets_the_look_that_is_under_way(here: Installation) -> None:
    connection = here.connected()
    with as_role("web"):
        rows = [services.discover(actor=here.world.actor("alice"), connection_id=connection.id) for _ in range(2)]
    assert rows[0].id == rows[1].id
    assert Job.objects.filter(kind="connection.discover").count() == 1


def test_a_worker_that_died_for_good_ends_the_discovery(here: Installation) -> None:
    here.connected()
    row = Discovery.objects.get()
    with as_role("scheduler"):
        tasks.discover_dead(f"discovery/{row.id}", "The worker stopped without a word.")
    row.refresh_from_db()
    assert (row.state, row.failure) == (Discovery.FAILED, "The worker stopped without a word.")


def test_a_connection_that_only_writes_is_not_discovered(here: Installation) -> None:
    proposal = here.proposal(write=True)
    proposal["definition"]["credentials"]["read"] = None
    here.approved("connection", proposal)
    connection = selectors.connections(here.world.actor("alice")).get()
    assert not Discovery.objects.exists()
    with as_role("web"), pytest.raises(Refused) as caught:
        services.discover(actor=here.world.actor("alice"), connection_id=connection.id)
    assert caught.value.sentence == "Connection Demo CRM has no read credential."


@pytest.mark.parametrize("name", ["dora"])
def test_who_only_reads_may_not_discover(here: Installation, name: str) -> None:
    connection = here.connected()
    before = Job.objects.count()
    with as_role("web"), pytest.raises(Denied):
        services.discover(actor=here.world.actor(name), connection_id=connection.id)
    assert Job.objects.count() == before


def test_drift_of_nothing_is_nothing() -> None:
    same = {TableRef("a", "b"): {"c": "text"}}
    assert drift(same, same) == ()
    assert drift(same, {TableRef("a", "b"): {}}) == (Drift("a.b", "c", "dropped", "text"),)


def test_the_stored_schema_is_the_live_one(here: Installation) -> None:
    from apps.dataplane.connectors import postgres

    connection = here.discovered()
    ref = TableRef("crm", "customers")
    with here.process("worker"):
        settings, credentials, _version = services.open_settings(connection.id, "read")
        live = postgres.inspect(settings, credentials, [ref])[ref]
    stored = selectors.stored_schema(connection.id, ref)
    assert stored is not None
    assert live is not None
    assert (stored.hash, stored.columns) == (live.hash, live.columns)
