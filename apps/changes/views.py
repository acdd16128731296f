"""The inbox and the page on which a change is decided."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Denied, LockgateError

from . import editing, selectors, services
from .forms import RISKS, STATES, Decide, Filter, Say
from .kinds import KINDS
from .shown import ALL, MINE, NEEDS_ME, OPEN


@require_safe
def changes(request: PageRequest) -> HttpResponse:
    """The changes that the reader may see, newest first."""
    filters = Filter(request.GET).filters()
    page = selectors.changes(request.actor, filters, cursor=request.GET.get("cursor", ""))
    waiting = selectors.waiting_count(request.actor)
    here = reverse("changes:changes")
    tabs = [
        {"url": f"{here}?show={name}", "label": label, "active": filters.show == name, "badge": badge}
        for name, label, badge in (
            (OPEN, _("Open"), selectors.open_count(request.actor)),
            (NEEDS_ME, _("Waiting for me"), waiting),
            (MINE, _("Mine"), selectors.mine_count(request.actor)),
            (ALL, _("All"), 0),
        )
    ]
    shown = {
        "page": page,
        "tabs": tabs,
        "filters": filters,
        "waiting": waiting,
        "kinds": [(kind.name, kind.label) for kind in KINDS.values()],
        "states": STATES,
        "risks": RISKS,
        "teams": [(team.slug, team.name) for team in accounts.teams(request.actor)],
    }
    return render(request, "changes/changes.html", shown)


@require_safe
def change(request: PageRequest, number: int) -> HttpResponse:
    """Everything that a reviewer needs to decide."""
    return _show(request, number)


@require_POST
def decide(request: PageRequest, number: int) -> HttpResponse:
    """Approve, ask for something else, or reject."""
    found = selectors.to_review(request.actor, number)
    form = Decide(request.POST)
    if not form.is_valid():
        return _show(request, number, decision=form)
    given = form.cleaned_data
    arguments = {"change_id": found.id, "seen": given["seen"], "comment": given["comment"]}
    try:
        if given["verdict"] == Decide.APPROVE:
            decided = services.approve(actor=request.actor, **arguments)
        elif given["verdict"] == Decide.ASK:
            decided = services.request_changes(actor=request.actor, **arguments)
        else:
            decided = services.reject(actor=request.actor, **arguments)
    except Denied:
        raise  # Recorded, like every denial, by whoever shows it.
    except LockgateError as error:
        bind_error(form, error)
        return _show(request, number, decision=form)
    messages.success(request, _outcome(given["verdict"], decided.state))
    return redirect("changes:change", number)


def _outcome(verdict: str, state: str) -> str:
    if verdict == Decide.APPROVE:
        if state == "OPEN":
            return _("Approved. Another person must approve it, too.")
        return _("Approved. It is applied within moments.")
    return (
        _("The author was asked for something else.") if verdict == Decide.ASK else _("Rejected. Nothing was written.")
    )


@require_POST
def comment(request: PageRequest, number: int) -> HttpResponse:
    """Say something about a change."""
    found = selectors.to_discuss(request.actor, number)
    form = Say(request.POST)
    if not form.is_valid():
        return _show(request, number, say=form)
    services.comment(actor=request.actor, change_id=found.id, text=form.cleaned_data["text"])
    return redirect("changes:change", number)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, number: int) -> HttpResponse:
    """Replace the proposal, in the form of its kind; who does can no longer review it."""
    selectors.to_propose_anew(request.actor, number)
    detail = selectors.change(request.actor, number)
    as_json = "json" in (request.GET.get("as"), request.POST.get("as"))
    elsewhere = "" if as_json or request.method == "POST" else editing.own_editor(detail)
    if elsewhere:
        return redirect(elsewhere)
    pretty = json.dumps(detail.proposal, indent=2, ensure_ascii=False)
    start = {"proposal": pretty, "reason": detail.reason, "seen": detail.binding_hash}
    shape = editing.form_for(detail, as_json=as_json or "proposal" in request.POST)
    form = shape(request.POST or None, initial=start, proposal=detail.proposal)
    theirs = ""
    if request.method == "POST" and form.is_valid():
        given = {"reason": form.cleaned_data["reason"], "seen": form.cleaned_data["seen"]}
        try:
            services.edit(actor=request.actor, change_id=detail.row.id, proposal=form.edited(), **given)
        except Denied:
            raise
        except LockgateError as error:
            form.add_error(form.show(error.field) or None, f"{error.sentence} {error.remedy}".strip())
            if error.field == "seen":
                # Both are shown; saving once more is done in the knowledge of what the other wrote.
                theirs = pretty
                form.data = {**dict(form.data.items()), "seen": detail.binding_hash}
        else:
            messages.success(request, _("Edited. Earlier decisions no longer count."))
            return redirect("changes:change", number)
    shown = {"change": detail, "form": form, "as_json": isinstance(form, editing.Json), "theirs": theirs}
    if theirs:
        shown["mine"] = json.dumps(form.edited(), indent=2, ensure_ascii=False)
    return render(request, "changes/edit.html", shown, status=422 if form.errors else 200)


@require_POST
def withdraw(request: PageRequest, number: int) -> HttpResponse:
    """Take back one's own change."""
    found = selectors.numbered(request.actor, number)
    services.withdraw(actor=request.actor, change_id=found.id)
    messages.success(request, _("Withdrawn. Nothing was written."))
    return redirect("changes:change", number)


@require_POST
def roll_back(request: PageRequest, number: int) -> HttpResponse:
    """Propose what was active before, as a change of its own."""
    found = selectors.numbered(request.actor, number)
    back = services.roll_back(actor=request.actor, change_id=found.id)
    messages.success(request, _("Proposed as a change of its own; it must be approved like any other."))
    return redirect("changes:change", back.number)


def _show(request: PageRequest, number: int, *, decision: Decide | None = None, say: Say | None = None) -> HttpResponse:
    detail = selectors.change(request.actor, number)
    shown: dict[str, Any] = {
        "change": detail,
        "decide": decision or Decide(initial={"seen": detail.binding_hash}),
        "say": say or Say(),
        "invite_url": reverse("accounts:invite") if access.allowed(request.actor, "membership.propose") else "",
    }
    failed = (decision is not None and decision.errors) or (say is not None and say.errors)
    return render(request, "changes/change.html", shown, status=422 if failed else 200)
