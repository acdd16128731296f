"""The audit log for auditors: search, and verification."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.core import access
from apps.core.http import PageRequest

from . import selectors, services
from .forms import Search


@require_safe
def events(request: PageRequest) -> HttpResponse:
    """One page of events, newest first. Reading is recorded."""
    access.require(request.actor, "audit.view")
    form = Search(request.GET)
    if not form.is_valid():
        return render(request, "audit/events.html", _around(form), status=422)
    filters = form.filters()
    services.record_reading(actor=request.actor, filters=filters)
    page = selectors.events(request.actor, filters, cursor=request.GET.get("cursor", ""))
    return render(request, "audit/events.html", {**_around(form), "page": page, "filters": filters})


@require_POST
def verify(request: PageRequest) -> HttpResponse:
    """Walk the whole log and say to which event it holds."""
    result = services.verify_as(actor=request.actor)
    template = "audit/_verification.html" if request.htmx else "audit/verification.html"
    return render(request, template, {"result": result, "head": selectors.head()})


def _around(form: Search) -> dict[str, object]:
    return {
        "form": form,
        "head": selectors.head(),
        "actions": [(action, action) for action in selectors.actions()],
        "fields": [
            ("actor", _("Who"), "text"),
            ("subject", _("Subject"), "text"),
            ("since", _("From"), "date"),
            ("until", _("To"), "date"),
        ],
    }
