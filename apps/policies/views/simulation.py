"""Tries policies, or a draft of one, on a dataset; nothing is stored."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid
from apps.dataplane.policy import ZONES
from apps.policies import selectors, simulating, yamltext
from apps.policies.forms import Simulation
from apps.sources import selectors as sources

MOST_OFFERED = 100


@require_http_methods(["GET", "HEAD", "POST"])
def simulation(request: PageRequest) -> HttpResponse:
    """Any dataset × any zone: what happens to each column and why, now and under the draft that was sent."""
    access.require(request.actor, "policy.view")
    form = Simulation(request.POST if request.method == "POST" else request.GET)
    form.is_valid()
    given = {name: form.cleaned_data.get(name) or "" for name in form.fields}
    zone = given["zone"] or "analytics"
    page = sources.datasets(request.actor, q=given["q"], size=MOST_OFFERED)
    offered = [row.dataset for row in page.rows]
    found = _tried(request, form, given, zone) if given["dataset"] else None
    if found and found.dataset.id not in {dataset.id for dataset in offered}:
        offered = [found.dataset, *offered]
    context = {
        "form": form,
        "given": {**given, "zone": zone},
        "datasets": offered,
        "more": bool(page.older),
        "zones": ZONES,
        "found": found,
        "policies": _drafts(found),
    }
    wrong = request.method == "POST" and bool(form.errors)
    return render(request, "policies/simulation.html", context, status=422 if wrong else 200)


def _tried(request: PageRequest, form: Simulation, given: dict[str, Any], zone: str) -> simulating.Simulation | None:
    tried = {"zone": zone, "purpose": given["purpose"]}
    if request.method == "POST" and given["text"].strip():
        try:
            draft = yamltext.read(given["text"])
            return simulating.simulate(request.actor, given["dataset"], draft=draft, policy=given["policy"], **tried)
        except Invalid as error:
            name = error.field if error.field in ("policy", "zone") else "text"
            placed = f"{error.field}: " if error.field.startswith("rules") else ""
            form.add_error(name, f"{placed}{error.sentence} {error.remedy}".strip())
    return simulating.simulate(request.actor, given["dataset"], **tried)


def _drafts(found: simulating.Simulation | None) -> list[tuple[str, str]]:
    """The policies of the dataset's team, which a draft may stand for."""
    if found is None:
        return []
    return [(text.slug, text.slug) for text in selectors.active(found.dataset.connection.team_id)]
