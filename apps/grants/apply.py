"""Carries out the approved release of a legal hold. Imported by the changes app alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.dataplane.errors import Conflict

from .models import LegalHold


def apply(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
    """End the hold. Raises Conflict when it was released already."""
    in_force = LegalHold.objects.filter(id=proposal["hold"], released_at=None)
    if base_version != 1 or not in_force.update(released_at=Now(), release_change=change):
        raise Conflict(_("This legal hold was released already; nothing was written."))
    return target
