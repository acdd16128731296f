"""The audit log for auditors: search, one event with its proof, exports, and verification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO
from uuid import UUID

from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.changes import selectors as changes
from apps.core import access
from apps.core.http import PageRequest
from apps.core.spreadsheet import attachment
from apps.dataplane.errors import LockgateError

from . import exporting, proving, selectors, services, walking
from .forms import FORMATS, NewExport, Search


@require_safe
def events(request: PageRequest) -> HttpResponse:
    """One page of events, newest first. Reading is recorded."""
    access.require(request.actor, "audit.view")
    form = Search(request.GET)
    if not form.is_valid():
        return render(request, "audit/events.html", _around(request, form), status=422)
    filters = named(form.filters())
    services.record_reading(actor=request.actor, filters=filters)
    page = selectors.events(request.actor, filters, cursor=request.GET.get("cursor", ""))
    return render(request, "audit/events.html", {**_around(request, form), "page": page, "filters": filters})


def named(filters: selectors.Filters) -> selectors.Filters:
    """The search, with the ids that the typed name stands for."""
    return replace(filters, people=accounts.ids_called(filters.actor))


def _around(request: PageRequest, form: Search) -> dict[str, object]:
    known = selectors.actions()
    groups = sorted({action.partition(".")[0] for action in known})
    return {
        "form": form,
        "head": selectors.head(),
        "actions": [
            (group, [(f"{group}.", _("Everything about: %(group)s") % {"group": group})]
             + [(action, action) for action in known if action.startswith(f"{group}.")])
            for group in groups
        ],
        "teams": [(str(team.id), team.name) for team in accounts.teams(request.actor)],
        "formats": FORMATS,
        "query": {key: value for key, value in request.GET.items() if value and key != "cursor"},
        "may_export": access.allowed(request.actor, "audit.export"),
    }  # fmt: skip


@require_safe
def event(request: PageRequest, event_id: UUID) -> HttpResponse:
    """One event: its sentence, what it changed, its bytes, hash and link, and what stands beside it."""
    proof = proving.proof_of(request.actor, event_id)
    services.record_reading(actor=request.actor, filters=selectors.Filters())
    said = {"proof": proof, "event": proof.event, "change": _change(request, proof.event.subject)}
    return render(request, "audit/event.html", said)


def _change(request: PageRequest, subject: str) -> Any:
    """What a change alters, for an event about one."""
    kind, _slash, key = subject.partition("/")
    if kind != "change" or not accounts.is_uuid(key):
        return None
    try:
        return changes.change(request.actor, changes.visible_one(request.actor, UUID(key)).number)
    except LockgateError:
        return None  # An event outlives what it is about.


@require_http_methods(["GET", "HEAD", "POST"])
def exports(request: PageRequest) -> HttpResponse:
    """The newest exports; a POST asks for one with the search of the page that it was asked on."""
    if request.method != "POST":
        access.require(request.actor, "audit.view")
        return render(request, "audit/exports.html", _exports(request))
    form = NewExport(request.POST)
    if not form.is_valid():
        access.require(request.actor, "audit.export")
        return render(request, "audit/exports.html", {**_exports(request), "form": form}, status=422)
    asked = exporting.request(
        actor=request.actor, filters=named(form.filters()), format=form.cleaned_data["format"]
    )  # fmt: skip
    return redirect("audit:export", asked.id)


def _exports(request: PageRequest) -> dict[str, object]:
    found = exporting.exports(request.actor)
    return {"exports": found, "names": accounts.names(row.asked_by for row in found)}


@require_safe
def export(request: PageRequest, export_id: UUID) -> HttpResponse:
    """One export: how far it is, and its file."""
    found = exporting.export(request.actor, export_id)
    template = "audit/_export.html" if request.htmx else "audit/export.html"
    who = accounts.names([found.asked_by]).get(found.asked_by, "")
    return render(request, template, {"export": found, "who": who})


@require_POST
def export_file(request: PageRequest, export_id: UUID) -> FileResponse:
    """The file itself; taking it is recorded."""
    found, content = exporting.open_file(actor=request.actor, export_id=export_id)
    return file_answer(found, content)


def file_answer(found: exporting.Asked, content: BinaryIO) -> FileResponse:
    """A finished export as a download, in pieces."""
    kinds = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
    answer = FileResponse(_pieces(content), content_type=kinds[found.format])
    answer["Content-Length"] = str(found.size)
    return attachment(answer, found.name)


def _pieces(content: BinaryIO) -> Iterator[bytes]:
    with content:
        while piece := content.read(1 << 16):
            yield piece


@require_POST
def verify(request: PageRequest) -> HttpResponse:
    """Walk the whole log and say to which event it holds; a long one is walked by a worker."""
    result = walking.verify_or_walk(actor=request.actor)
    if isinstance(result, walking.Walking):
        return _shown_walk(request, result)
    template = "audit/_verification.html" if request.htmx else "audit/verification.html"
    return render(request, template, {"result": result, "head": selectors.head()})


@require_safe
def walk(request: PageRequest, walk_id: UUID) -> HttpResponse:
    """A verification by a worker: how far it is, and what it found."""
    return _shown_walk(request, walking.walk(request.actor, walk_id))


def _shown_walk(request: PageRequest, found: walking.Walking) -> HttpResponse:
    if request.htmx:
        return render(request, "audit/_walk.html", {"walk": found, "result": found.result})
    if request.method == "POST":
        return redirect("audit:walk", found.id)
    return render(request, "audit/walk.html", {"walk": found, "result": found.result})
