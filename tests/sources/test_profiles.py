"""A profile is asked for, counted by the worker, and never holds a value of a column that may be sensitive."""

from __future__ import annotations

import logging

import pytest
from django.db import connection as database

from apps.audit.models import Event
from apps.core.models import Job
from apps.dataplane.errors import Denied, Refused
from apps.sources import profiling, selectors
from apps.sources.models import Dataset, Profile
from tests.support import as_role

from .support import Installation

CANARIES = "anna1@|anna50|DE8937|9018|canary"


def profiled(here: Installation, table: str = "customers") -> Profile:
    with as_role("web"):
        row = profiling.request_profile(actor=here.world.actor("alice"), dataset_id=here.dataset(table).id)
    here.work()
    row.refresh_from_db()
    assert row.state == Profile.DONE, row.failure
    return row


def columns(here: Installation, table: str = "customers") -> dict[str, dict]:  # type: ignore[type-arg]
    found = selectors.profile_of(here.dataset(table).id)
    assert found is not None
    return {one["name"]: one for one in found.body["columns"]}


def test_a_small_table_is_counted_whole(here: Installation) -> None:
    here.discovered()
    body = profiled(here).body
    assert (body["rows"], body["sampled"], [one["name"] for one in body["columns"]]) == (
        50,
        False,
        ["id", "email", "phone", "country", "iban"],
    )
    email = columns(here)["email"]
    assert (email["nulls"], email["distinct"], email["min_length"], email["max_length"]) == (0, 50, 17, 18)
    assert email["patterns"] == [["aaaa99@aaaaaaa.aaa", 41], ["aaaa9@aaaaaaa.aaa", 9]]


def test_a_large_table_is_sampled_and_says_so(here: Installation) -> None:
    here.run(
        "CREATE TABLE crm.numbers AS SELECT n, n % 7 AS seven FROM generate_series(1, 12000) AS n",
        "ANALYZE crm.numbers",
    )
    here.allow_reading("crm")
    here.discovered()
    body = profiled(here, "numbers").body
    assert (body["rows"], body["sampled"]) == (10_000, True)
    assert profiled(here, "numbers").body["columns"] == body["columns"]


def test_no_value_of_an_unclassified_or_sensitive_column_is_kept_anywhere(
    here: Installation, browse, caplog: pytest.LogCaptureFixture
) -> None:  # type: ignore[no-untyped-def]
    here.run("UPDATE crm.customers SET country = 'canary ' || id")
    here.discovered()
    here.classify(email=["pii.contact.email"], iban=["financial.iban"])
    with caplog.at_level(logging.DEBUG):
        profiled(here)
    for table in ("sources_profile", "audit_event", "audit_eventdetail", "core_job"):
        with database.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text ~ %s", [CANARIES])
            assert cursor.fetchone() == (0,), table
    assert not any(word in caplog.text for word in CANARIES.split("|"))
    with as_role("web"):
        page = browse("alice").get(f"/sources/datasets/{here.dataset().id}/profile").content.decode()
    assert "aaaa99@aaaaaaa.aaa" in page
    assert not any(word in page for word in CANARIES.split("|"))


def test_values_are_shown_of_numbers_that_somebody_called_harmless(here: Installation) -> None:
    here.discovered()
    here.classify(id=[])
    profiled(here)
    found = columns(here)
    assert (found["id"]["minimum"], found["id"]["maximum"], sum(found["id"]["histogram"])) == ("1", "50", 50)
    assert found["email"]["minimum"] is None


def test_values_are_forgotten_when_the_column_becomes_sensitive(here: Installation) -> None:
    here.discovered()
    here.classify(id=[])
    profiled(here)
    here.classify(id=["pii.national_id"])
    stored = {one["name"]: one for one in Profile.objects.get(state=Profile.DONE).body["columns"]}
    assert (stored["id"]["sensitive"], stored["id"]["minimum"], stored["id"]["histogram"]) == (True, None, [])
    assert stored["id"]["patterns"] == [["99", 41], ["9", 9]]


def test_only_the_newest_profile_keeps_its_counts(here: Installation) -> None:
    here.discovered()
    old, new = profiled(here), profiled(here)
    old.refresh_from_db()
    assert (old.body, len(new.body["columns"])) == ({}, 5)


def test_a_second_request_gets_the_profile_under_way(here: Installation) -> None:
    here.discovered()
    with as_role("web"):
        one, other = (
            profiling.request_profile(actor=here.world.actor(name), dataset_id=here.dataset().id)
            for name in ("alice", "bob")
        )
    assert one.id == other.id
    assert Job.objects.filter(kind="connection.profile").count() == 1
    assert Event.objects.filter(action="dataset.profile_requested").count() == 1


def test_a_table_that_went_is_a_sentence(here: Installation) -> None:
    connection = here.discovered()
    here.run("DROP TABLE crm.payments")
    with as_role("web"):
        row = profiling.request_profile(actor=here.world.actor("alice"), dataset_id=here.dataset("payments").id)
    here.work()
    row.refresh_from_db()
    assert (row.state, row.failure) == (
        "FAILED",
        "There is no table crm.payments. Discover the connection again.",
    )
    here.look_again(connection)
    with as_role("web"), pytest.raises(Refused, match="no longer there"):
        profiling.request_profile(actor=here.world.actor("alice"), dataset_id=here.dataset("payments").id)


def test_dora_looks_and_may_not_ask(here: Installation) -> None:
    here.discovered()
    with as_role("web"), pytest.raises(Denied):
        profiling.request_profile(actor=here.world.actor("dora"), dataset_id=Dataset.objects.all()[0].id)
    assert not Profile.objects.exists()
