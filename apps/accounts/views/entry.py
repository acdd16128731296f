"""Pages to get in and out: set-up, signing in, invitations and forgotten passwords."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import forms, links, selectors, services
from apps.changes import selectors as changes
from apps.changes import services as review
from apps.core import access, wanted
from apps.core.actor import Actor
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid
from apps.policies import starter

from .showing import WRONG_INPUT, shown

SHOWN_AS = "open"  # stands in the address for a token that waits in the session
FOUNDERS_ROLES = (access.ENGINEER, access.STEWARD, access.REVIEWER)
FOUNDING = "accounts.founding"


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: PageRequest) -> HttpResponse:
    """E-mail address and password; an installation that nobody has set up leads to the set-up."""
    if request.user.is_authenticated:
        return redirect(_next(request))
    if not selectors.organisation_name():
        return redirect("accounts:setup")
    form = forms.SignIn(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.sign_in(request=request, **form.cleaned_data)
            return redirect(_next(request))
        except WRONG_INPUT as error:
            bind_error(form, error)
    return shown(request, "accounts/sign_in.html", form, next=request.GET.get("next", ""))


def _switch_on(founder: Actor, team: str, packs: list[str]) -> None:
    """Masking from the start: proposed in the founder's name as soon as their team and roles exist."""
    wanted.want(
        kind="policy",
        subject=f"policy/{starter.SLUG}",
        title=_("Chosen at the set-up, so that the first output is masked."),
        proposal=starter.proposal(packs),
        requested_by=f"person/{founder.id}",
        team_slug=team,
    )


def _next(request: PageRequest) -> str:
    wanted = request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else reverse(settings.LOGIN_REDIRECT_URL)


def locked_out(request: PageRequest, response: object = None, credentials: object = None) -> HttpResponse:
    """What axes answers with after too many failures."""
    return render(request, "accounts/locked_out.html", status=429)


@require_POST
def sign_out(request: PageRequest) -> HttpResponse:
    services.sign_out(request=request)
    return redirect(settings.LOGIN_URL)


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: PageRequest) -> HttpResponse:
    """The first person founds the organisation, and proposes their own roles as its first change."""
    if selectors.organisation_name():
        return redirect("accounts:setup_progress" if request.session.get(FOUNDING) else settings.LOGIN_URL)
    offered = [(pack.slug, f"{pack.name}: {pack.for_whom}") for pack in starter.packs()]
    form = forms.SetUp(request.POST or None, packs=offered)
    if request.method == "POST" and form.is_valid():
        try:
            _found(request, **form.cleaned_data)
            return redirect("accounts:setup_progress")
        except WRONG_INPUT as error:
            bind_error(form, error)
    return shown(request, "accounts/set_up.html", form)


def _found(
    request: PageRequest, *, team_name: str, email: str, password: str, name: str, packs: list[str], **rest: str
) -> None:
    team = slugify(team_name)[:40].strip("-")
    proposal = {
        "email": email,
        "name": name,
        "team": team,
        "team_name": team_name,
        "roles": FOUNDERS_ROLES,
        "organisation_roles": access.ORGANISATION_ROLES,
    }
    if not team or team == "new":
        raise Invalid(_("Give the team a name with letters."), field="team_name")
    # Both or neither: an organisation whose first person can never hold a role could not be used or founded again.
    with transaction.atomic():
        founder = services.found(email=email, password=password, name=name, request_id=request.id, **rest)
        change = review.propose(
            actor=founder, kind="membership", team_id=None, proposal=proposal, reason=_("Founding of the organisation.")
        )
        if packs:
            _switch_on(founder, team, packs)
    services.sign_in(request=request, email=email, password=password)
    request.session[FOUNDING] = change.number


@require_safe
def setup_progress(request: PageRequest) -> HttpResponse:
    """Waits until the applier has given the founder their roles; asks again by itself."""
    number = request.session.get(FOUNDING)
    if request.actor.organisation or number is None:
        request.session.pop(FOUNDING, None)
        return _go(request, reverse(settings.LOGIN_REDIRECT_URL))
    change = changes.numbered(request.actor, number)
    template = "accounts/_founding.html" if request.headers.get("HX-Request") else "accounts/founding.html"
    return render(request, template, {"change": change, "steps": _founding_steps(change.state)})


def _founding_steps(state: str) -> list[dict[str, str]]:
    waiting = "failed" if state == "REFUSED" else "running"
    return [
        {"label": _("Organisation and your account"), "state": "done", "detail": _("Made.")},
        {"label": _("Your roles, proposed as the first change"), "state": "done", "detail": _("Signed by you alone.")},
        {"label": _("Applied by the control process"), "state": waiting, "detail": _("It writes roles; pages cannot.")},
    ]


def _go(request: PageRequest, url: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: PageRequest, uid: str, token: str) -> HttpResponse:
    """An invited person chooses a password and is in."""
    if token != SHOWN_AS:
        return _hide(request, "accounts:invitation", uid, token)
    link = {"person_id": links.person_id(uid), "token": request.session.get(f"link.{uid}", "")}
    if not services.link_holds(kind="invitation", **link):
        return render(request, "accounts/stale_link.html", {"invitation": True}, status=404)
    form = forms.Join(request.POST or None, initial={"name": selectors.names([link["person_id"]]).popitem()[1]})
    if request.method == "POST" and form.is_valid():
        try:
            user = services.accept_invitation(**link, **form.cleaned_data, request_id=request.id)
            services.sign_in(request=request, email=user.email, password=form.cleaned_data["password"])
            return redirect(settings.LOGIN_REDIRECT_URL)
        except WRONG_INPUT as error:
            bind_error(form, error)
    return shown(request, "accounts/invitation.html", form, organisation=selectors.organisation_name())


def _hide(request: PageRequest, view: str, uid: str, token: str) -> HttpResponse:
    """Keep the token in the session: an address is copied, logged and sent on as a referrer."""
    request.session[f"link.{uid}"] = token
    return redirect(view, uid, SHOWN_AS)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def forgot(request: PageRequest) -> HttpResponse:
    """Ask for a link by mail. The answer is the same whether or not the address is known."""
    form = forms.Forgot(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.request_reset(email=form.cleaned_data["email"], request_id=request.id)
        return render(request, "accounts/forgot_sent.html")
    return shown(request, "accounts/forgot.html", form)


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: PageRequest, uid: str, token: str) -> HttpResponse:
    """Choose a new password by a mailed link."""
    if token != SHOWN_AS:
        return _hide(request, "accounts:reset", uid, token)
    link = {"person_id": links.person_id(uid), "token": request.session.get(f"link.{uid}", "")}
    if not services.link_holds(kind="reset", **link):
        return render(request, "accounts/stale_link.html", {"invitation": False}, status=404)
    form = forms.Reset(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.reset_password(**link, **form.cleaned_data, request_id=request.id)
            messages.success(request, _("Your password is changed. Sign in with it."))
            return redirect(settings.LOGIN_URL)
        except WRONG_INPUT as error:
            bind_error(form, error)
    return shown(request, "accounts/reset.html", form)
