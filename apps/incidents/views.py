"""The pages of incidents: what waits, and one incident with its reason, what it touches, its timeline and ways out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.alerts import selectors as alerts
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid, NotFound
from apps.pipelines import selectors as pipelines
from apps.runs import selectors as runs

from . import forms, impact, presenting, selectors, services


@require_safe
def incidents(request: PageRequest) -> HttpResponse:
    """What is open, newest first, behind tabs; filters and order stand in the address."""
    filters = forms.Filter(request.GET).filters()
    page = selectors.listed(request.actor, filters, cursor=request.GET.get("cursor", ""))
    may_act = selectors.mine_to_take(request.actor)
    shown = {
        "page": page,
        "filters": filters,
        "tabs": presenting.tabs(selectors.tabs(request.actor), filters, reverse("incidents:incidents")),
        **presenting.choices(),
        "teams": [(team.slug, team.name) for team in accounts.teams(request.actor)],
        "people": [
            ("me", _("Me")), ("nobody", _("Nobody")),
            *((str(key), name) for key, name in selectors.assignees(request.actor)),
        ],
        "may_act": may_act,
        "colleagues": _colleagues(request) if may_act else [],
        "here": request.get_full_path(),
    }  # fmt: skip
    return render(request, "incidents/incidents.html", shown)


def _colleagues(request: PageRequest) -> list[tuple[str, str]]:
    """Whom the reader could give incidents to: whoever looks after them in one of the reader's teams."""
    found = selectors.colleagues(request.actor)
    return [(str(one.id), one.name) for one in found]


@require_safe
def incident(request: PageRequest, number: int) -> HttpResponse:
    """The reason first, then what it touches, what happened since, and what can be done."""
    return _show(request, number)


@require_POST
def acknowledge(request: PageRequest, number: int) -> HttpResponse:
    found = selectors.incident(request.actor, number)
    services.acknowledge(actor=request.actor, incident_id=found.id)
    messages.success(request, _("You look after incident %(number)s.") % {"number": number})
    return redirect("incidents:incident", number)


@require_POST
def assign(request: PageRequest, number: int) -> HttpResponse:
    found = _to_act_on(request, number, "incident.acknowledge")
    form = forms.Assign(request.POST, people=_people(found))

    def act() -> str:
        person = form.cleaned_data["person"] or None
        services.assign(actor=request.actor, incident_id=found.id, person_id=person)
        return _("Incident %(number)s is assigned.") % {"number": number}

    return _acted(request, number, "assign", form, act)


@require_POST
def snooze(request: PageRequest, number: int) -> HttpResponse:
    found, form = _to_act_on(request, number, "incident.acknowledge"), forms.Snooze(request.POST)

    def act() -> str:
        services.snooze(actor=request.actor, incident_id=found.id, until=form.moment())
        return _("Incident %(number)s rests and comes back by itself.") % {"number": number}

    return _acted(request, number, "snooze", form, act)


@require_POST
def resolve(request: PageRequest, number: int) -> HttpResponse:
    found, form = _to_act_on(request, number, "incident.resolve"), forms.Resolve(request.POST)

    def act() -> str:
        services.resolve(actor=request.actor, incident_id=found.id, **form.cleaned_data)
        return _("Incident %(number)s is resolved.") % {"number": number}

    return _acted(request, number, "resolve", form, act)


@require_POST
def reopen(request: PageRequest, number: int) -> HttpResponse:
    found = selectors.incident(request.actor, number)
    services.reopen(actor=request.actor, incident_id=found.id)
    messages.success(request, _("Incident %(number)s is open again.") % {"number": number})
    return redirect("incidents:incident", number)


@require_POST
def comment(request: PageRequest, number: int) -> HttpResponse:
    found, form = _to_act_on(request, number, "incident.acknowledge"), forms.Say(request.POST)

    def act() -> str:
        services.comment(actor=request.actor, incident_id=found.id, text=form.cleaned_data["text"])
        return _("Your comment stands in the timeline.")

    return _acted(request, number, "comment", form, act)


@require_POST
def many(request: PageRequest) -> HttpResponse:
    """Acknowledge or assign what was chosen in the list, then go back to the list as it was."""
    selectors.require_any(request.actor)
    form = forms.Many(request.POST)
    chosen = [int(one) for one in request.POST.getlist("number") if one.isascii() and one.isdecimal() and len(one) < 19]
    if not form.is_valid() or not chosen:
        messages.warning(request, _("Choose at least one incident first. Nothing was changed."))
    else:
        person = form.cleaned_data["person"] or None
        done, left = services.act_on_many(
            actor=request.actor, numbers=chosen, act=form.cleaned_data["act"], person_id=person
        )
        messages.success(request, services.many_said(done, left))
    back = request.POST.get("back", "")
    ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None) and back.startswith(reverse("incidents:incidents"))
    return redirect(back if ours else "incidents:incidents")


def _to_act_on(request: PageRequest, number: int, action: str) -> Any:
    """Who may not act hears that, and not what is wrong with the form."""
    found = selectors.incident(request.actor, number)
    selectors.require(request.actor, action, found)
    return found


def _acted(
    request: PageRequest, number: int, name: str, form: django_forms.Form, act: Callable[[], str]
) -> HttpResponse:
    """Act when the form is valid; else the page once more, with the form open and its errors in it."""
    if form.is_valid():
        try:
            said = act()
        except Invalid as error:
            bind_error(form, error)
        else:
            messages.success(request, said)
            return redirect("incidents:incident", number)
    return _show(request, number, {name: form}, status=422)


def _people(found: Any) -> list[tuple[str, str]]:
    return [(str(person.id), person.name) for person in selectors.assignable(found)]


def _show(
    request: PageRequest, number: int, given: dict[str, django_forms.Form] | None = None, status: int = 200
) -> HttpResponse:
    found, given = selectors.incident(request.actor, number), given or {}
    live, actor = found.state != "RESOLVED", request.actor
    touches, pipeline = impact.of(actor, found.subject), _pipeline(request, found.subject)
    may_act = selectors.allowed(actor, "incident.acknowledge", found)
    may_end = selectors.allowed(actor, "incident.resolve", found)
    assigned = {"person": str(found.assignee_id or "")}
    people = _people(found) if may_act and live else []
    shown = {
        "incident": found,
        "timeline": presenting.timeline(selectors.timeline(found), alerts.about(f"incident/{found.id}")),
        "pipeline": pipeline,
        "run": _run(request, found.last_ref),
        "served": _served(request, pipeline),
        "impact": touches,
        "graph": touches.graph(found.subject, pipeline.name if pipeline else found.title) if touches.readers else None,
        "acknowledged_by": accounts.names([found.acknowledged_by]).get(found.acknowledged_by, found.acknowledged_by),
        "kind_of_end": presenting.end(found.resolution_kind),
        "forms": {
            "resolve": forms.Resolve(),
            "snooze": forms.Snooze(),
            "comment": forms.Say(),
            "assign": forms.Assign(people=people, initial=assigned),
            **given,
        },
        "open_form": next(iter(given), ""),
        "live": live,
        "may_acknowledge": found.state in ("OPEN", "SNOOZED") and may_act,
        "may_assign": live and may_act,
        "may_comment": may_act,
        "may_resolve": live and may_end,
        "may_reopen": not live and may_end,
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


def _served(request: PageRequest, pipeline: Any) -> Any:
    """The last run of the pipeline that published: what is served now."""
    if pipeline is None:
        return None
    return runs.runs(request.actor).filter(pipeline=pipeline, state="PUBLISHED").order_by("-number").first()
