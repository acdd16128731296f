"""A classification is a change: complete for its scope, with a consequence, applied to the columns that change."""

from __future__ import annotations

from typing import Any

import pytest

from apps.changes import services as changes
from apps.changes.models import Change
from apps.dataplane.errors import Conflict, Denied, Invalid
from apps.dataplane.plan import TableRef
from apps.sources import classification_apply, classification_proposals, selectors
from apps.sources.models import Classification, Column, Connection
from tests.support import as_role

from .support import Installation


def test_only_named_columns_change(here: Installation) -> None:
    here.discovered()
    here.classify(email=["pii.contact.email"], id=[])
    here.classify(phone=["pii.contact.phone"])
    assert selectors.classification_of(here.dataset()) == {
        "id": (),
        "email": ("pii.contact.email",),
        "phone": ("pii.contact.phone",),
        "country": None,
        "iban": None,
    }
    assert Classification.objects.count() == 3


def test_the_sentence_counts_the_columns(here: Installation) -> None:
    here.discovered()
    change = here.classify(email=["pii.contact.email"], phone=["pii.contact.phone"])
    assert change.title == "Classify 2 columns of crm.customers"
    assert change.sentence == (
        "After approval, 2 columns of Demo CRM are classified (crm.customers.email, crm.customers.phone)."
    )
    assert (change.risk, change.risk_reasons, change.approvals_needed) == ("LOW", ["Only adds tags."], 1)


def test_losing_a_tag_is_high_risk_and_needs_two(here: Installation) -> None:
    here.discovered()
    here.classify(email=["pii.contact.email"])
    change = here.classify(reviewers="bob erin", email=["pii.online"])
    assert change.sentence == (
        "After approval, 1 column of Demo CRM is classified; 1 loses the tag pii.contact.email, so pipelines may"
        " pass it readable (crm.customers.email)."
    )
    assert (change.risk, change.approvals_needed) == ("HIGH", 2)
    assert change.risk_reasons == ["Removes the tag pii.contact.email."]


def test_none_against_a_sure_suggestion_is_high_risk(here: Installation) -> None:
    here.discovered()
    Column.objects.filter(name="email").update(suggested_confidence=80)
    change = here.classify(reviewers="bob erin", email=[])
    assert change.sentence == (
        "After approval, 1 column of Demo CRM is classified; 1 is called not sensitive although detection is at"
        " least 80 % sure that it is (crm.customers.email)."
    )
    assert change.risk == "HIGH"


def test_none_against_a_weaker_suggestion_is_medium_risk(here: Installation) -> None:
    here.discovered()
    Column.objects.filter(name="email").update(suggested_confidence=79)
    assert here.classify(email=[]).risk == "MEDIUM"


def test_forgetting_refuses_and_is_no_loss(here: Installation) -> None:
    here.discovered()
    here.classify(email=["pii.contact.email"])
    change = here.classify(email=None)
    assert change.sentence == (
        "After approval, 1 column of Demo CRM becomes unclassified, so pipelines refuse it (crm.customers.email)."
    )
    assert change.risk == "LOW"
    assert selectors.classification_of(here.dataset())["email"] is None


def test_a_rollback_gives_back_what_was(here: Installation) -> None:
    here.discovered()
    here.classify(email=["pii.contact.email"])
    second = here.classify(phone=["pii.contact.phone"], country=[])
    with as_role("web"):
        back = changes.roll_back(actor=here.world.actor("alice"), change_id=second.id)
        for name in ("bob", "erin"):
            if back.state == Change.OPEN:
                back = changes.approve(actor=here.world.actor(name), change_id=back.id)
    with as_role("applier"):
        changes.apply_next()
    assert selectors.classification_of(here.dataset()) == {
        "id": None,
        "email": ("pii.contact.email",),
        "phone": None,
        "country": None,
        "iban": None,
    }


def test_several_tables_are_one_change_of_the_connection(here: Installation) -> None:
    connection = here.discovered()
    columns = [
        {"schema": "crm", "table": "customers", "column": "email", "tags": ["pii.contact.email"]},
        {"schema": "crm", "table": "payments", "column": "amount", "tags": ["none"]},
    ]
    change = here.approved("classification", {"connection": str(connection.id), "columns": columns})
    assert change.target == f"classification/connection/{connection.id}"
    assert change.title == "Classify 2 columns of Demo CRM"
    facts = selectors.facts(connection.id, TableRef("crm", "payments"))
    assert [(fact.name, fact.tags) for fact in facts] == [("id", None), ("amount", ())]


def test_two_tables_do_not_collide(here: Installation) -> None:
    connection = here.discovered()
    targets = [
        classification_proposals.target(_normalised(here, connection, table, "id"), team_id=here.world.team.id)
        for table in ("customers", "payments")
    ]
    assert targets[0] != targets[1]


def test_the_text_for_the_diff_quotes_what_could_be_mistaken(here: Installation) -> None:
    text = classification_proposals.text(
        {
            "columns": [
                {"schema": "crm", "table": "customers", "column": "email", "tags": ["pii.contact.email"]},
                {"schema": "crm", "table": "a.b", "column": "x\ny: none", "tags": []},
            ]
        }
    )
    assert text == ('classification:\n  crm.customers.email: pii.contact.email\n  crm."a.b"."x\\ny: none": none\n')


def test_a_base_that_moved_is_a_conflict_and_writes_nothing(here: Installation) -> None:
    connection = here.discovered()
    proposal = _normalised(here, connection, "customers", "email")
    target = classification_proposals.target(proposal, team_id=here.world.team.id)
    here.classify(phone=["pii.contact.phone"])
    with as_role("applier"), pytest.raises(Conflict):
        classification_apply.apply(proposal=proposal, target=target, base_version=0, change="change/x")
    assert Classification.objects.count() == 1


def test_no_process_but_the_applier_writes_a_classification(here: Installation) -> None:
    from django.db import ProgrammingError, transaction

    here.discovered()
    for role in ("web", "worker", "publisher", "scheduler"):
        with as_role(role), pytest.raises(ProgrammingError), transaction.atomic():
            Classification.objects.create(column=here.column("email"), number=1, tags=[], change="x")


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ([{"schema": "crm", "table": "customers", "column": "email", "tags": ["pii.nonsense"]}], "columns[0].tags"),
        ([{"schema": "crm", "table": "customers", "column": "email", "tags": "pii.name"}], "columns[0].tags"),
        ([{"schema": "crm", "table": "customers", "column": "absent", "tags": []}], "columns"),
        ([{"schema": "crm", "table": "absent", "column": "email", "tags": []}], "columns"),
        ([{"schema": "crm", "table": "customers", "tags": []}], "columns[0]"),
        (["email"], "columns[0]"),
        ([], "columns"),
        (None, "columns"),
    ],
)
def test_a_mistaken_proposal_names_its_place(here: Installation, columns: Any, field: str) -> None:
    connection = here.discovered()
    with pytest.raises(Invalid) as caught:
        classification_proposals.normalise(
            {"connection": str(connection.id), "columns": columns}, team_id=here.world.team.id
        )
    assert caught.value.field == field


def test_a_connection_of_another_team_is_not_there(here: Installation) -> None:
    connection = here.discovered()
    with pytest.raises(Invalid) as caught:
        classification_proposals.normalise(
            {"connection": str(connection.id), "columns": []}, team_id="00000000-0000-0000-0000-000000000000"
        )
    assert caught.value.field == "connection"


def test_a_scope_cannot_be_borrowed(here: Installation) -> None:
    connection = here.discovered()
    with pytest.raises(Invalid) as caught:
        classification_proposals.normalise(
            {"connection": str(connection.id), "complete": True, "scope": "dataset/nonsense", "columns": []},
            team_id=here.world.team.id,
        )
    assert caught.value.field == "scope"


def test_an_auditor_proposes_nothing(here: Installation) -> None:
    connection = here.discovered()
    with as_role("web"), pytest.raises(Denied):
        changes.propose(
            actor=here.world.actor("dora"),
            kind="classification",
            team_id=here.world.team.id,
            proposal={"connection": str(connection.id), "columns": []},
        )
    assert not Change.objects.filter(kind="classification").exists()


def _normalised(here: Installation, connection: Connection, table: str, column: str) -> dict[str, Any]:
    entry = {"schema": "crm", "table": table, "column": column, "tags": []}
    return classification_proposals.normalise(
        {"connection": str(connection.id), "columns": [entry]}, team_id=here.world.team.id
    )
