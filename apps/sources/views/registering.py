"""Registering a connection: its form, its test step by step, and the proposal."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.changes import services as changes
from apps.core import access
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import LockgateError, Refused
from apps.sources import connection_forms, definition, forms, presenting, selectors, services
from apps.sources.definition import FIRST_KIND


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """A new connection: first its kind, then its form; `?test=<batch>` starts from what was tested."""
    access.require(request.actor, "connection.propose")
    batch = _asked(request, "test")
    if batch:
        return _mended(request, batch)
    kind = _asked(request, "kind")
    if not kind and request.method != "POST":
        return render(request, "sources/kinds.html", {"kinds": presenting.kinds(), "steps": presenting.wizard("kind")})
    return _form(request, kind or FIRST_KIND, None, {"team": request.GET.get("team", "")})


def _asked(request: PageRequest, name: str) -> str:
    return request.POST.get(name) or request.GET.get(name) or ""


def _mended(request: PageRequest, batch: str) -> HttpResponse:
    """The form again with what was tested; the password stays sealed unless the team is another."""
    tested = selectors.tests(request.actor, batch)[0]
    says = definition.parse(tested.proposal["definition"])
    named = {key: tested.proposal[key] for key in ("slug", "name")}
    initial = connection_forms.initial_of(team=str(tested.team_id), says=says, **named)
    other_team = request.method == "POST" and request.POST.get("team") != str(tested.team_id)
    return _form(request, says.kind, None if other_team else says, initial, batch=batch)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """An existing connection; team and short name are fixed. `?test=<batch>` starts from what was tested."""
    row = selectors.connection_named(request.actor, team, slug)
    access.require(request.actor, "connection.propose", row.team_id)
    held, name, batch = selectors.active(row), row.name, _asked(request, "test")
    if batch:
        tested = next((one for one in selectors.tests(request.actor, batch) if one.connection_id == row.id), None)
        if tested:
            held, name = definition.parse(tested.proposal["definition"]), tested.proposal["name"]
    initial = connection_forms.initial_of(team=str(row.team_id), slug=row.slug, name=name, says=held)
    return _form(request, row.kind, held, initial, connection=row, batch=batch)


def _form(
    request: PageRequest,
    kind: str,
    held: definition.ConnectionDefinition | None,
    initial: dict[str, Any],
    *,
    connection: Any = None,
    batch: str = "",
) -> HttpResponse:
    named = connection_forms.kind_named(kind)
    form = connection_forms.ConnectionForm(
        request.POST or None,
        initial=initial,
        kind=named,
        held=held,
        fixed=connection is not None,
        by_url=_asked(request, "by") == "url" and named.uses_credentials and not batch and connection is None,
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
    context = {
        "form": form,
        "kind": named,
        "connection": connection,
        "batch": batch,
        "steps": presenting.wizard("settings"),
    }
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
        "passed": _passed(tests),
        "proposal": first.proposal,
        "team": first.team,
        "connection": first.connection,
        "facts": presenting.facts(says),
        "is_active": active == first.proposal,
        "may_propose": may,
        "form": forms.ReasonForm(),
        "edit_url": presenting.edit_url(first),
        "steps": presenting.wizard("test" if not _passed(tests) else "approval"),
    }


def _passed(tests: Any) -> bool:
    return all(one.state == one.PASSED for one in tests)


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
    if tests[0].connection_id:
        return redirect("changes:change", change.number)
    return redirect("sources:setup", tests[0].team.slug, tests[0].proposal["slug"])


@require_POST
def retest(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Test the active version as it stands."""
    row = selectors.connection_named(request.actor, team, slug)
    document = selectors.active(row).as_document()
    proposal = {"slug": row.slug, "name": row.name, "kind": row.kind, "definition": document}
    batch = services.test_connection(actor=request.actor, team_id=row.team_id, proposal=proposal, connection_id=row.id)
    return redirect("sources:test", batch=batch)
