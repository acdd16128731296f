"""The demo's pages and buttons: becoming somebody else, the acts of the tour, and the rows side by side."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.core.http import PageRequest
from apps.dataplane.errors import Denied, LockgateError, NotFound
from controlplane.denials import record_denial

from . import hand, panel
from .acts import ACTS
from .facts import Facts
from .switching import name_of, switch

FIRST = ["id", "name", "email", "phone", "iban", "card", "birth_date", "passport_no", "country", "national_id", "note"]


@require_POST
def become(request: PageRequest) -> HttpResponse:
    """Become one of the demo's people, and go on where one was."""
    actor = switch(request, request.POST.get("person", ""))
    messages.success(request, f"You are {actor.name} now.")
    wanted = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return redirect(wanted if ours else "/")


@require_POST
def act(request: PageRequest, name: str) -> HttpResponse:
    """Do one act of the tour as the person whose turn it is; a refusal is told, because some are the point."""
    known = ACTS.get(name)
    if known is None:
        raise NotFound(f"The tour has no act {name}.")
    actor = request.actor if name_of(request) == known.who else switch(request, known.who)
    facts = Facts()
    try:
        return redirect(known.do(actor, facts))
    except LockgateError as error:
        record_denial(request, error)
        messages.error(request, f"{error.sentence} {error.remedy}".strip())
        change = facts.policy_change if isinstance(error, Denied) else None
        return redirect("changes:change", change.number) if change else redirect("/")


@never_cache
@require_safe
def steps(request: PageRequest) -> HttpResponse:
    """The tour by itself, for a page that waits until something has happened."""
    return render(request, "demo/_tour.html", {"demo": panel.home(request)})


@never_cache
@require_safe
def rows(request: PageRequest) -> HttpResponse:
    """The same customers on both sides. Raw rows: of the demo's generated source, read by the demo's own login."""
    if not name_of(request):
        raise Denied("Only the people of the demo see its rows.")
    found = hand.read_private("rows")
    said = {"found": found, "pairs": _pairs(found) if found else (), "columns": _columns(found) if found else ()}
    return render(request, "demo/_rows.html" if request.htmx else "demo/rows.html", said)


def _columns(found: Any) -> list[str]:
    there = set(found["source"]["columns"]) | set(found["destination"]["columns"])
    return [name for name in FIRST if name in there]


def _pairs(found: Any) -> list[dict[str, object]]:
    """For each customer a line of each side; None where the column stayed at home."""
    sides = [
        [dict(zip(found[side]["columns"], row, strict=True)) for row in found[side]["rows"]]
        for side in ("source", "destination")
    ]
    columns = _columns(found)
    masked = {row["id"]: row for row in sides[1]}
    return [
        {
            "before": [before.get(name) for name in columns],
            "after": [(masked[before["id"]].get(name, ""), name not in masked[before["id"]]) for name in columns],
        }
        for before in sides[0]
        if before["id"] in masked
    ]
