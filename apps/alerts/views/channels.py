"""Pages of channels, their tests, alert routes and deliveries."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.alerts import channel_services, definition, forms, presenting, selectors, services
from apps.changes import services as changes
from apps.core import access
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid, LockgateError, Refused


@require_safe
def channels(request: PageRequest) -> HttpResponse:
    """How mail leaves, webhooks, and which alerts go where."""
    cards = selectors.channels(request.actor)
    shown = {
        "mail": [presenting.channel(card) for card in cards if card.channel.kind == "smtp"],
        "webhooks": [presenting.channel(card) for card in cards if card.channel.kind == "webhook"],
        "routes": [presenting.route(card, _may_route(request, card.route.team_id)) for card in _routes(request)],
        "leaves": selectors.mail_leaves(),
        "may_edit": access.allowed(request.actor, "channel.propose"),
        "may_route": access.allowed(request.actor, "route.propose"),
        "may_operate": access.allowed(request.actor, "operation.view"),
    }
    return render(request, "alerts/channels.html", shown)


def _routes(request: PageRequest) -> list[selectors.RouteCard]:
    return selectors.routes(request.actor)


def _may_route(request: PageRequest, team_id: Any) -> bool:
    action = "route.propose" if team_id else "operation.act"
    return access.allowed(request.actor, action, team_id)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, kind: str) -> HttpResponse:
    """A new channel; `?test=<id>` starts from what was tested."""
    access.require(request.actor, "channel.propose")
    return _form(request, kind, None, {}, None)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, slug: str) -> HttpResponse:
    """An existing channel; its short name is fixed."""
    card = selectors.channel(request.actor, slug)
    access.require(request.actor, "channel.propose")
    initial = forms.initial_of(slug=slug, name=card.channel.name, says=card.says)
    return _form(request, card.channel.kind, card.says, initial, card.channel)


def _form(
    request: PageRequest, kind: str, held: definition.Definition | None, initial: dict[str, Any], channel: Any
) -> HttpResponse:
    tested = _tested_before(request, kind)
    if tested is not None:
        held = definition.parse(kind, tested.proposal["definition"])
        initial = forms.initial_of(slug=tested.proposal["slug"], name=tested.proposal["name"], says=held)
    form = forms.FORMS[kind](
        request.POST if request.method == "POST" else None, initial=initial, held=held, fixed=channel is not None
    )
    if request.method == "POST" and form.is_valid():
        try:
            test = channel_services.test_channel(
                actor=request.actor, proposal=form.proposal(held), channel_id=channel.id if channel else None
            )
            return redirect("alerts:test", test.id)
        except LockgateError as error:
            bind_error(form, error)
    if form.errors:
        form.ask_again()
    shown = {"form": form, "kind": kind, "channel": channel, "test": tested.id if tested else ""}
    return render(request, "alerts/channel_form.html", shown, status=422 if form.errors else 200)


def _tested_before(request: PageRequest, kind: str) -> Any:
    id = request.GET.get("test") or request.POST.get("test") or ""
    if not accounts.is_uuid(id):
        return None
    tested = selectors.test(request.actor, UUID(id))
    return tested if tested.proposal["kind"] == kind else None


@require_safe
def test(request: PageRequest, test_id: UUID) -> HttpResponse:
    """The steps of a test, live; for htmx the steps alone."""
    shown = _tested(request, test_id)
    return render(request, "alerts/_test.html" if request.headers.get("HX-Request") else "alerts/test.html", shown)


test.__test__ = False  # type: ignore[attr-defined]


def _tested(request: PageRequest, test_id: UUID) -> dict[str, Any]:
    row = selectors.test(request.actor, test_id)
    return {
        "test": row,
        "shown": presenting.tested(row),
        "facts": presenting.facts(definition.parse(row.proposal["kind"], row.proposal["definition"])),
        "is_active": _is_active(request, row),
        "form": forms.Reason(),
        "edit_url": presenting.edit_url(row),
    }


def _is_active(request: PageRequest, row: Any) -> bool:
    if row.channel is None or row.channel.disabled_at:
        return False
    card = selectors.channel(request.actor, row.channel.slug)
    return bool(card.says.as_json() == row.proposal["definition"] and row.channel.name == row.proposal["name"])


@require_POST
def propose(request: PageRequest, test_id: UUID) -> HttpResponse:
    """Propose what passed its test; the change is what remains of it."""
    row = selectors.test(request.actor, test_id)
    if row.state != row.PASSED:
        raise Refused(
            _("This channel has not passed its test, so it is not proposed."),
            remedy=_("Mend what the test names and test again."),
        )
    form = forms.Reason(request.POST)
    if not form.is_valid():
        return render(request, "alerts/test.html", _tested(request, test_id) | {"form": form}, status=422)
    change = changes.propose(
        actor=request.actor, kind="channel", team_id=None, proposal=row.proposal, reason=form.cleaned_data["reason"]
    )
    return redirect("changes:change", change.number)


@require_POST
def retest(request: PageRequest, slug: str) -> HttpResponse:
    """Test the active version as it stands."""
    card = selectors.channel(request.actor, slug)
    row = card.channel
    document = {"slug": row.slug, "name": row.name, "kind": row.kind, "definition": card.says.as_json()}
    found = channel_services.test_channel(actor=request.actor, proposal=document, channel_id=row.id)
    return redirect("alerts:test", found.id)


@require_POST
def switch_off(request: PageRequest, slug: str) -> HttpResponse:
    card = selectors.channel(request.actor, slug)
    channel_services.switch_off_channel(actor=request.actor, channel_id=card.channel.id)
    messages.success(request, _("%(name)s is switched off: nothing leaves through it.") % {"name": card.channel.name})
    return redirect("alerts:channels")


@require_http_methods(["GET", "HEAD", "POST"])
def new_route(request: PageRequest) -> HttpResponse:
    access.require(request.actor, "route.propose")
    return _route_form(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def edit_route(request: PageRequest, slug: str) -> HttpResponse:
    card = selectors.route(request.actor, slug)
    channel_services.require_route(request.actor, card.route.team_id)
    return _route_form(request, card)


def _route_form(request: PageRequest, card: selectors.RouteCard | None) -> HttpResponse:
    actor = request.actor
    initial: dict[str, Any] = {}
    if card:
        row = card.route
        team = str(row.team_id or "")
        initial = forms.initial_of_route(slug=row.slug, name=row.name, team=team, says=card.says)
    teams = presenting.teams_to_route(actor)
    form = forms.RouteForm(
        request.POST if request.method == "POST" else None,
        initial=initial or {"team": teams[0][0] if teams else ""},
        fixed=card is not None,
        teams=teams if card is None else [*teams, (initial["team"], "")],
        people=[(str(one.id), one.name) for one in _people(actor)],
        channels=[
            (one.channel.slug, one.channel.name) for one in selectors.channels(actor) if one.channel.kind == "webhook"
        ],
    )
    if request.method == "POST" and form.is_valid():
        try:
            team_id = form.cleaned_data["team"] or None
            channel_services.require_route(actor, team_id)
            change = changes.propose(
                actor=actor,
                kind="alert_route",
                team_id=team_id,
                proposal=form.proposal(),
                reason=form.cleaned_data["reason"],
            )
            return redirect("changes:change", change.number)
        except Invalid as error:
            bind_error(form, error)
    shown = {"form": form, "route": card.route if card else None}
    return render(request, "alerts/route_form.html", shown, status=422 if form.errors else 200)


def _people(actor: Any) -> list[Any]:
    """Whoever may be chosen: people of the actor's teams; for administrators everybody who holds a role."""
    if actor.organisation:
        return accounts.members(None)
    people = {one.id: one for team in access.teams(actor, "route.propose") for one in accounts.members(team)}
    return sorted(people.values(), key=lambda one: (one.name, str(one.id)))


@require_POST
def switch_off_route(request: PageRequest, slug: str) -> HttpResponse:
    card = selectors.route(request.actor, slug)
    channel_services.switch_off_route(actor=request.actor, route_id=card.route.id)
    messages.success(request, _("%(name)s is switched off.") % {"name": card.route.name})
    return redirect("alerts:channels")


@require_safe
def deliveries(request: PageRequest) -> HttpResponse:
    """What left, what waits for its next try, and dead letters to replay."""
    filters = forms.Filter(request.GET).filters()
    shown = {
        "page": selectors.deliveries(request.actor, filters, cursor=request.GET.get("cursor", "")),
        "dead": selectors.dead_letters(),
        "states": presenting.delivery_states(),
        "ways": [("mail", _("Mail")), ("webhook", _("Webhook"))],
        "filtered": filters != selectors.Filters(),
        "may_replay": access.allowed(request.actor, "operation.act"),
    }
    return render(request, "alerts/deliveries.html", shown)


@require_POST
def replay(request: PageRequest, delivery_id: UUID) -> HttpResponse:
    services.replay(actor=request.actor, delivery_id=delivery_id)
    messages.success(request, _("It is on its way again."))
    return redirect("alerts:deliveries")
