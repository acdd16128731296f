"""The overview page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.core.clock import now
from apps.core.http import PageRequest

from .overview import overview


@require_safe
def home(request: PageRequest) -> HttpResponse:
    """What needs the reader first."""
    return render(request, "console/home.html", overview(request.actor, now()))
