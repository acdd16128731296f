"""The overview page and the search."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.clock import now
from apps.core.http import PageRequest

from . import search as finding
from .context import demo
from .overview import overview

SUGGESTED, SHOWN = 4, 20


@require_safe
def home(request: PageRequest) -> HttpResponse:
    """What needs the reader first."""
    said = {**overview(request.actor, now()), "demo": demo("home", request)}
    return render(request, "console/home.html", said)


@require_safe
def search(request: PageRequest) -> HttpResponse:
    """Everything that fits, as a page: the search for whoever has no script, and for long lists."""
    text = finding.cleaned(request.GET.get("q", ""))
    said = {"text": text, "groups": finding.search(request.actor, text, limit=SHOWN)}
    return render(request, "console/search.html", said)


@never_cache
@require_safe
def suggestions(request: PageRequest) -> HttpResponse:
    """What the search box shows while one types: a fragment."""
    text = finding.cleaned(request.GET.get("q", ""))
    said = {"text": text, "groups": finding.search(request.actor, text, limit=SUGGESTED)}
    return render(request, "console/_suggestions.html", said)
