"""An act and its event stand or fall together."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.db import DatabaseError, connection, transaction

from apps.audit import services
from apps.audit.models import Event, EventDetail
from tests.support import World, as_role


def append(world: World, **change: object) -> Event:
    given = {"action": "run.started", "subject": "run/1", "summary": "started run 1", "team_id": world.team.id}
    return services.append(actor=world.actor("alice"), **{**given, **change})  # type: ignore[arg-type]


def test_an_event_holds_canonical_bytes_and_the_salted_hash_of_its_detail(world: World) -> None:
    with as_role("web"):
        event = append(world, detail={"rows": 3})
    body = json.loads(bytes(event.body))
    detail = EventDetail.objects.get(event=event)
    at = body.pop("at")
    assert body == {
        "format": 1,
        "id": str(event.id),
        "action": "run.started",
        "actor": {"id": str(world.users["alice"].id), "kind": "person"},
        "subject": "run/1",
        "team": str(world.team.id),
        "request": "test",
        "detail_hash": hashlib.sha256(bytes(detail.salt) + bytes(detail.body)).hexdigest(),
    }
    assert (len(at), at[-1], at[10]) == (27, "Z", "T")
    assert bytes(detail.body) == b'{"actor_name":"Alice","rows":3,"summary":"started run 1"}'


def test_the_event_itself_names_nobody(world: World) -> None:
    event = append(world)
    assert b"Alice" not in bytes(event.body)


def test_an_act_that_is_rolled_back_leaves_no_event(world: World) -> None:
    with transaction.atomic():
        append(world)
        transaction.set_rollback(True)
    assert Event.objects.count() == 0


def test_a_float_has_no_canonical_form(world: World) -> None:
    with pytest.raises(ValueError, match=r"\$.share: float"):
        append(world, detail={"share": 0.5})


def test_a_hostile_name_does_not_keep_its_event_out_of_the_log(world: World) -> None:
    event = append(world, summary="named it a\x00b\ud800")
    assert event.detail.summary == "named it a\ufffdb?"


@pytest.mark.parametrize("role", ["web", "worker", "applier", "notary", "scheduler"])
@pytest.mark.parametrize(
    "statement", ["DELETE FROM audit_event", "UPDATE audit_event SET action = 'x'", "TRUNCATE audit_event CASCADE"]
)
def test_no_process_may_change_an_event(world: World, role: str, statement: str) -> None:
    append(world)
    with as_role(role), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement)
    assert Event.objects.values_list("action", flat=True).get() == "run.started"


def test_only_the_notary_may_number_an_event(world: World) -> None:
    append(world)
    with as_role("web"), pytest.raises(DatabaseError, match="permission denied"):
        services.sequence()
