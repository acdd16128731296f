"""Pages of retention: rules, a rule with its dry runs and deletions, their receipts, and legal holds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.changes import selectors as change_rows
from apps.changes import services as changes
from apps.core import access
from apps.core.clock import now
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Conflict, Invalid, LockgateError, NotFound, Refused
from apps.dataplane.plan import TableRef
from apps.grants import selectors as holds_
from apps.pipelines import scheduling
from apps.sources import selectors as sources

from . import forms, proposals, selectors, services


@require_safe
def rules(request: PageRequest) -> HttpResponse:
    access.require(request.actor, "retention.view")
    page = selectors.paged(request.actor, cursor=request.GET.get("cursor", ""))
    context = {
        "page": page,
        "rows": selectors.rows(page.rows),
        "may_add": access.allowed(request.actor, "retention.propose"),
    }
    return render(request, "retention/rules.html", context)


@require_safe
def rule(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """What the rule says and reaches, what was counted last, and everything that it deleted."""
    row = selectors.rule_named(request.actor, team, slug)
    definition = selectors.definition_of(row)
    page = selectors.enforcements(row, cursor=request.GET.get("cursor", ""))
    context = {
        "rule": row,
        "definition": definition,
        "connection": sources.connection(request.actor, definition.connection),
        "reached": selectors.reached(definition),
        "released": selectors.is_released(row),
        "dry_run": selectors.newest_dry_run(row),
        "under_way": next((one for one in page.rows if not one.ended), None),
        "times": [] if row.paused_at else scheduling.next_times(definition.schedule, after=now()),
        "page": page,
        "versions": selectors.versions(row),
        "text": proposals.text({"slug": row.slug, "name": row.name, "definition": definition.as_document()}),
        "may": {
            act: access.allowed(request.actor, f"retention.{act}", row.team_id)
            for act in ("propose", "count", "enforce", "pause")
        },
    }
    return render(request, "retention/rule.html", context)


@require_safe
def enforcement(request: PageRequest, number: int) -> HttpResponse:
    """The receipt of one dry run or deletion; while it is under way the page asks again by itself."""
    run = selectors.enforcement(request.actor, number)
    template = "retention/_receipt.html" if request.htmx else "retention/enforcement.html"
    response = render(request, template, {"run": run, "may_propose": _may_propose(request, run)})
    response["Vary"] = "HX-Request"
    return response


def _may_propose(request: PageRequest, run: Any) -> bool:
    newest = selectors.newest_dry_run(run.rule)
    fresh = newest is not None and newest.id == run.id and not selectors.is_released(run.rule)
    return fresh and access.allowed(request.actor, "retention.propose", run.rule.team_id)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """`?tag=&keep_amount=&keep_unit=` fill the form in, as the starter packs suggest."""
    access.require(request.actor, "retention.propose")
    given = {name: request.GET[name] for name in ("tag", "keep_amount", "keep_unit") if request.GET.get(name)}
    return _form(request, None, given)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, team: str, slug: str) -> HttpResponse:
    row = selectors.rule_named(request.actor, team, slug)
    access.require(request.actor, "retention.propose", row.team_id)
    says = {"slug": row.slug, "name": row.name, "definition": selectors.definition_of(row).as_document()}
    return _form(request, row, forms.initial(says))


def _form(request: PageRequest, row: Any, initial: dict[str, Any]) -> HttpResponse:
    change = _change(request)
    if change:
        initial = forms.initial(change.proposal)
    connections = _connections(request)
    form = forms.RuleForm(
        request.POST or None,
        initial=initial,
        fixed=bool(row or change),
        connections=[(str(one.id), f"{one.name} ({one.team.name})") for one in connections],
    )
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("changes:change", _proposed(request, form, connections, change).number)
        except (Invalid, Conflict, Refused) as error:
            form.show(error)
    context = {"form": form, "rule": row, "change": change, "connections": connections}
    return render(request, "retention/rule_form.html", context, status=422 if form.errors else 200)


def _proposed(request: PageRequest, form: forms.RuleForm, connections: list[Any], change: Any) -> Any:
    data = form.cleaned_data
    if change:
        return changes.edit(
            actor=request.actor, change_id=change.row.id, proposal=form.proposal(), reason=data["reason"] or None
        )
    team_id = next(one.team_id for one in connections if str(one.id) == data["connection"])
    return changes.propose(
        actor=request.actor, kind="retention", team_id=team_id, proposal=form.proposal(), reason=data["reason"]
    )


def _change(request: PageRequest) -> Any:
    """The change that `?change=` names, whose proposal is edited here."""
    number = request.GET.get("change", "")
    if not number:
        return None
    if not (number.isascii() and number.isdigit() and len(number) < 12):
        raise NotFound(_("There is no such change."))
    change = change_rows.change(request.actor, int(number))
    if change.row.kind != "retention":
        raise NotFound(_("That change is not about a retention rule."))
    return change


def _connections(request: PageRequest) -> list[Any]:
    """Those in which the actor may propose a rule and the product may delete."""
    rows = sources.connections(request.actor).filter(kind__in=proposals.SUPPORTED)
    return [one for one in rows if access.allowed(request.actor, "retention.propose", one.team_id)]


@require_POST
def dry_run(request: PageRequest, team: str, slug: str) -> HttpResponse:
    row = selectors.rule_named(request.actor, team, slug)
    run = services.dry_run(actor=request.actor, rule_id=row.id)
    return redirect("retention:enforcement", run.number)


@require_POST
def enforce(request: PageRequest, team: str, slug: str) -> HttpResponse:
    row = selectors.rule_named(request.actor, team, slug)
    run = services.enforce(actor=request.actor, rule_id=row.id)
    return redirect("retention:enforcement", run.number)


@require_POST
def propose_deletion(request: PageRequest, number: int) -> HttpResponse:
    """Ask for the approval of exactly what a dry run counted."""
    run = selectors.enforcement(request.actor, number)
    change = changes.propose(
        actor=request.actor, kind="deletion", team_id=run.rule.team_id, proposal={"dry_run": str(run.id)}
    )
    return redirect("changes:change", change.number)


@require_POST
def pause(request: PageRequest, team: str, slug: str) -> HttpResponse:
    return _paused(request, team, slug, services.pause, _("Paused. Nothing is deleted until it is resumed."))


@require_POST
def resume(request: PageRequest, team: str, slug: str) -> HttpResponse:
    return _paused(request, team, slug, services.resume, _("Resumed."))


def _paused(request: PageRequest, team: str, slug: str, act: Any, said: str) -> HttpResponse:
    row = selectors.rule_named(request.actor, team, slug)
    act(actor=request.actor, rule_id=row.id)
    messages.success(request, said)
    return redirect("retention:rule", team, slug)


@require_safe
def holds(request: PageRequest) -> HttpResponse:
    access.require(request.actor, "hold.view")
    released = request.GET.get("state") == "released"
    page = holds_.paged(request.actor, released=released, cursor=request.GET.get("cursor", ""))
    rows = sources.connections(request.actor).filter(id__in={one.connection_id for one in page.rows})
    named = {one.id: one for one in rows}
    context = {
        "page": page,
        "rows": [(hold, named.get(hold.connection_id)) for hold in page.rows],
        "released": released,
        "releasing": {
            hold.id
            for hold in page.rows
            if access.allowed(request.actor, "hold.release", hold.team_id) and not released
        },
    }
    return render(request, "retention/holds.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def place_hold(request: PageRequest, dataset_id: UUID) -> HttpResponse:
    dataset = sources.dataset(request.actor, dataset_id)
    access.require(request.actor, "hold.place", dataset.connection.team_id)
    form = forms.HoldForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.place_hold(actor=request.actor, dataset_id=dataset.id, title=data["title"], reason=data["reason"])
            messages.success(request, _("Placed. From now on no retention rule deletes a row of it."))
            return redirect("retention:holds")
        except LockgateError as error:
            bind_error(form, error)
    context = {
        "form": form,
        "dataset": dataset,
        "held": holds_.holds_on(dataset.connection_id, TableRef(dataset.schema, dataset.table)),
    }
    return render(request, "retention/hold_form.html", context, status=422 if form.errors else 200)


@require_POST
def release_hold(request: PageRequest, hold_id: UUID) -> HttpResponse:
    """Ask for the approval of a release."""
    hold = holds_.hold(request.actor, hold_id)
    change = changes.propose(
        actor=request.actor, kind="hold_release", team_id=hold.team_id, proposal={"hold": str(hold.id)}
    )
    return redirect("changes:change", change.number)
