"""Pages of connections, their tests and discoveries, datasets and their columns."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.core import access
from apps.core.http import PageRequest
from apps.sources import presenting, selectors, services


@require_safe
def connections(request: PageRequest) -> HttpResponse:
    access.require(request.actor, "connection.view")
    cards = selectors.cards(request.actor)
    may_add = access.allowed(request.actor, "connection.propose")
    return render(request, "sources/connections.html", {"cards": cards, "may_add": may_add})


@require_safe
def connection(request: PageRequest, team: str, slug: str) -> HttpResponse:
    row = selectors.connection_named(request.actor, team, slug)
    says = selectors.active(row)
    discoveries = selectors.discoveries(row)
    found = selectors.datasets(request.actor, connection_id=str(row.id), cursor=request.GET.get("cursor", ""))
    context = {
        "connection": row,
        "says": says,
        "facts": presenting.facts(says),
        "tests": [presenting.tested(one) for one in selectors.last_tests(row)],
        "discovery": discoveries[0] if discoveries else None,
        "discoveries": discoveries,
        "page": found,
        "versions": selectors.versions(row)[:10],
        "may_edit": access.allowed(request.actor, "connection.propose", row.team_id),
        "may_test": access.allowed(request.actor, "connection.test", row.team_id),
        "may_discover": access.allowed(request.actor, "connection.discover", row.team_id)
        and "read" in says.credentials,
    }
    return render(request, "sources/connection.html", context)


@require_POST
def discover(request: PageRequest, team: str, slug: str) -> HttpResponse:
    row = selectors.connection_named(request.actor, team, slug)
    services.discover(actor=request.actor, connection_id=row.id)
    return redirect("sources:connection", team, slug)


@require_safe
def discovery(request: PageRequest, discovery_id: UUID) -> HttpResponse:
    """How a discovery goes, for the connection's page to ask; when it has ended the page loads anew."""
    row = selectors.discovery(request.actor, discovery_id)
    response = render(request, "sources/_discovery.html", {"discovery": row})
    if row.state != row.RUNNING:
        response["HX-Refresh"] = "true"
    return response
