"""The System page: how Lockgate itself is."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.core.http import PageRequest

from . import selectors


@require_safe
def system(request: PageRequest) -> HttpResponse:
    """Processes, queues, disk, what is missing; for htmx the moving part alone."""
    shown = {"health": selectors.health(request.actor)}
    return render(request, "watch/_health.html" if request.headers.get("HX-Request") else "watch/system.html", shown)
