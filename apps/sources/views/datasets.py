"""Pages of datasets: the list, one with its columns and where they go, and its profile."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from apps.changes import services as changes
from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid
from apps.dataplane.plan import TableRef
from apps.dataplane.policy import ZONES
from apps.pipelines import taking
from apps.policies import selectors as policies
from apps.runs import selectors as runs
from apps.sources import forms, presenting, profiling, selectors


@require_safe
def datasets(request: PageRequest) -> HttpResponse:
    access.require(request.actor, "dataset.view")
    query = request.GET
    page = selectors.datasets(
        request.actor,
        q=query.get("q", "").strip(),
        connection_id=query.get("connection", ""),
        state=query.get("state", ""),
        cursor=query.get("cursor", ""),
    )
    context = {
        "page": page,
        "connections": [(str(row.id), row.name) for row in selectors.connections(request.actor)],
        "states": presenting.dataset_states(),
        "filtered": any(query.get(name) for name in ("q", "connection", "state")),
    }
    return render(request, "sources/datasets.html", context)


@require_safe
def dataset(request: PageRequest, dataset_id: UUID) -> HttpResponse:
    return render(request, "sources/dataset.html", _dataset(request, dataset_id))


@require_POST
def classify(request: PageRequest, dataset_id: UUID) -> HttpResponse:
    """Propose what the bulk form chose."""
    row = selectors.dataset(request.actor, dataset_id)
    access.require(request.actor, "classification.propose", row.connection.team_id)
    form = forms.ReasonForm(request.POST)
    try:
        if not form.is_valid():
            raise Invalid(_("The reason is too long."))
        columns = forms.chosen(request.POST.dict(), request.POST.getlist("accept"), selectors.present(row))
        change = changes.propose(
            actor=request.actor,
            kind="classification",
            team_id=row.connection.team_id,
            proposal={"connection": str(row.connection_id), "columns": columns},
            reason=form.cleaned_data["reason"],
        )
    except Invalid as error:
        context = _dataset(request, dataset_id) | {"form": form, "error": error}
        return render(request, "sources/dataset.html", context, status=422)
    told = ngettext("%(n)s column waits for review.", "%(n)s columns wait for review.", len(columns))
    messages.success(request, told % {"n": len(columns)})
    return redirect("changes:change", change.number)


def _dataset(request: PageRequest, dataset_id: UUID) -> dict[str, Any]:
    row = selectors.dataset(request.actor, dataset_id)
    cards = selectors.column_cards(row)
    texts = policies.active(row.connection.team_id)
    lines = [
        presenting.line(card, policies.answers(selectors.fact_of(card.column, card.tags), texts)) for card in cards
    ]
    here = [line for line in lines if not line.gone]
    return {
        "dataset": row,
        **surroundings(request, row),
        "lines": here,
        "gone": [line for line in lines if line.gone],
        "zones": ZONES,
        "tags": forms.tag_choices(),
        "unclassified": sum(line.tags is None for line in here),
        "suggested": sum(line.suggested for line in here),
        "sure": sum(line.sure for line in here),
        "may_classify": access.allowed(request.actor, "classification.propose", row.connection.team_id),
        "form": forms.ReasonForm(),
    }


def surroundings(request: PageRequest, row: Any) -> dict[str, Any]:
    """The pipelines that read or write the dataset with their newest runs, and its neighbours one hop away."""
    ref = TableRef(row.schema, row.table)
    here = (row.connection_id, ref)
    ways = [
        way
        for way in taking.ways(request.actor, [row.connection_id])
        if here in ((way.source_id, way.source), (way.destination_id, way.destination))
    ]
    newest = runs.newest(request.actor, {way.pipeline_id for way in ways}) if ways else {}
    neighbours = {place for way in ways for place in _ends(way)}
    known = selectors.dataset_ids(neighbours) if neighbours else {}
    names = {str(one.id): one.name for one in selectors.connections(request.actor)} if ways else {}
    return {
        "ways": [
            {"way": way, "reads": (way.source_id, way.source) == here, "run": newest.get(way.pipeline_id)}
            for way in ways
        ],
        "graph": presenting.hop(here, ways, known, names),
        "latest_profile": selectors.last_profile(row),
        "facts": presenting.detected(row.live_schema),
        "problem": selectors.problem_of(row),
    }


def _ends(way: taking.Way) -> tuple[tuple[UUID, TableRef], tuple[UUID, TableRef]]:
    return (way.source_id, way.source), (way.destination_id, way.destination)


@require_safe
def profile(request: PageRequest, dataset_id: UUID) -> HttpResponse:
    """What the rows look like: counts and shapes of all columns, bounds of those that nobody minds."""
    row = selectors.dataset(request.actor, dataset_id)
    last = selectors.last_profile(row)
    running = last is not None and last.state == last.RUNNING
    context = {
        "dataset": row,
        "last": last,
        "running": running,
        "profile": presenting.profile(selectors.profile_of(row.id)),
        "may_profile": access.allowed(request.actor, "dataset.profile", row.connection.team_id) and not row.gone_at,
    }
    if request.headers.get("HX-Request"):
        response = render(request, "sources/_profile_state.html", context)
        if not running:
            response["HX-Refresh"] = "true"
        return response
    return render(request, "sources/profile.html", context)


@require_POST
def profile_again(request: PageRequest, dataset_id: UUID) -> HttpResponse:
    profiling.request_profile(actor=request.actor, dataset_id=dataset_id)
    return redirect("sources:profile", dataset_id)
