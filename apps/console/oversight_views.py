"""Pages of the access review and of the exceptions, and their tables as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from apps.accounts import reviewing
from apps.changes import pairs
from apps.core import access
from apps.core.actor import Actor
from apps.core.http import PageRequest
from apps.core.spreadsheet import answer
from apps.dataplane.errors import NotFound
from apps.runs import passing

from . import oversight
from .oversight_forms import Review


def tabs(request: PageRequest, active: str) -> list[dict[str, Any]]:
    """Links between the pages of the review."""
    return [{"url": reverse(view), "label": label, "active": view == active} for view, label in TABS]


TABS = (
    ("console:access_review", _("Roles")),
    ("console:access_pairs", _("Who approves whom")),
    ("console:access_tokens", _("Tokens")),
    ("console:exceptions", _("Columns that pass")),
    ("console:exceptions_alone", _("Single signatures")),
    ("console:exceptions_grants", _("Strong roles")),
)


@require_safe
def access_review(request: PageRequest) -> HttpResponse:
    """Who holds which role since when and by which change, when they last came, and who did not for long."""
    access.require(request.actor, "people.view")
    form = Review(request.GET)
    if not form.is_valid():
        return render(request, "console/access_review.html", {"form": form, "wanted": oversight.Wanted()}, status=422)
    wanted = form.wanted()
    page = oversight.access_page(request.actor, wanted, cursor=request.GET.get("cursor", ""))
    references = [held.change for row in page.rows for held in row.reviewed.person.roles]
    said = {
        "form": form,
        "wanted": wanted,
        "page": page,
        "numbers": oversight.change_numbers(request.actor, references),
        "may_audit": access.allowed(request.actor, "audit.view"),
        "may_revoke": access.allowed(request.actor, "role.revoke"),
        "may_deactivate": access.allowed(request.actor, "person.deactivate"),
        "back": {"back": request.get_full_path()},
        "filters": request.GET.urlencode(),
        "tabs": tabs(request, "console:access_review"),
    }
    return render(request, "console/access_review.html", said)


@require_safe
def access_pairs(request: PageRequest) -> HttpResponse:
    """Who approved whose changes how often."""
    said = {"pairs": pairs.pairs(request.actor), "tabs": tabs(request, "console:access_pairs")}
    return render(request, "console/access_pairs.html", said)


@require_safe
def access_tokens(request: PageRequest) -> HttpResponse:
    """Every live token and service account, with when it was last used."""
    page = reviewing.live_tokens(request.actor, cursor=request.GET.get("cursor", ""))
    said = {
        "page": page,
        "may_revoke": access.allowed(request.actor, "token.revoke"),
        "back": {"back": request.get_full_path()},
        "tabs": tabs(request, "console:access_tokens"),
    }
    return render(request, "console/access_tokens.html", said)


@require_safe
def exceptions(request: PageRequest) -> HttpResponse:
    """Sensitive columns that pass unchanged."""
    page = passing.passing(request.actor, cursor=request.GET.get("cursor", ""))
    said = {"page": page, "tabs": tabs(request, "console:exceptions")}
    return render(request, "console/exceptions.html", said)


@require_safe
def exceptions_alone(request: PageRequest) -> HttpResponse:
    """Changes that one signature sufficed for: in founding mode, or because a rule asks for one."""
    kind = request.GET.get("kind", "")
    founding = {"founding": True, "single": False}.get(kind)
    page = pairs.alone(request.actor, founding=founding, cursor=request.GET.get("cursor", ""))
    said = {"page": page, "tabs": tabs(request, "console:exceptions_alone")}
    return render(request, "console/exceptions_alone.html", said)


@require_safe
def exceptions_grants(request: PageRequest) -> HttpResponse:
    """Roles that let somebody approve, or give out roles."""
    rows = list(oversight.grant_rows(request.actor))
    said = {"rows": rows, "columns": oversight.GRANT_COLUMNS, "tabs": tabs(request, "console:exceptions_grants")}
    return render(request, "console/exceptions_grants.html", said)


TABLES: dict[str, tuple[tuple[str, ...], Callable[..., Iterator[tuple[Any, ...]]]]] = {
    "access": (oversight.ACCESS_COLUMNS, oversight.access_rows),
    "pairs": (oversight.PAIR_COLUMNS, oversight.pair_rows),
    "tokens": (oversight.TOKEN_COLUMNS, oversight.token_rows),
    "passing": (oversight.PASSING_COLUMNS, oversight.passing_rows),
    "single-signature": (oversight.ALONE_COLUMNS, oversight.alone_rows),
    "grants": (oversight.GRANT_COLUMNS, oversight.grant_rows),
}


@require_safe
def review_file(request: PageRequest, table: str) -> HttpResponse:
    """One of these tables for a spreadsheet; the access review with the filters of its page."""
    return table_answer(request.actor, table, Review(request.GET))


def table_answer(actor: Actor, table: str, form: Review) -> HttpResponse:
    """The table as a file. Raises NotFound, Denied."""
    access.require(actor, "people.view")
    if table not in TABLES:
        raise NotFound("There is no such table.")
    columns, rows = TABLES[table]
    wanted = form.wanted() if form.is_valid() else oversight.Wanted()
    found = rows(actor, wanted) if table == "access" else rows(actor)
    return answer(f"lockgate-{table}.csv", columns, found)
