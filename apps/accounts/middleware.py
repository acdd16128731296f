"""Says who asks: `request.actor`, read fresh for every request, and the zone in which they see times."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest
from django.utils import timezone

from . import devices
from .models import User
from .selectors import actor_of


class CurrentActor(LoginRequiredMiddleware):
    """Every page needs a signed-in person, unless its view is marked with `login_not_required`: forgetting is safe."""

    def process_request(self, request: HttpRequest) -> None:
        request.actor = actor_of(request.user, request_id=getattr(request, "id", ""))  # type: ignore[attr-defined]
        # Activated anew for each request and left on at its end: a live stream is rendered after the answer began.
        timezone.activate(_zone(request.user.time_zone) if isinstance(request.user, User) else UTC)
        if isinstance(request.user, User):
            devices.seen(request)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
