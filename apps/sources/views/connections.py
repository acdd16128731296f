"""Pages of connections, their tests and discoveries, datasets and their columns."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.changes import selectors as changes
from apps.core import access
from apps.core.http import PageRequest
from apps.sources import drifted, presenting, selectors, services

from .setup import standing_of


@require_safe
def connections(request: PageRequest) -> HttpResponse:
    access.require(request.actor, "connection.view")
    cards = selectors.cards(request.actor)
    context = {
        "cards": cards,
        "drift": drifted.open_counts(request.actor, [card.connection.id for card in cards]),
        "drafts": _drafts(request),
        "may_add": access.allowed(request.actor, "connection.propose"),
    }
    return render(request, "sources/connections.html", context)


def _drafts(request: PageRequest) -> list[dict[str, Any]]:
    """What was begun and is not there yet, with where it goes on."""
    drafts = selectors.drafts(request.actor)
    targets = {f"connection/new/{test.team_id}/{test.proposal['slug']}": test for test in drafts}
    waiting = changes.visible(request.actor).filter(target__in=targets, state__in=("OPEN", "APPROVED"))
    proposed = {change.target: change for change in waiting}
    found = []
    for target, test in targets.items():
        change = proposed.get(target)
        here = [test.team.slug, test.proposal["slug"]]
        address = reverse("sources:setup", args=here) if change else reverse("sources:test", args=[test.batch])
        found.append({"test": test, "change": change, "url": address})
    return found


@require_safe
def connection(request: PageRequest, team: str, slug: str) -> HttpResponse:
    row = selectors.connection_named(request.actor, team, slug)
    says = selectors.active(row)
    discoveries = selectors.discoveries(row)
    found = selectors.datasets(request.actor, connection_id=str(row.id), cursor=request.GET.get("cursor", ""))
    standing = standing_of(request, row)
    context = {
        "connection": row,
        "standing": standing,
        "drift": drifted.open_counts(request.actor, [row.id]).get(row.id, 0),
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
    return redirect("sources:connection" if selectors.was_discovered(row) else "sources:setup", team, slug)


@require_safe
def discovery(request: PageRequest, discovery_id: UUID) -> HttpResponse:
    """How a discovery goes, for the connection's page to ask; when it has ended the page loads anew."""
    row = selectors.discovery(request.actor, discovery_id)
    response = render(request, "sources/_discovery.html", {"discovery": row})
    if row.state != row.RUNNING:
        response["HX-Refresh"] = "true"
    return response
