"""What the pages of this app have in common: which errors belong to a form, and how a form is shown."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from apps.core.http import PageRequest
from apps.dataplane.errors import Conflict, Invalid, Refused

WRONG_INPUT = (Invalid, Conflict, Refused)


def shown(request: PageRequest, template: str, form: object, **more: object) -> HttpResponse:
    """The page with its form; 422 when the form has errors."""
    wrong = getattr(form, "is_bound", False) and getattr(form, "errors", None)
    return render(request, template, {"form": form, **more}, status=422 if wrong else 200)


def back(request: PageRequest, view: str, *arguments: object) -> str:
    """Where an act on a list of ours leads back to: the page that `back` names, else the view."""
    wanted = request.POST.get("back", "")
    ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, None)
    return wanted if ours else reverse(view, args=arguments)
