"""Remembers what was answered under an Idempotency-Key, in the transaction of the act."""

from __future__ import annotations

from django.db import connection

from apps.dataplane.canonical import Json
from apps.dataplane.errors import Conflict

from .models import Answered


def claim(actor_id: str, key: str, request_hash: str) -> Answered:
    """The memory of this key, its status 0 while the act is still to be done. Conflict when the request was another."""
    # A second request with the key waits here, at the lock, until the first has ended.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"answered {actor_id} {key}"])
    found = Answered.objects.filter(actor_id=actor_id, key=key).first()
    if found is None:
        return Answered.objects.create(actor_id=actor_id, key=key, request_hash=request_hash)
    if found.request_hash != request_hash:
        raise Conflict(
            "This Idempotency-Key was used for another request.", remedy="Use a new key for each act.",
            field="Idempotency-Key",
        )  # fmt: skip
    return found


def remember(answered: Answered, status: int, body: Json) -> None:
    """Keep the answer; from now on the same request gets it again."""
    answered.status, answered.body = status, body
    answered.save(update_fields=["status", "body"])
