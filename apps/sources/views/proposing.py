"""Proposes a batch of classifications: all of its changes, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from apps.changes import services as changes
from apps.core.actor import Actor
from apps.sources.column_batches import Batch


@transaction.atomic
def propose_all(actor: Actor, batches: Sequence[Batch], reason: str) -> list[Any]:
    """One change for each connection, in one transaction."""
    return [
        changes.propose(actor=actor, kind="classification", team_id=one.team_id, proposal=one.proposal, reason=reason)
        for one in batches
    ]
