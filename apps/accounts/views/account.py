"""One's own account: profile, password and tokens."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import devices, forms, selectors, services
from apps.core.forms import bind_error
from apps.core.http import PageRequest

from .showing import WRONG_INPUT, back, shown


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: PageRequest) -> HttpResponse:
    """Name and time zone."""
    user = selectors.profile(request.actor)
    form = forms.Profile(request.POST or None, initial={"name": user.name, "time_zone": user.time_zone})
    if request.method == "POST" and form.is_valid():
        try:
            services.update_profile(actor=request.actor, **form.cleaned_data)
            messages.success(request, _("Your profile is saved."))
            return redirect("accounts:profile")
        except WRONG_INPUT as error:
            bind_error(form, error)
    return _profile(request, form, forms.Password())


@sensitive_post_parameters("current", "new")
@require_POST
def password(request: PageRequest) -> HttpResponse:
    """Change one's own password; every other session ends."""
    form = forms.Password(request.POST)
    if form.is_valid():
        try:
            user = services.change_password(actor=request.actor, **form.cleaned_data)
            update_session_auth_hash(request, user)
            devices.moved(request)
            messages.success(request, _("Your password is changed, and your other sessions have ended."))
            return redirect("accounts:profile")
        except WRONG_INPUT as error:
            bind_error(form, error)
    user = selectors.profile(request.actor)
    return _profile(request, forms.Profile(initial={"name": user.name, "time_zone": user.time_zone}), form)


def _profile(request: PageRequest, form: forms.Profile, password_form: forms.Password) -> HttpResponse:
    said = {
        "form": form,
        "password_form": password_form,
        "roles": selectors.own_roles(request.actor),
        "sessions": devices.sessions(request.actor.id, here=request.session.session_key or ""),
    }
    wrong = form.is_bound or password_form.is_bound
    return render(request, "accounts/profile.html", said, status=422 if wrong else 200)


@require_POST
def end_session(request: PageRequest, device_id: UUID) -> HttpResponse:
    devices.end(actor=request.actor, device_id=device_id)
    messages.success(request, _("The session has ended."))
    return redirect(back(request, "accounts:profile"))


@require_POST
def end_others(request: PageRequest) -> HttpResponse:
    """Sign out everywhere else."""
    keep = request.session.session_key or ""
    count = devices.end_others(actor=request.actor, person_id=request.actor.id, keep=keep)
    messages.success(request, ngettext("%(n)s session has ended.", "%(n)s sessions have ended.", count) % {"n": count})
    return redirect("accounts:profile")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: PageRequest) -> HttpResponse:
    """One's tokens; a new one is shown in the answer that made it, and never again."""
    form = forms.NewToken(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_token(actor=request.actor, **form.cleaned_data)
            return render(request, "accounts/token_made.html", {"made": made})
        except WRONG_INPUT as error:
            bind_error(form, error)
    return shown(request, "accounts/tokens.html", form, tokens=selectors.tokens(request.actor))


@require_POST
def revoke_token(request: PageRequest, token_id: UUID) -> HttpResponse:
    services.revoke_token(actor=request.actor, token_id=token_id)
    messages.success(request, _("The token has ended."))
    return redirect("accounts:tokens")
