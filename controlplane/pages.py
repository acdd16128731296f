"""The pages for what went wrong, and the ones that Django itself asks for."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from apps.core.api import status_of
from apps.dataplane.errors import LockgateError

from . import problems

OWN_PAGES = (400, 403, 404, 500, 503)
AWAY = (OperationalError, InterfaceError)
RETRY_SECONDS = "5"


def failure(request: HttpRequest, error: LockgateError) -> HttpResponse:
    """The page of an expected failure; for htmx the refusal alone."""
    status = status_of(error)
    if request.headers.get("HX-Request"):
        return render(request, "errors/_failure.html", {"error": error}, status=status)
    template = f"errors/{status}.html" if status in OWN_PAGES else "errors/refused.html"
    said = {"sentence": error.sentence, "remedy": error.remedy, "status": status, "back": _back(request)}
    return render(request, template, said, status=status)


def _back(request: HttpRequest) -> str:
    """A page of ours that the reader came from; else the overview."""
    came_from = request.headers.get("Referer", "")
    here = request.build_absolute_uri("/")
    return came_from if came_from.startswith(here) else "/"


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problems.not_found(request) if request.path.startswith("/api/") else _page(request, 404)


def broken(request: HttpRequest) -> HttpResponse:
    """A bug; or the database is away, whichever layer found out."""
    if isinstance(sys.exc_info()[1], AWAY):
        return away(request)
    return problems.bug(request) if request.path.startswith("/api/") else _page(request, 500)


def away(request: HttpRequest) -> HttpResponse:
    """The database does not answer: a page that asks it nothing."""
    response = problems.away(request) if request.path.startswith("/api/") else _page(request, 503)
    response["Retry-After"] = RETRY_SECONDS
    return response


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from this session's page."""
    said = {
        "request": request,
        "sentence": _("This form was opened in another session, or has waited too long. Nothing was changed."),
        "remedy": _("Go back, reload the page and send it again."),
    }
    return HttpResponse(render_to_string("errors/403.html", said), status=403)


def _page(request: HttpRequest, status: int) -> HttpResponse:
    # Without the context processors: what broke may be what they need.
    return HttpResponse(render_to_string(f"errors/{status}.html", {"request": request}), status=status)
