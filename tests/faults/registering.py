"""Connections as they are typed into the form, ask_for_test before anybody approves them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from apps.sources import services as sources
from apps.sources.models import ConnectionTest
from controlplane.demo.governed import connection

from .installation import eventually
from .organisation import World


def ask_for_test(world: World, database: str, purpose: str, sealed: dict[str, Any], **settings: Any) -> UUID:
    """Ask for a test of an unregistered connection; returns the batch."""
    credentials = {"read": None, "write": None, purpose: sealed}
    proposal = connection("not_registered", world.databases.settings(database, **settings), "restricted", credentials)
    return sources.test_connection(actor=world.people.actor("alice"), team_id=world.people.team().id, proposal=proposal)


def steps(batch: UUID) -> list[dict[str, Any]]:
    """Of the ended test."""
    test = ConnectionTest.objects.filter(batch=batch)
    eventually(lambda: not test.filter(state=ConnectionTest.RUNNING).exists(), "the test of a connection")
    return list(test.get().steps)
