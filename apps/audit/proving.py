"""One event with everything that proves it: its bytes, its link in the chain, and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.core import access
from apps.core.actor import Actor
from apps.dataplane.errors import NotFound

from .models import Event, Sequenced
from .proof import GENESIS, Link, event_hash, fault_of_event, fault_of_link
from .selectors import Shown, entry_of, shown


@dataclass(frozen=True)
class Proof:
    """Everything that proves one event: its bytes, its link, and whether they agree at this moment."""

    event: Shown
    body: str
    hash: str
    previous: str
    chain: str
    sequenced_at: datetime | None
    fault: str
    before: Shown | None
    after: Shown | None


def proof_of(actor: Actor, event_id: UUID) -> Proof:
    """One event with its proof and its neighbours in the chain. Raises Denied, NotFound."""
    access.require(actor, "audit.view")
    event = Event.objects.filter(id=event_id).select_related("detail", "sequenced").first()
    if event is None:
        raise NotFound("There is no such event in the log.")
    link = getattr(event, "sequenced", None)
    around = _around(link.number) if link else {}
    before, after = (around.get(link.number - 1), around.get(link.number + 1)) if link else (None, None)
    previous = bytes(before.chain_hash) if before else GENESIS
    return Proof(
        event=shown(event),
        body=bytes(event.body).decode("utf-8", "replace"),
        hash=event_hash(bytes(event.body)).hex(),
        previous=previous.hex() if link else "",
        chain=bytes(link.chain_hash).hex() if link else "",
        sequenced_at=link.sequenced_at if link else None,
        fault=_fault(event, link, previous),
        before=shown(before.event) if before else None,
        after=shown(after.event) if after else None,
    )


def _around(number: int) -> dict[int, Sequenced]:
    rows = Sequenced.objects.filter(number__in=[number - 1, number + 1]).select_related(
        "event__detail", "event__sequenced"
    )
    return {row.number: row for row in rows}


def _fault(event: Event, link: Sequenced | None, previous: bytes) -> str:
    entry = entry_of(_values(event))
    if link is None:
        fault = fault_of_event(entry)
        return f"The event {fault}" if fault else ""
    held = Link(link.number, bytes(link.event_hash), bytes(link.chain_hash))
    return fault_of_link(held, entry, expected=link.number, previous=previous)


def _values(event: Event) -> tuple[Any, ...]:
    detail = getattr(event, "detail", None)
    said = (detail.salt, detail.body, detail.actor_name, detail.summary) if detail else (None,) * 4
    return (event.id, event.body, event.action, event.actor_id, event.subject, event.team_id, *said)
