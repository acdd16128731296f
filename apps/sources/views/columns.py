"""The page of columns over many datasets: filter, choose, decide at once; as a sheet out and in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.classify import NONE
from apps.dataplane.errors import Conflict, Invalid, LockgateError, Refused
from apps.pipelines import taking
from apps.policies import selectors as policies
from apps.sources import column_batches, column_sheets, columns, forms, presenting, selectors
from apps.sources.column_batches import Batch, Choice, Decision
from apps.sources.columns import Filters
from apps.sources.definition import KNOWN_TAGS

from .proposing import propose_all

SHOWN_DIFFERENCES = 300


@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: PageRequest) -> HttpResponse:
    """The filter stands in the address; a POST decides about what was chosen, or about all that fits the filter."""
    access.require(request.actor, "dataset.view")
    return _classify(request) if request.method == "POST" else _page(request)


def _page(request: PageRequest, *, error: LockgateError | None = None, status: int = 200) -> HttpResponse:
    """The page as its address says; a refused decision shows above it, with what was typed."""
    problem, posted = error, request.POST.dict()
    try:
        filters = Filters.read(request.GET.dict())
        found = columns.paged(request.actor, filters, cursor=request.GET.get("cursor", ""))
    except Invalid as wrong:
        filters, problem, status = Filters(), wrong, 422
        found = columns.paged(request.actor, filters)
    may = access.allowed(request.actor, "classification.propose")
    context = {
        "page": found,
        "lines": _lines(request, found.rows),
        "matching": columns.count(request.actor, filters),
        "most": columns.MOST_AT_ONCE,
        "filters": filters,
        "query": filters.as_query(),
        "choices": _choices(request),
        "tags": forms.tag_choices(),
        "may_classify": may,
        "form": forms.ReasonForm(posted or None),
        "typed": posted,
        "checked": set(request.POST.getlist("column")),
        "error": problem,
    }
    return render(request, "sources/columns.html", context, status=status)


def _choices(request: PageRequest) -> dict[str, list[tuple[str, str]]]:
    connections = [(str(row.id), row.name) for row in selectors.connections(request.actor)]
    tags = sorted({*KNOWN_TAGS, *columns.subtrees()})
    return {
        "connection": connections,
        "state": presenting.column_states(),
        "tag": [(NONE, NONE), *((tag, tag) for tag in tags)],
        "confidence": [(str(n), _("from %(n)s %%") % {"n": n}) for n in (50, 60, 70, 80, 90, 95)],
        "type": [(name, name) for name in columns.TYPES],
    }


def _lines(request: PageRequest, cards: Sequence[Any]) -> list[presenting.ColumnLine]:
    """Each column with what happens to it in the zones that pipelines take it to."""
    sources = {card.column.dataset.connection_id for card in cards}
    ways = taking.ways(request.actor, sources) if cards else ()
    zones = selectors.zones({way.destination_id for way in ways}) if ways else {}
    texts = {team: policies.active(team) for team in {card.column.dataset.connection.team_id for card in cards}}
    taken: dict[tuple[Any, Any], set[str]] = {}
    for way in ways:
        taken.setdefault((way.source_id, way.source), set()).add(zones[way.destination_id])
    lines = []
    for card in cards:
        fact, dataset = selectors.fact_of(card.column, card.tags), card.column.dataset
        into = sorted(taken.get((dataset.connection_id, fact.dataset), ()))
        answers = [policies.answer(fact, zone=zone, texts=texts[dataset.connection.team_id]) for zone in into]
        lines.append(presenting.column_line(card, answers))
    return lines


def _classify(request: PageRequest) -> HttpResponse:
    """Propose what was decided about the chosen columns, or about all that fit the filter: one change a connection."""
    access.require(request.actor, "classification.propose")
    try:
        form = forms.ReasonForm(request.POST)
        if not form.is_valid():
            raise Invalid(_("The reason is too long."), field="reason")
        batches = column_batches.batches(_decided(request))
        changes = propose_all(request.actor, batches, form.cleaned_data["reason"])
    except (Invalid, Conflict, Refused) as error:
        status = 422 if isinstance(error, Invalid) else 409
        return _page(request, error=error, status=status)
    return _proposed(request, batches, changes)


def _decided(request: PageRequest) -> tuple[Decision, ...]:
    posted = request.POST
    choice = Choice.of(posted.get("act", ""), posted.get("set_tag", ""), posted.get("from_confidence", ""))
    if posted.get("scope") != "all":
        return column_batches.decided(columns.chosen(request.actor, _ids(posted.getlist("column"))), choice)
    filters = Filters.read(request.GET.dict())
    matching = columns.count(request.actor, filters)
    column_batches.require_as_seen(posted.get("matching", ""), matching)
    if matching > columns.MOST_AT_ONCE:
        raise column_batches.too_many()
    cards = columns.all_matching(request.actor, filters, most=columns.MOST_AT_ONCE)
    return column_batches.decided(cards, choice)


def _ids(posted: Sequence[str]) -> list[UUID]:
    try:
        return [UUID(one) for one in posted]
    except ValueError:
        raise Invalid(_("A chosen column has no valid id."), field="column") from None


def _proposed(request: PageRequest, batches: Sequence[Batch], changes: Sequence[Any]) -> HttpResponse:
    count = sum(len(one.decisions) for one in batches)
    told = ngettext("%(n)s column waits for review.", "%(n)s columns wait for review.", count) % {"n": count}
    if len(changes) == 1:
        messages.success(request, told)
        return redirect("changes:change", changes[0].number)
    numbers = ", ".join(f"#{one.number}" for one in changes)
    messages.success(
        request, _("%(told)s One change for each connection: %(numbers)s.") % {"told": told, "numbers": numbers}
    )
    return redirect("changes:changes")


@require_safe
def sheet(request: PageRequest) -> HttpResponse:
    """The columns that fit the filter, as CSV."""
    access.require(request.actor, "dataset.view")
    filters = Filters.read(request.GET.dict())
    cards = columns.all_matching(request.actor, filters, most=columns.MOST_IN_A_SHEET)
    response = HttpResponse(column_sheets.written(cards), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="columns.csv"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: PageRequest) -> HttpResponse:
    """A sheet comes back: line by line what is wrong with it, else what it would change."""
    access.require(request.actor, "classification.propose")
    form = forms.SheetForm(request.POST, request.FILES) if request.method == "POST" else forms.SheetForm()
    context: dict[str, Any] = {"form": form, "header": column_sheets.HEADER, "tags": KNOWN_TAGS}
    if request.method != "POST" or not form.is_valid():
        return render(request, "sources/column_sheet.html", context, status=422 if form.is_bound else 200)
    try:
        read = column_sheets.read(form.cleaned_data["sheet"].read())
        decisions, problems = column_sheets.compared(read, columns.named(request.actor, read.lines))
        batches = column_batches.batches(decisions) if decisions and not problems else ()
    except Invalid as error:
        form.add_error("sheet", f"{error.sentence} {error.remedy}".strip())
        return render(request, "sources/column_sheet.html", context, status=422)
    context |= {
        "read": read,
        "problems": problems[: column_sheets.MOST_PROBLEMS],
        "problem_count": len(problems),
        "batches": batches,
        "decisions": decisions[:SHOWN_DIFFERENCES],
        "count": len(decisions),
        "payload": json.dumps([_kept(one) for one in decisions]) if batches else "",
        "reason_form": forms.ReasonForm(),
    }
    return render(request, "sources/column_sheet.html", context, status=422 if problems else 200)


def _kept(decision: Decision) -> list[Any]:
    return [str(decision.card.column.id), decision.card.tags, decision.tags]


@require_POST
def take(request: PageRequest) -> HttpResponse:
    """Propose the difference that the preview showed, unless a column was classified since."""
    access.require(request.actor, "classification.propose")
    form = forms.ReasonForm(request.POST)
    try:
        if not form.is_valid():
            raise Invalid(_("The reason is too long."), field="reason")
        batches = column_batches.batches(_taken(request))
        changes = propose_all(request.actor, batches, form.cleaned_data["reason"])
    except (Invalid, Conflict, Refused) as error:
        context = {"form": forms.SheetForm(), "header": column_sheets.HEADER, "tags": KNOWN_TAGS, "error": error}
        status = 422 if isinstance(error, Invalid) else 409
        return render(request, "sources/column_sheet.html", context, status=status)
    return _proposed(request, batches, changes)


def _taken(request: PageRequest) -> tuple[Decision, ...]:
    wanted = forms.differences(request.POST.get("differences", ""))
    cards = {card.column.id: card for card in columns.chosen(request.actor, wanted)}
    found = []
    for id, (before, after) in wanted.items():
        card = cards.get(id)
        if card is None or card.tags != before:
            raise Conflict(
                _("Since you looked, a column went or was classified by somebody else; nothing was proposed."),
                remedy=_("Upload the sheet again and look at the difference."),
            )
        found.append(Decision(card, after))
    return tuple(found)
