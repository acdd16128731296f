"""A definition says how a stream takes up what is new, and what was written before that existed keeps its hash."""

from __future__ import annotations

import pytest

from apps.dataplane.canonical import canonical_hash
from apps.dataplane.definition import as_document, parse
from apps.dataplane.errors import Invalid
from apps.dataplane.plan import (
    ColumnPlan,
    EndpointRef,
    KeyRef,
    PolicyRef,
    RowRule,
    RunPlan,
    SettleRule,
    StreamPlan,
    TableRef,
    TreatmentSpec,
    Why,
    as_json,
    plan_from_json,
)

CUSTOMERS, LAKE = {"schema": "public", "table": "customers"}, {"schema": "lake", "table": "customers"}
BEFORE_MODES = {
    "format": 1,
    "purpose": "analytics",
    "streams": [
        {
            "name": "customers",
            "source": CUSTOMERS,
            "destination": LAKE,
            "filters": [{"id": "eu", "kind": "in_set", "column": "country", "params": {"values": ["DE", "FR"]}}],
            "row_checks": [{"id": "has-id", "kind": "not_null", "column": "id", "on_fail": "reject"}],
            "settle": [{"id": "once", "kind": "unique", "columns": ["id"]}],
        },
        {
            "name": "orders",
            "source": {"schema": "public", "table": "orders"},
            "destination": {"schema": "lake", "table": "orders"},
            "mode": "replace",
            "settle": [
                {"id": "of", "kind": "references", "columns": ["customer_id"], "target": "customers", "to": ["id"]}
            ],
        },
    ],
    "output_checks": [
        {
            "id": "rows",
            "stream": "orders",
            "expectation": "expect_table_row_count_to_be_between",
            "kwargs": {"min_value": 1},
        }
    ],
    "schedule": {"cron": "0 3 * * *", "zone": "Europe/Berlin"},
}


def document(**stream) -> dict:
    return {"format": 1, "streams": [{"name": "customers", "source": CUSTOMERS, "destination": LAKE, **stream}]}


def test_a_definition_from_before_the_modes_keeps_its_hash():
    stored = as_document(parse(BEFORE_MODES))
    assert canonical_hash(stored) == "6ed3b5459fdcc0bc325eb3a4946e9e32ed198863ce1d94575e72f22ec91b8bdc"
    assert as_document(parse(stored)) == stored


def test_a_plan_from_before_the_modes_keeps_its_hash():
    ref, why = TableRef("public", "customers"), Why("s", "p", 1, "r")
    spec = TreatmentSpec("token", {"prefix": True})
    column = ColumnPlan("id", "bigint", ("pii.id",), spec, KeyRef("default", 1), "id", "text", why)
    rules = (RowRule("x", "not_null", "id"),)
    settle = (SettleRule("u", "unique", ("id",)),)
    stream = StreamPlan(
        *("customers", ref, ref, "replace", "delete_insert"),
        *((column,), (), rules, settle, "hold", "a" * 64, "b" * 64, 10),
    )
    end = EndpointRef("c", 1, "restricted", "eu")
    policies = (PolicyRef("gdpr", 2, "c" * 64),)
    plan = RunPlan("p", 1, "t", end, end, "analytics", (stream,), (), policies, "one snapshot", "text", "0.3")
    assert plan.hash == "fa3145a898386428c9d5311964c76d6e32e3ca28c3fa16444c91383de83bfcdc"
    stored = as_json(plan)
    for name in ("key", "window", "binding", "proofs"):
        del stored["streams"][0][name]
    assert plan_from_json(stored) == plan


def test_a_merge_by_cursor_stands_complete_in_the_document():
    given = document(mode="merge", key=["id"], cursor="updated_at", lag_seconds=60, null_cursor="quarantine")
    stream = parse(given).streams[0]
    assert (stream.mode, stream.key, stream.cursor) == ("merge", ("id",), "updated_at")
    assert (stream.lag_seconds, stream.null_cursor) == (60, "quarantine")
    stored = as_document(parse(given))
    assert {name: stored["streams"][0][name] for name in given["streams"][0]} == given["streams"][0]
    assert as_document(parse(stored)) == stored


def test_what_says_nothing_is_left_out():
    stored = as_document(parse(document(mode="append", key=[], cursor="", lag_seconds=0, null_cursor="refuse")))
    assert not {"key", "cursor", "lag_seconds", "null_cursor"} & set(stored["streams"][0])


@pytest.mark.parametrize(
    ("stream", "field"),
    [
        ({"mode": "upsert"}, "mode"),
        ({"mode": ""}, "mode"),
        ({"mode": "merge"}, "key"),
        ({"mode": "merge", "key": ["id", "id"]}, "key"),
        ({"mode": "merge", "key": "id"}, "key"),
        ({"mode": "merge", "key": [""]}, "key"),
        ({"mode": "merge", "key": [f"c{n}" for n in range(17)]}, "key"),
        ({"mode": "append", "key": ["id"]}, "key"),
        ({"mode": "replace", "key": ["id"]}, "key"),
        ({"cursor": "updated_at"}, "cursor"),
        ({"mode": "merge", "key": ["id"], "cursor": 7}, "cursor"),
        ({"mode": "merge", "key": ["id"], "cursor": "a\x00b"}, "cursor"),
        ({"mode": "merge", "key": ["id"], "lag_seconds": 5}, "lag_seconds"),
        ({"mode": "append", "cursor": "id", "lag_seconds": -1}, "lag_seconds"),
        ({"mode": "append", "cursor": "id", "lag_seconds": 1.5}, "lag_seconds"),
        ({"mode": "append", "cursor": "id", "lag_seconds": True}, "lag_seconds"),
        ({"mode": "append", "cursor": "id", "lag_seconds": 10**9}, "lag_seconds"),
        ({"mode": "append", "cursor": "id", "null_cursor": "ignore"}, "null_cursor"),
        ({"mode": "append", "null_cursor": "quarantine"}, "null_cursor"),
        ({"mode": "append", "<script>": 1}, "<script>"),
    ],
)
def test_what_contradicts_itself_is_refused_at_its_place(stream, field):
    with pytest.raises(Invalid) as refused:
        parse(document(**stream))
    assert refused.value.field == f"streams[0].{field}"


def test_only_the_planner_writes_a_rule_that_keeps_the_latest():
    with pytest.raises(Invalid) as refused:
        parse(document(settle=[{"id": "x", "kind": "latest", "columns": ["id"]}]))
    assert refused.value.field == "streams[0].settle[0].kind"
