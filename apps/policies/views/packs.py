"""Starter packs: what each covers, in words, and switching them on in one click."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts import selectors as accounts
from apps.changes import services as review
from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.errors import Conflict, Invalid
from apps.policies import selectors, starter


@require_http_methods(["GET", "HEAD", "POST"])
def packs(request: PageRequest) -> HttpResponse:
    """What each pack covers and whether the team has it on; POST proposes those that were chosen."""
    access.require(request.actor, "policy.view")
    teams = [one for one in accounts.teams(request.actor) if access.allowed(request.actor, "policy.view", one.id)]
    wanted = request.POST.get("team") or request.GET.get("team") or ""
    team = next((one for one in teams if one.slug == wanted), teams[0] if teams else None)
    error = None
    if request.method == "POST":
        access.require(request.actor, "policy.propose", team.id if team else None)
        try:
            return redirect("changes:change", _propose(request, team))
        except (Invalid, Conflict) as found:
            error = found
    state = selectors.starter_state(team.id) if team else None
    shown = {
        "packs": [(pack, state is not None and starter.switched_on(state.rules, pack)) for pack in starter.packs()],
        "team": team,
        "teams": teams,
        "active": state,
        "error": error,
        "may_propose": team is not None and access.allowed(request.actor, "policy.propose", team.id),
    }
    return render(request, "policies/packs.html", shown, status=422 if error else 200)


def _propose(request: PageRequest, team: Any) -> int:
    chosen = request.POST.getlist("packs")
    proposal = selectors.starter_proposal(UUID(str(team.id)), chosen)
    change = review.propose(
        actor=request.actor,
        kind="policy",
        team_id=team.id,
        proposal=proposal,
        reason=_("Switches on %(packs)s.") % {"packs": ", ".join(str(pack.name) for pack in starter.chosen(chosen))},
    )
    return change.number
