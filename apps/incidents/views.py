"""The pages of incidents: what is open, and one incident with its reason, timeline and ways out."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid, NotFound
from apps.pipelines import selectors as pipelines
from apps.runs import selectors as runs

from . import selectors, services
from .forms import Filter, Resolve


@require_safe
def incidents(request: PageRequest) -> HttpResponse:
    """What is not resolved, newest first; `state=ALL` shows everything."""
    filters = Filter(request.GET).filters()
    shown = {
        "page": selectors.listed(request.actor, filters, cursor=request.GET.get("cursor", "")),
        "states": [
            ("OPEN", _("Open")),
            ("ACKNOWLEDGED", _("Acknowledged")),
            ("RESOLVED", _("Resolved")),
            ("ALL", _("All, resolved ones too")),
        ],
        "levels": [("ERROR", _("Error")), ("WARN", _("Warning"))],
        "filtered": filters != selectors.Filters(),
    }
    return render(request, "incidents/incidents.html", shown)


@require_safe
def incident(request: PageRequest, number: int) -> HttpResponse:
    """The sentence first, then why, what happened since, and what can be done."""
    return _show(request, number, Resolve())


@require_POST
def acknowledge(request: PageRequest, number: int) -> HttpResponse:
    found = selectors.incident(request.actor, number)
    services.acknowledge(actor=request.actor, incident_id=found.id)
    messages.success(request, _("You look after incident %(number)s.") % {"number": number})
    return redirect("incidents:incident", number)


@require_POST
def resolve(request: PageRequest, number: int) -> HttpResponse:
    found, form = selectors.incident(request.actor, number), Resolve(request.POST)
    if form.is_valid():
        try:
            services.resolve(actor=request.actor, incident_id=found.id, resolution=form.cleaned_data["resolution"])
        except Invalid as error:
            bind_error(form, error)
        else:
            messages.success(request, _("Incident %(number)s is resolved.") % {"number": number})
            return redirect("incidents:incident", number)
    return _show(request, number, form, status=422)


def _show(request: PageRequest, number: int, form: Resolve, status: int = 200) -> HttpResponse:
    found = selectors.incident(request.actor, number)
    live = found.state != "RESOLVED"
    shown = {
        "incident": found,
        "timeline": selectors.timeline(found),
        "pipeline": _pipeline(request, found.subject),
        "run": _run(request, found.last_ref),
        "acknowledged_by": accounts.names([found.acknowledged_by]).get(found.acknowledged_by, found.acknowledged_by),
        "form": form,
        "live": live,
        "may_acknowledge": found.state == "OPEN"
        and access.allowed(request.actor, "incident.acknowledge", found.team_id),
        "may_resolve": live and access.allowed(request.actor, "incident.resolve", found.team_id),
    }
    return render(request, "incidents/incident.html", shown, status=status)


def _pipeline(request: PageRequest, subject: str) -> Any:
    """The pipeline that it is about; None for another subject, or one that was archived."""
    kind, _slash, id = subject.partition("/")
    try:
        return pipelines.pipeline(request.actor, id) if kind == "pipeline" else None
    except NotFound:
        return None


def _run(request: PageRequest, ref: str) -> Any:
    """The run that showed it last."""
    kind, _slash, id = ref.partition("/")
    try:
        return runs.by_id(request.actor, id) if kind == "run" else None
    except NotFound:
        return None
