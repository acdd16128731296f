"""The arithmetic of the log, pure: hashes of events, links of the chain, and what is wrong with either."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = bytes(32)


@dataclass(frozen=True)
class Entry:
    """An event as stored: its canonical bytes, the columns that repeat parts of them, and its detail, unless erased."""

    id: str
    body: bytes
    action: str
    actor_id: str
    subject: str
    team_id: str
    salt: bytes | None
    detail: bytes | None
    actor_name: str | None
    summary: str | None


@dataclass(frozen=True)
class Link:
    """A place in the chain as stored."""

    number: int
    event_hash: bytes
    chain_hash: bytes


def event_hash(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def chain(previous: bytes, event: bytes) -> bytes:
    """The next chain hash: SHA-256 of the previous one and the event's, 32 bytes each."""
    return hashlib.sha256(previous + event).digest()


def detail_hash(salt: bytes, detail: bytes) -> str:
    return hashlib.sha256(salt + detail).hexdigest()


def fault_of_link(link: Link, entry: Entry, *, expected: int, previous: bytes) -> str:
    """What is wrong with a link and its event, after the chain hash `previous`; empty when nothing is."""
    if link.number != expected:
        return f"Number {expected} is missing: the next one in the log is {link.number}."
    if event_hash(entry.body) != link.event_hash:
        return f"Event {link.number} was altered: its bytes no longer have the hash that was sequenced."
    if chain(previous, link.event_hash) != link.chain_hash:
        return f"The chain breaks at event {link.number}: its link does not follow from the one before."
    fault = fault_of_event(entry)
    return f"Event {link.number} {fault}" if fault else ""


def fault_of_event(entry: Entry) -> str:
    """What is wrong with an event by itself, as the rest of a sentence; empty when nothing is."""
    try:
        body = json.loads(entry.body)
        shown = (body["id"], body["action"], body["actor"]["id"], body["subject"], body["team"])
        committed = body["detail_hash"]
    except (ValueError, KeyError, TypeError):
        return "cannot be read: its bytes are no event."
    if shown != (entry.id, entry.action, entry.actor_id, entry.subject, entry.team_id):
        return "shows something else in its columns than its bytes say."
    if entry.detail is None or entry.salt is None:
        return ""  # Erased on purpose; the salted hash that stays behind proves nothing about a person.
    return _fault_of_detail(entry, entry.salt, entry.detail, committed)


def _fault_of_detail(entry: Entry, salt: bytes, detail: bytes, committed: str) -> str:
    if detail_hash(salt, detail) != committed:
        return "has an altered detail: it no longer has the hash that the event holds."
    said: Mapping[str, Any] = json.loads(detail)
    if (said["actor_name"], said["summary"]) != (entry.actor_name, entry.summary):
        return "shows another name or sentence than its detail says."
    return ""
