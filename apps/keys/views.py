"""The keys of the installation: which there are, where their files lie, and whether copies are kept."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid

from . import selectors, services
from .forms import Copied


@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: PageRequest) -> HttpResponse:
    """The keyring, and "I have copied the files"."""
    files = selectors.files(request.actor)
    given = request.POST if request.method == "POST" else None
    form = Copied(given, holders=[file.holder for file in files if file.copied_at is None])
    if request.method == "POST":
        access.require(request.actor, "key.confirm")
        if form.is_valid():
            try:
                services.confirm_copied(actor=request.actor, begins=form.given())
                messages.success(request, _("It is recorded that you keep copies."))
                return redirect("keys:keys")
            except Invalid as error:
                bind_error(form, error)
    said = {
        "form": form,
        "files": files,
        "keyring": selectors.keyring(request.actor),
        "names": accounts.names(file.copied_by for file in files),
        "may_confirm": access.allowed(request.actor, "key.confirm"),
        "command": "sha256sum " + " ".join(f"{file.holder}.kek" for file in files),
    }
    return render(request, "keys/keys.html", said, status=422 if form.errors else 200)
