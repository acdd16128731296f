"""What an installation that was put back from a backup remembers: when, from which one, and where its fences begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from .clock import now
from .models import Restoration

# Fences stand in canonical JSON, so they stay below 2**53: 25 bits of minutes since 2026 above 28 bits of run numbers.
FENCE_BITS = 28
FENCES_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Restored:
    """One restoration."""

    at: datetime
    backup_made_at: datetime
    backup_events: int


def latest() -> Restored | None:
    """The last restoration; None for an installation that was never restored."""
    row = Restoration.objects.order_by("-id").first()
    return Restored(row.created_at, row.backup_made_at, row.backup_events) if row else None


def fence_base() -> int:
    """What every fence handed out from now on is added to: 0 before the first restoration."""
    return Restoration.objects.order_by("-fence_base").values_list("fence_base", flat=True).first() or 0


def record(*, backup_made_at: datetime, backup_events: int) -> Restored:
    """Remember a restoration. Its fences are above all that this installation, or the one backed up, can have given.

    Destinations may have seen runs that came after the backup and that nobody here knows; the minute counts for them.
    """
    base = int((now() - FENCES_SINCE).total_seconds() // 60) << FENCE_BITS
    base = max(base, fence_base() + (1 << FENCE_BITS))
    row = Restoration(backup_made_at=backup_made_at, backup_events=backup_events, fence_base=base)
    row.save(force_insert=True)
    row.refresh_from_db(fields=["created_at"])
    return Restored(row.created_at, backup_made_at, backup_events)
