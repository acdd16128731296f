"""A connection is a change: what approval would bring about, and what the applier writes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import ProgrammingError, transaction

from apps.dataplane.errors import Conflict, Invalid
from apps.sources import connection_apply, connection_proposals, definition, selectors, services
from apps.sources.models import Connection, ConnectionVersion
from tests.support import as_role

from .support import Installation


def test_approval_writes_the_connection_and_its_version(here: Installation) -> None:
    change = here.approved("connection", here.proposal())
    connection = Connection.objects.get()
    assert (connection.slug, connection.name, connection.kind, connection.active_version) == (
        "demo-crm",
        "Demo CRM",
        "postgresql",
        1,
    )
    version = ConnectionVersion.objects.get()
    assert (version.number, version.change) == (1, f"change/{change.id}")
    assert version.definition == change.proposal["definition"]
    endpoint = selectors.endpoint(connection.id)
    assert (endpoint.version, endpoint.zone, endpoint.region) == (1, "restricted", "eu-central")


def test_a_base_that_moved_is_a_conflict_and_writes_nothing(here: Installation) -> None:
    connection = here.connected()
    proposal = here.proposal() | {"name": "Another"}
    for target, base in (
        (f"connection/{connection.id}", 0),
        (f"connection/{connection.id}", 2),
        (f"connection/new/{here.world.team.id}/demo-crm", 0),
    ):
        with as_role("applier"), pytest.raises(Conflict):
            connection_apply.apply(proposal=proposal, target=target, base_version=base, change="change/x")
    connection.refresh_from_db()
    assert (connection.name, ConnectionVersion.objects.count()) == ("Demo CRM", 1)


@pytest.mark.parametrize("role", ["web", "worker", "publisher", "scheduler", "general"])
def test_no_process_but_the_applier_writes_a_connection(here: Installation, role: str) -> None:
    connection = here.connected()
    with as_role(role), pytest.raises(ProgrammingError), transaction.atomic():
        Connection.objects.filter(id=connection.id).update(active_version=7)


@pytest.mark.parametrize(
    ("changed", "said", "risk"),
    [
        ({"zone": "public"}, "the zone changes from restricted to public, so other rules hold", "HIGH"),
        ({"region": "us-east"}, "the region changes from eu-central to us-east", "HIGH"),
        ({"region": ""}, "the region changes from eu-central to -", "HIGH"),
    ],
)
def test_another_place_is_high_risk(here: Installation, changed: dict[str, Any], said: str, risk: str) -> None:
    before = definition.proposal(here.proposal())
    after = json.loads(json.dumps(before))
    after["definition"] |= changed
    found = _consequence(here, before, after)
    assert found.sentence == f"After approval, for connection Demo CRM {said}."
    assert (found.risk, found.approvals, found.reasons) == (risk, 2, (said,))


@pytest.mark.parametrize(
    ("changed", "said", "risk"),
    [
        ({"host": "elsewhere.example"}, "the place changes from", "HIGH"),
        ({"database": "other"}, "the place changes from", "HIGH"),
        ({"sslmode": "require"}, "sslmode changes from disable to require", "LOW"),
    ],
)
def test_another_address_is_high_risk_and_better_encryption_is_not(
    here: Installation, changed: dict[str, Any], said: str, risk: str
) -> None:
    before = definition.proposal(here.proposal())
    after = json.loads(json.dumps(before))
    after["definition"]["settings"] |= changed
    found = _consequence(here, before, after)
    assert said in found.sentence
    assert found.risk == risk


def test_weaker_encryption_is_high_risk(here: Installation) -> None:
    before = definition.proposal(here.proposal())
    before["definition"]["settings"]["sslmode"] = "verify-full"
    after = definition.proposal(here.proposal())
    assert _consequence(here, before, after).risk == "HIGH"


def test_credentials_are_told_by_purpose_and_user(here: Installation) -> None:
    reads, both = definition.proposal(here.proposal()), definition.proposal(here.proposal(write=True))
    kept = both["definition"]["credentials"]["read"] = reads["definition"]["credentials"]["read"]
    added = _consequence(here, reads, both)
    assert (added.sentence, added.risk) == (
        f"After approval, for connection Demo CRM a write credential is added, for user {here.writer.name}.",
        "HIGH",
    )
    removed = _consequence(here, both, reads)
    assert (removed.sentence, removed.risk) == (
        "After approval, for connection Demo CRM the write credential is removed.",
        "LOW",
    )
    rotated = json.loads(json.dumps(reads))
    with as_role("web"):
        where = replace(here.settings, sslmode="disable")
        rotated["definition"]["credentials"]["read"] = services.seal(
            purpose="read", settings=where, user=kept["user"], password="another"
        )
    assert _consequence(here, reads, rotated).sentence == (
        "After approval, for connection Demo CRM the read password is replaced."
    )
    texts = [connection_proposals.text(one) for one in (reads, rotated)]
    differing = [(a, b) for a, b in zip(*(text.splitlines() for text in texts), strict=True) if a != b]
    assert [(a[:26], b[:26]) for a, b in differing] == [("  password: sealed (key v1", "  password: sealed (key v1")]
    assert kept["sealed"] not in texts[0]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"kind": "oracle"}, "kind"),
        ({"slug": "-x"}, "slug"),
        ({"name": "  "}, "name"),
        ({"extra": 1}, "extra"),
        ({"definition": None}, "definition"),
    ],
)
def test_a_mistaken_proposal_names_its_field(here: Installation, changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        connection_proposals.normalise({**here.proposal(), **changed}, team_id=here.world.team.id)
    assert caught.value.field == field


def _consequence(here: Installation, before: dict[str, Any], after: dict[str, Any]) -> Any:
    return connection_proposals.consequence(before, after, team_id=here.world.team.id)
