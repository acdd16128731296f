"""Pages of connections, their tests and discoveries, datasets and their columns."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.changes import services as changes
from apps.core import access
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid, LockgateError, Refused
from apps.dataplane.policy import ZONES
from apps.policies import selectors as policies

from . import definition, forms, presenting, selectors, services


@require_safe
def connections(request: PageRequest) -> HttpResponse:
    access.require(request.actor, "connection.view")
    cards = selectors.cards(request.actor)
    may_add = access.allowed(request.actor, "connection.propose")
    return render(request, "sources/connections.html", {"cards": cards, "may_add": may_add})


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """A new connection; `?test=<batch>` starts from what was tested."""
    access.require(request.actor, "connection.propose")
    batch = request.GET.get("test") or request.POST.get("test")
    if not batch:
        return _form(request, None, {"team": request.GET.get("team", "")})
    tested = selectors.tests(request.actor, batch)[0]
    says = definition.parse(tested.proposal["definition"])
    named = {key: tested.proposal[key] for key in ("slug", "name")}
    initial = forms.initial_of(team=str(tested.team_id), says=says, **named)
    # A password that was sealed for one team serves no other.
    other_team = request.method == "POST" and request.POST.get("team") != str(tested.team_id)
    return _form(request, None if other_team else says, initial, batch=str(batch))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """An existing connection; team and short name are fixed. `?test=<batch>` starts from what was tested."""
    row = selectors.connection_named(request.actor, team, slug)
    access.require(request.actor, "connection.propose", row.team_id)
    held, name, batch = selectors.active(row), row.name, request.GET.get("test") or request.POST.get("test")
    if batch:
        tested = next((one for one in selectors.tests(request.actor, batch) if one.connection_id == row.id), None)
        if tested:
            held, name = definition.parse(tested.proposal["definition"]), tested.proposal["name"]
    initial = forms.initial_of(team=str(row.team_id), slug=row.slug, name=name, says=held)
    return _form(request, held, initial, connection=row, batch=batch or "")


def _form(
    request: PageRequest,
    held: definition.ConnectionDefinition | None,
    initial: dict[str, Any],
    *,
    connection: Any = None,
    batch: str = "",
) -> HttpResponse:
    form = forms.ConnectionForm(
        request.POST or None,
        initial=initial,
        held=held,
        fixed=connection is not None,
        teams=[(str(team.id), team.name) for team in _teams(request)],
    )
    if request.method == "POST" and form.is_valid():
        try:
            started = services.test_connection(
                actor=request.actor,
                team_id=form.cleaned_data["team"],
                proposal=form.proposal(held),
                connection_id=connection.id if connection else None,
            )
            return redirect("sources:test", batch=started)
        except LockgateError as error:
            bind_error(form, error)
    if form.errors:
        form.ask_again()
    context = {"form": form, "connection": connection, "batch": batch}
    return render(request, "sources/connection_form.html", context, status=422 if form.errors else 200)


def _teams(request: PageRequest) -> list[Any]:
    teams = accounts.teams(request.actor)
    return [team for team in teams if access.allowed(request.actor, "connection.propose", team.id)]


@require_safe
def test(request: PageRequest, batch: UUID) -> HttpResponse:
    """The steps of a test, live; for htmx the steps alone."""
    context = _tested(request, batch)
    if request.headers.get("HX-Request"):
        return render(request, "sources/_test.html", context)
    return render(request, "sources/test.html", context)


test.__test__ = False  # type: ignore[attr-defined]


def _tested(request: PageRequest, batch: UUID) -> dict[str, Any]:
    tests = selectors.tests(request.actor, batch)
    first = tests[0]
    says = definition.parse(first.proposal["definition"])
    active = _active_proposal(first)
    may = access.allowed(request.actor, "connection.propose", first.team_id)
    return {
        "batch": batch,
        "tests": [presenting.tested(one) for one in tests],
        "running": any(one.state == one.RUNNING for one in tests),
        "passed": all(one.state == one.PASSED for one in tests),
        "proposal": first.proposal,
        "team": first.team,
        "connection": first.connection,
        "facts": presenting.facts(says),
        "is_active": active == first.proposal,
        "may_propose": may,
        "form": forms.ReasonForm(),
        "edit_url": presenting.edit_url(first),
    }


def _active_proposal(test: Any) -> dict[str, Any] | None:
    row = test.connection
    if row is None:
        return None
    document = selectors.active(row).as_document()
    return {"slug": row.slug, "name": row.name, "kind": row.kind, "definition": document}


@require_POST
def propose(request: PageRequest, batch: UUID) -> HttpResponse:
    """Propose what passed its test; the change is what remains of it."""
    tests = selectors.tests(request.actor, batch)
    access.require(request.actor, "connection.propose", tests[0].team_id)
    if any(one.state != one.PASSED for one in tests):
        raise Refused(
            _("This connection has not passed its test, so it is not proposed."),
            remedy=_("Mend what the test names and test again."),
        )
    form = forms.ReasonForm(request.POST)
    if not form.is_valid():
        return render(request, "sources/test.html", _tested(request, batch) | {"form": form}, status=422)
    change = changes.propose(
        actor=request.actor,
        kind="connection",
        team_id=tests[0].team_id,
        proposal=tests[0].proposal,
        reason=form.cleaned_data["reason"],
    )
    return redirect("changes:change", change.number)


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
def retest(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Test the active version as it stands."""
    row = selectors.connection_named(request.actor, team, slug)
    document = selectors.active(row).as_document()
    proposal = {"slug": row.slug, "name": row.name, "kind": row.kind, "definition": document}
    batch = services.test_connection(actor=request.actor, team_id=row.team_id, proposal=proposal, connection_id=row.id)
    return redirect("sources:test", batch=batch)


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
