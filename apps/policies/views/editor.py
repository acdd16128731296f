"""The policy editor: rules as a table or as text, live validation, and the proposal of both."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import selectors as accounts
from apps.changes import selectors as changes
from apps.changes import services as review
from apps.changes.shown import Editable
from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.errors import Conflict, Invalid
from apps.policies import editing as editor
from apps.policies import selectors, yamltext
from apps.policies.editing import Editing


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """A new policy; `?change=` loads the proposal of a change."""
    access.require(request.actor, "policy.propose")
    return _page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """The next version of a policy; `?change=` loads the proposal of a change."""
    row = selectors.policy(request.actor, team, slug)
    access.require(request.actor, "policy.propose", row.team_id)
    return _page(request, row)


def _page(request: PageRequest, row: Any) -> HttpResponse:
    if request.method == "POST":
        return _posted(request, row)
    change = _loaded(request, request.GET.get("change", ""))
    state = editor.opened(row, _teams(request), change.proposal if change else None)
    if change:
        state.change, state.seen = change.number, change.seen
        state.head.initial = {**state.head.initial, "team": str(change.team_id), "reason": change.reason}
    return _show(request, state)


def _loaded(request: PageRequest, number: str) -> Editable | None:
    """The change that is edited, if any."""
    if not (number.isascii() and number.isdigit() and 0 < len(number) < 10 and int(number)):
        return None
    return changes.to_edit(request.actor, int(number), "policy")


def _posted(request: PageRequest, row: Any) -> HttpResponse:
    state = editor.posted(request.POST, row, _teams(request))
    what = request.POST.get("act", "propose")
    if what != "propose":
        try:
            editor.act(state, what)
        except Invalid as error:
            state.show(error)
        return _show(request, state)
    change = _loaded(request, str(state.change))
    if state.head.is_valid() and not editor.stale(state):
        try:
            return redirect("changes:change", _propose(request, state, change))
        except (Invalid, Conflict) as error:
            state.show(error)
            if error.field == "seen" and change:
                # Both texts are shown; proposing once more is done in the knowledge of theirs.
                state.seen, state.theirs = change.seen, yamltext.write(change.proposal["text"])
    return _show(request, state)


def _propose(request: PageRequest, state: Editing, change: Editable | None) -> int:
    reason = state.head.cleaned_data["reason"]
    if change:
        edited = review.edit(
            actor=request.actor, change_id=change.id, proposal=state.proposal(), reason=reason, seen=state.seen
        )
        return edited.number
    team_id = UUID(state.head.cleaned_data["team"])
    made = review.propose(actor=request.actor, kind="policy", team_id=team_id, proposal=state.proposal(), reason=reason)
    return made.number


def _show(request: PageRequest, state: Editing) -> HttpResponse:
    teams = _teams(request)
    chosen = str(state.head["team"].value() or (teams[0][0] if teams else ""))
    if chosen in dict(teams):
        state.verdict = editor.judged(request.actor, state, UUID(chosen))
    context = {"state": state, "form": state.head, "policy": state.row, **_of_verdict(state)}
    # What merely does not hold yet is no failure of a request that asked for another row.
    failed = request.POST.get("act", "propose") == "propose" and bool(state.head.errors)
    return render(request, "policies/policy_form.html", context, status=422 if failed else 200)


def _of_verdict(state: Editing) -> dict[str, object]:
    found = state.verdict
    return {
        "error": found.error,
        "consequence": found.consequence,
        "rules": found.rules,
        "conflicts": found.conflicts,
    }


def _teams(request: PageRequest) -> list[tuple[str, str]]:
    teams = accounts.teams(request.actor)
    return [(str(one.id), one.name) for one in teams if access.allowed(request.actor, "policy.propose", one.id)]


@require_POST
def validate(request: PageRequest) -> HttpResponse:
    """The verdict on a policy while it is being written: the place at fault, or what would follow from it."""
    access.require(request.actor, "policy.propose")
    teams = _teams(request)
    row = _fixed(request)
    state = editor.posted(request.POST, row, teams)
    chosen = str(row.team_id) if row else request.POST.get("team", "") or teams[0][0]
    if chosen not in dict(teams):
        access.require(request.actor, "policy.propose", chosen)
    state.verdict = editor.judged(request.actor, state, UUID(chosen))
    return render(request, "policies/_verdict.html", _of_verdict(state))


def _fixed(request: PageRequest) -> Any:
    """The policy that exists: its form has team and short name fixed, and so does not send them."""
    team, slug = request.GET.get("team", ""), request.GET.get("slug", "")
    return selectors.policy(request.actor, team, slug) if team and slug else None
