"""Two plans are compared by name, and a plan is repeated only while nothing that it binds has moved."""

from __future__ import annotations

from dataclasses import replace

from apps.dataplane.differences import Difference, differences, moved
from apps.dataplane.plan import KeyRef, PolicyRef, TreatmentSpec, Window
from apps.dataplane.planner import compile_plan
from tests.dataplane.test_planner import inputs

PLAN = compile_plan(inputs())
STREAM = PLAN.streams[0]


def with_stream(**changes):
    return replace(PLAN, streams=(replace(STREAM, **changes),))


def with_column(name, **changes):
    columns = tuple(replace(column, **changes) if column.name == name else column for column in STREAM.columns)
    return with_stream(columns=columns)


def test_equal_plans_do_not_differ():
    assert differences(PLAN, compile_plan(inputs())) == ()
    assert moved(PLAN, with_stream(estimated_rows=99)) == ()


def test_every_difference_is_named():
    other = replace(
        with_column("email", treatment=TreatmentSpec("redact"), key=None),
        pipeline_version=2,
        policies=(PolicyRef("personal", 2, "0" * 64), PolicyRef("gdpr", 1, "1" * 64)),
        destination=replace(PLAN.destination, version=3),
        code_version="other",
    )
    assert differences(PLAN, other) == (
        Difference("pipeline", "version", "1", "2"),
        Difference("policy", "personal", "v1", "v2"),
        Difference("policy", "gdpr", "", "v1"),
        Difference("connection", "destination", "d v1, zone analytics", "d v3, zone analytics"),
        Difference("treatment", "public.customers.email", "token", "redact"),
        Difference("key", "public.customers.email", "default/1", ""),
        Difference("code", "version", "test", "other"),
    )


def test_columns_that_come_go_or_change_their_type_are_named():
    fewer = with_stream(columns=STREAM.columns[:-1])
    assert differences(PLAN, fewer) == (Difference("column", "public.customers.country", "pass", ""),)
    assert differences(fewer, PLAN) == (Difference("column", "public.customers.country", "", "pass"),)
    assert differences(PLAN, with_column("id", type="text")) == (
        Difference("column", "public.customers.id", "bigint", "text"),
    )


def test_another_key_version_stands_in_the_way():
    assert moved(PLAN, with_column("email", key=KeyRef("default", 2))) == (
        Difference("key", "public.customers.email", "default/1", "default/2"),
    )


def test_a_window_that_starts_where_it_started_is_read_once_more():
    then = with_stream(window=Window("cursor", "id", "", "5", since="", position={"value": "5"}))
    grown = with_stream(window=Window("cursor", "id", "", "9", since="", position={"value": "9"}))
    beyond = with_stream(window=Window("cursor", "id", "5", "9", since="a" * 64, position={"value": "9"}))
    assert moved(then, grown) == ()
    assert moved(then, beyond) == (Difference("window", "customers", "id … to 5", "id 5 to 9"),)
    assert differences(then, grown) == (Difference("window", "customers", "id … to 5", "id … to 9"),)


def test_a_changed_destination_stands_in_the_way():
    assert [one.kind for one in moved(PLAN, with_stream(method="delete_insert", destination_fingerprint="b" * 64))] == [
        "stream",
        "destination",
    ]
