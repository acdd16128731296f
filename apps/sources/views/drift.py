"""The page of drift: what differs from what was last settled, and which pipelines it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.errors import Conflict, Invalid, LockgateError
from apps.dataplane.plan import TableRef
from apps.pipelines import taking
from apps.sources import drifted, drifting, presenting, selectors
from apps.sources.drifted import Filters


@dataclass(frozen=True)
class DriftLine:
    """A difference with the pipelines that read its table; `holds`: their next run refuses until it is classified."""

    difference: Any
    pipelines: tuple[Any, ...]
    holds: bool


@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: PageRequest) -> HttpResponse:
    """Over all connections, or those that the filter names. A POST says that differences were seen."""
    access.require(request.actor, "dataset.view")
    if request.method != "POST":
        return _page(request)
    try:
        count = drifting.settle(actor=request.actor, difference_ids=_ids(request.POST.getlist("difference")))
    except (Invalid, Conflict) as error:
        return _page(request, error=error, status=422 if isinstance(error, Invalid) else 409)
    told = ngettext("%(n)s difference is settled.", "%(n)s differences are settled.", count)
    messages.success(request, told % {"n": count})
    return redirect(request.get_full_path())


def _page(request: PageRequest, *, error: LockgateError | None = None, status: int = 200) -> HttpResponse:
    problem = error
    try:
        filters = Filters.read(request.GET.dict())
        page = drifted.paged(request.actor, filters, cursor=request.GET.get("cursor", ""))
    except Invalid as wrong:
        filters, problem, status = Filters(), wrong, 422
        page = drifted.paged(request.actor, filters)
    connections = list(selectors.connections(request.actor))
    context = {
        "page": page,
        "lines": lines(request, page.rows),
        "counts": drifted.counts(request.actor, filters),
        "filters": filters,
        "connection": next((row for row in connections if str(row.id) == filters.connection), None),
        "connections": [(str(row.id), row.name) for row in connections],
        "whats": presenting.drift_words(),
        "states": presenting.drift_states(),
        "may_settle": access.allowed(request.actor, "drift.settle"),
        "may_discover": access.allowed(request.actor, "connection.discover"),
        "error": problem,
    }
    return render(request, "sources/drift.html", context, status=status)


def lines(request: PageRequest, rows: Sequence[Any]) -> list[DriftLine]:
    """Each difference with the pipelines that read its table."""
    ways = taking.ways(request.actor, {row.connection_id for row in rows}) if rows else ()
    reading: dict[tuple[UUID, TableRef], dict[UUID, Any]] = {}
    for way in ways:
        reading.setdefault((way.source_id, way.source), {})[way.pipeline_id] = way
    found = []
    for row in rows:
        place = (row.connection_id, TableRef(row.dataset.schema, row.dataset.table))
        pipelines = tuple(reading.get(place, {}).values())
        holds = row.settled_at is None and (row.unclassified or (row.what == "dropped" and not row.column))
        found.append(DriftLine(row, pipelines, bool(holds and pipelines)))
    return found


def _ids(posted: Sequence[str]) -> list[UUID]:
    try:
        return [UUID(one) for one in posted]
    except ValueError:
        raise Invalid(_("A chosen difference has no valid id."), field="difference") from None
