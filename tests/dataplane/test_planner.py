"""A plan names every column's treatment and why, or refuses naming every column and stream at fault."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from apps.dataplane.definition import parse as definition_of
from apps.dataplane.errors import PlanRefused
from apps.dataplane.plan import (
    ColumnSchema,
    EndpointRef,
    TableRef,
    TableSchema,
    TreatmentSpec,
    as_json,
    plan_from_json,
)
from apps.dataplane.planner import Inputs, StreamFacts, compile_plan
from apps.dataplane.policy import PolicyText, Rule

REF = TableRef("public", "customers")
LIVE = TableSchema(
    REF,
    (
        ColumnSchema("id", "bigint", not_null=True),
        ColumnSchema("email", "character varying(60)"),
        ColumnSchema("ssn", "text"),
        ColumnSchema("country", "text"),
    ),
    primary_key=("id",),
    estimated_rows=10,
)
TAGS = {"id": (), "email": ("pii.contact.email",), "ssn": ("pii.national_id",), "country": ()}
RULES = PolicyText(
    "personal",
    1,
    (
        Rule("mail", TreatmentSpec("token"), tag="pii.contact"),
        Rule("ids", TreatmentSpec("drop"), tag="pii.national_id"),
    ),
)


def stream(**more):
    table = {"schema": "public", "table": "customers"}
    return {"name": "customers", "source": table, "destination": table, **more}


def inputs(*, streams=None, checks=(), facts=None, policies=(RULES,), **stream_more) -> Inputs:
    definition = definition_of(
        {"format": 1, "streams": streams or [stream(**stream_more)], "output_checks": list(checks)}
    )
    facts = facts or StreamFacts(LIVE, LIVE, None, TAGS)
    return Inputs(
        pipeline="p",
        pipeline_version=1,
        team="t",
        definition=definition,
        source=EndpointRef("s", 1, "restricted", "eu"),
        destination=EndpointRef("d", 1, "analytics", "eu"),
        policies=policies,
        streams={"customers": facts},
        key_versions={"default": 1},
        code_version="test",
    )


def codes(given: Inputs) -> list[tuple[str, str]]:
    with pytest.raises(PlanRefused) as refused:
        compile_plan(given)
    assert refused.value.sentence.endswith("Nothing was written.")
    assert all(refusal.remedy for refusal in refused.value.refusals)
    return [(refusal.code, refusal.subject) for refusal in refused.value.refusals]


def at_destination(*columns: ColumnSchema, **more) -> StreamFacts:
    return StreamFacts(LIVE, LIVE, TableSchema(REF, columns, **more), TAGS)


ID, COUNTRY = ColumnSchema("id", "bigint"), ColumnSchema("country", "text")


def test_every_column_has_a_treatment_and_a_reason():
    plan = compile_plan(inputs())
    columns = plan.stream("customers").columns
    assert [(c.name, str(c.treatment), c.destination_type) for c in columns] == [
        ("id", "pass", "bigint"),
        ("email", "token", "text"),
        ("ssn", "drop", ""),
        ("country", "pass", "text"),
    ]
    assert [column.key.version if column.key else None for column in columns] == [None, 1, None, None]
    assert all(column.why.sentence for column in columns)
    assert plan.stream("customers").method == "create"


def test_the_same_inputs_give_the_same_plan_and_other_estimates_too():
    other = replace(LIVE, estimated_rows=99)
    assert compile_plan(inputs()).hash == compile_plan(inputs(facts=StreamFacts(other, LIVE, None, TAGS))).hash


def test_a_plan_survives_being_stored():
    plan = compile_plan(inputs(row_checks=[{"id": "c", "kind": "not_null", "column": "email"}]))
    stored = plan_from_json(json.loads(json.dumps(as_json(plan))))
    assert stored == plan
    assert stored.hash == plan.hash


def test_an_unclassified_column_refuses():
    facts = StreamFacts(LIVE, LIVE, None, {**TAGS, "country": None})
    assert codes(inputs(facts=facts)) == [("unclassified", "public.customers.country")]


def test_a_new_column_refuses_until_somebody_classified_it():
    live = replace(LIVE, columns=(*LIVE.columns, ColumnSchema("passport_no", "text")))
    assert codes(inputs(facts=StreamFacts(live, LIVE, None, TAGS))) == [
        ("unclassified", "public.customers.passport_no")
    ]


def test_dropped_and_retyped_columns_refuse_all_at_once():
    live = replace(LIVE, columns=(ColumnSchema("id", "bigint"), ColumnSchema("email", "text"), LIVE.columns[2]))
    assert codes(inputs(facts=StreamFacts(live, LIVE, None, TAGS))) == [
        ("retyped", "public.customers.email"),
        ("dropped", "public.customers.country"),
    ]


def test_a_sensitive_column_without_a_rule_refuses():
    assert codes(inputs(policies=())) == [
        ("no-rule", "public.customers.email"),
        ("no-rule", "public.customers.ssn"),
    ]


def test_a_missing_table_and_an_undiscovered_one_refuse():
    assert codes(inputs(facts=StreamFacts(None, LIVE, None, TAGS))) == [("source-missing", "customers")]
    assert codes(inputs(facts=StreamFacts(LIVE, None, None, TAGS))) == [("undiscovered", "customers")]


def test_a_key_domain_without_a_key_refuses():
    given = replace(inputs(), key_versions={})
    assert codes(given) == [("no-key", "public.customers.email")]


def test_a_destination_that_fits_is_emptied_and_filled():
    facts = at_destination(ID, ColumnSchema("email", "character varying(36)"), COUNTRY)
    assert compile_plan(inputs(facts=facts)).stream("customers").method == "delete_insert"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (at_destination(ID, COUNTRY), ("destination-column", "public.customers.email")),
        (
            at_destination(ID, ColumnSchema("email", "character varying(30)"), COUNTRY),
            ("destination-length", "public.customers.email"),
        ),
        (at_destination(ID, ColumnSchema("email", "bytea"), COUNTRY), ("destination-type", "public.customers.email")),
        (
            at_destination(ColumnSchema("id", "integer"), ColumnSchema("email", "text"), COUNTRY),
            ("destination-type", "public.customers.id"),
        ),
        (
            at_destination(ColumnSchema("id", "bigint", generated=True), ColumnSchema("email", "text"), COUNTRY),
            ("destination-generated", "public.customers.id"),
        ),
        (
            at_destination(ID, ColumnSchema("email", "text"), COUNTRY, ColumnSchema("ssn", "text", not_null=True)),
            ("destination-unfilled", "public.customers.ssn"),
        ),
        (
            at_destination(ID, ColumnSchema("email", "text"), COUNTRY, checks=("CHECK ((length(email) > 3))",)),
            ("destination-check", "public.customers.email"),
        ),
    ],
)
def test_a_treatment_that_would_break_the_destination_refuses(facts, expected):
    assert codes(inputs(facts=facts)) == [expected]


def test_a_treatment_that_makes_keys_alike_refuses():
    rules = PolicyText("p", 1, (Rule("mail", TreatmentSpec("redact"), tag="pii"),))
    facts = at_destination(
        ID, ColumnSchema("email", "text"), COUNTRY, ColumnSchema("ssn", "text"), unique=(("email",),)
    )
    assert codes(inputs(facts=facts, policies=(rules,))) == [("destination-key", "public.customers.email")]


def test_null_into_not_null_refuses():
    rules = PolicyText("p", 1, (Rule("mail", TreatmentSpec("null"), tag="pii"),))
    facts = at_destination(
        ID, ColumnSchema("email", "character varying(60)", not_null=True), COUNTRY, ColumnSchema("ssn", "text")
    )
    assert codes(inputs(facts=facts, policies=(rules,))) == [("destination-null", "public.customers.email")]


def test_the_guard_of_a_token_column_is_no_hindrance():
    facts = at_destination(ID, ColumnSchema("email", "text"), COUNTRY, checks=("CHECK (starts_with(email, 'tok_'))",))
    assert compile_plan(inputs(facts=facts)).stream("customers").method == "delete_insert"


def test_rules_about_columns_that_are_not_there_refuse():
    rule = {"id": "r", "kind": "not_null", "column": "nothing"}
    assert codes(inputs(row_checks=[rule])) == [("rule", "customers/r")]
    settle = {"id": "s", "kind": "unique", "columns": ["ssn"]}
    assert codes(inputs(settle=[settle])) == [("rule", "customers/s")]


def test_a_check_that_staged_data_cannot_answer_refuses():
    check = {
        "id": "c",
        "stream": "customers",
        "expectation": "expect_column_values_to_be_dateutil_parseable",
        "kwargs": {"column": "email"},
    }
    assert codes(inputs(checks=[check])) == [("check", "customers/c")]
