"""What comes after a connection was proposed: approval, discovery, classification and the cover of the policies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from apps.accounts import selectors as accounts
from apps.changes import selectors as changes
from apps.core import access
from apps.core.clock import now
from apps.core.http import PageRequest
from apps.dataplane.errors import Conflict, Invalid, NotFound
from apps.dataplane.policy import ZONES
from apps.policies import selectors as policies
from apps.sources import column_batches, columns, coverage, forms, presenting, selectors
from apps.sources.column_batches import Decision
from apps.sources.definition import KNOWN_TAGS

from .proposing import propose_all

MOST_COVERED = 2_000
SINGLE = 40
TIERS = (50, 65, 80, 95)


@dataclass(frozen=True)
class Waiting:
    """A change that somebody else has to approve, and who may."""

    change: Any
    names: str

    @property
    def number(self) -> int:
        return int(self.change.number)


@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """One page that goes on wherever the registration of a connection stands."""
    try:
        row = selectors.connection_named(request.actor, team, slug)
    except NotFound:
        return _before_approval(request, team, slug)
    if request.method == "POST":
        return _propose(request, row)
    return _after_approval(request, row)


def _before_approval(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """It was proposed and is not there yet: who may approve it, or what became of it. Raises NotFound."""
    team_id = accounts.team_ids([team]).get(team)
    found = changes.of_target(request.actor, f"connection/new/{team_id}/{slug}", limit=1) if team_id else []
    if not found or team_id is None:
        raise NotFound(_("There is no connection %(slug)s, or none that you may see.") % {"slug": slug})
    waits = found[0].waits or found[0].state == "APPROVED"
    context = {
        "change": found[0],
        "waits": waits,
        "reviewers": _reviewers(team_id, found[0]),
        "draft": selectors.newest_draft(request.actor, team_id, slug),
        "steps": presenting.wizard("approval"),
        "here": request.path,
        "slug": slug,
    }
    return _live(request, "sources/setup_waiting.html", context, waiting=waits)


def _after_approval(
    request: PageRequest, row: Any, *, error: Invalid | Conflict | None = None, status: int = 200
) -> HttpResponse:
    standing = standing_of(request, row)
    step = standing["step"]
    context = {"connection": row, **standing, "error": error, "here": request.path, "steps": presenting.wizard(step)}
    if step in ("classification", "coverage"):
        context |= _classifying(request, row, step)
    waiting = (step == "discovery" and standing["running"]) or standing["waiting"] is not None
    return _live(request, "sources/setup.html", context, waiting=waiting, status=status)


def _live(
    request: PageRequest, template: str, context: dict[str, Any], *, waiting: bool, status: int = 200
) -> HttpResponse:
    """While something is awaited the page asks every few seconds, and loads anew once it has come."""
    if request.headers.get("HX-Request") and request.GET.get("waiting"):
        response = HttpResponse(status=204)
        if not waiting:
            response["HX-Refresh"] = "true"
        return response
    return render(request, template, context | {"poll": waiting}, status=status)


def standing_of(request: PageRequest, row: Any) -> dict[str, Any]:
    """Where the registration stands: the step, and what it waits for."""
    says = selectors.active(row)
    discovery = next(iter(selectors.discoveries(row, 1)), None)
    left = selectors.column_counts(row)
    waiting = _waiting(request, row)
    step = "done"
    if "read" in says.credentials:
        if discovery is None or not selectors.was_discovered(row):
            step = "discovery"
        elif left["unclassified"]:
            step = "classification"
        elif left["columns"]:
            step = "coverage"
    return {
        "step": step,
        "says": says,
        "discovery": discovery,
        "running": _under_way(row, discovery),
        "left": left,
        "waiting": waiting,
        "unreadable": [(one, selectors.problem_of(one)) for one in selectors.unreadable(row)],
        "may_discover": access.allowed(request.actor, "connection.discover", row.team_id),
        "may_classify": access.allowed(request.actor, "classification.propose", row.team_id),
        "may_build": access.allowed(request.actor, "pipeline.propose", row.team_id),
    }


def _under_way(row: Any, discovery: Any) -> bool:
    """An approved connection is looked at at once: until its first discovery shows, it is about to begin."""
    if discovery is None:
        return bool(row.created_at > now() - timedelta(minutes=1))
    return bool(discovery.state == discovery.RUNNING)


def _waiting(request: PageRequest, row: Any) -> Waiting | None:
    """The open change about the classification of the connection or of one of its datasets."""
    targets = [f"classification/connection/{row.id}", *selectors.classification_targets(row)]
    found = changes.visible(request.actor).filter(target__in=targets, state__in=("OPEN", "APPROVED")).first()
    if found is None:
        return None
    shown = changes.of_target(request.actor, found.target, limit=1)[0]
    return Waiting(shown, _reviewers(row.team_id, shown))


def _reviewers(team_id: UUID, change: Any) -> str:
    """Who may approve it, as words: all reviewers but its author."""
    names = [person.name for person in accounts.people_with(team_id, access.REVIEWER) if not person.is_service]
    others = [name for name in names if name != change.author]
    if len(others) > 1:
        return _("%(names)s or %(last)s") % {"names": ", ".join(others[:-1]), "last": others[-1]}
    return others[0] if others else ""


def _classifying(request: PageRequest, row: Any, step: str) -> dict[str, Any]:
    confidence = _confidence(request)
    here = columns.Filters(connection=str(row.id))
    cards = columns.all_matching(request.actor, here, most=columns.MOST_IN_A_SHEET)
    open_cards = [card for card in cards if card.tags is None]
    choice = column_batches.Choice("accept", confidence=confidence)
    chosen = {card.column.id: tags for card in open_cards if (tags := choice.tags_for(card)) is not None}
    texts = policies.active(row.team_id)
    facts = coverage.as_if(cards[:MOST_COVERED], chosen, selectors.fact_of)
    zones = coverage.coverage(facts, ZONES, partial(_ask, texts))
    return {
        "confidence": confidence,
        "groups": coverage.suggested(cards, confidence),
        "single": [(card, card.column.id in chosen) for card in open_cards[:SINGLE]],
        "more": max(0, len(open_cards) - SINGLE),
        "accepted": len(chosen),
        "surer": _next_tier(open_cards, confidence) if not chosen else 0,
        "tiers": TIERS,
        "undecided": len(open_cards) - len(chosen),
        "zones": zones,
        "refused": any(zone.refused for zone in zones),
        "covered": len(facts),
        "all_columns": len(cards),
        "has_policies": bool(texts),
        "tags": forms.tag_choices(),
        "meanings": KNOWN_TAGS,
        "form": forms.ReasonForm(request.POST or None),
        "typed": request.POST,
    }


def _next_tier(open_cards: Any, confidence: int) -> int:
    """The next lower confidence at which some suggestion would be accepted; 0 for none."""
    best = max((card.column.suggested_confidence for card in open_cards if card.column.suggested_tag), default=0)
    return max((tier for tier in TIERS if tier <= min(best, confidence - 1)), default=0)


def _ask(texts: Any, fact: Any, zone: str) -> Any:
    return policies.answer(fact, zone=zone, texts=texts)


def _confidence(request: PageRequest) -> int:
    given = request.POST.get("confidence") or request.GET.get("confidence") or str(column_batches.SURE)
    return min(100, int(given)) if given.isascii() and given.isdigit() and len(given) <= 3 else column_batches.SURE


def _propose(request: PageRequest, row: Any) -> HttpResponse:
    """Propose every suggestion from the confidence on, with what was chosen for single columns."""
    access.require(request.actor, "classification.propose", row.team_id)
    try:
        form = forms.ReasonForm(request.POST)
        if not form.is_valid():
            raise Invalid(_("The reason is too long."), field="reason")
        batches = column_batches.batches(_decided(request, row))
        change = propose_all(request.actor, batches, form.cleaned_data["reason"])[0]
    except (Invalid, Conflict) as error:
        return _after_approval(request, row, error=error, status=422 if isinstance(error, Invalid) else 409)
    count = len(batches[0].decisions)
    told = ngettext(
        "Change #%(number)s: %(n)s column waits for review.",
        "Change #%(number)s: %(n)s columns wait for review.",
        count,
    )
    messages.success(request, told % {"n": count, "number": change.number})
    return redirect(reverse("sources:setup", args=[row.team.slug, row.slug]))


def _decided(request: PageRequest, row: Any) -> tuple[Decision, ...]:
    here = columns.Filters(connection=str(row.id), state=columns.UNCLASSIFIED)
    cards = columns.all_matching(request.actor, here, most=columns.MOST_AT_ONCE)
    column_batches.require_as_seen(request.POST.get("open", ""), columns.count(request.actor, here))
    choice = column_batches.Choice("accept", confidence=_confidence(request))
    found = []
    for card in cards:
        by_hand = request.POST.get(f"tag-{card.column.id}", "")
        if by_hand == "leave":
            continue
        hand = column_batches.Choice.of("tag", by_hand, "") if by_hand else choice
        tags = hand.tags_for(card)
        if tags is not None:
            found.append(Decision(card, tags))
    return tuple(found)
