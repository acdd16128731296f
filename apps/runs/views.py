"""The pages of runs: the list, and one run as it goes, ended, and in every detail."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.core.clock import now
from apps.core.http import PageRequest
from apps.dataplane.errors import NotFound
from apps.pipelines import selectors as pipelines
from apps.quality import selectors as quality

from . import presenting, selectors, services
from .forms import Filter

LINES_SHOWN = 1000


@require_safe
def runs(request: PageRequest) -> HttpResponse:
    """Newest first; every filter stands in the address."""
    filters = Filter(request.GET).filters()
    shown = {
        "page": selectors.listed(request.actor, filters, cursor=request.GET.get("cursor", "")),
        "pipelines": [(f"{row.team.slug}/{row.slug}", row.name) for row in pipelines.pipelines(request.actor)[:200]],
        "states": presenting.STATES,
        "triggers": presenting.TRIGGERS,
        "filtered": filters != selectors.Filters(),
    }
    return render(request, "runs/runs.html", shown)


@require_safe
def run(request: PageRequest, number: int) -> HttpResponse:
    """While it runs: steps and log as they come. Afterwards: what happened, in a sentence first."""
    found = selectors.run(request.actor, number)
    shown = presenting.page(request.actor, found, now())
    if not found.ended:
        lines = selectors.log_tail(found)
        shown |= {"lines": presenting.log_lines(lines), "after": lines[-1].id if lines else 0}
        shown |= {"who": presenting.who_started(found), "trigger": presenting.trigger(found)}
    return render(request, "runs/run.html", shown)


@require_safe
def checks(request: PageRequest, number: int) -> HttpResponse:
    """What each check found: counts, never values."""
    found = selectors.run(request.actor, number)
    rows = quality.of_run(f"run/{found.id}")
    return render(request, "runs/checks.html", presenting.head(request.actor, found, "checks") | {"results": rows})


@require_safe
def quarantine(request: PageRequest, number: int) -> HttpResponse:
    """What each rule turned away: counts, and shapes of the first rows."""
    found = selectors.run(request.actor, number)
    shown = {"streams": presenting.shapes(selectors.quarantine(found), selectors.plan(found))}
    return render(request, "runs/quarantine.html", presenting.head(request.actor, found, "quarantine") | shown)


@require_safe
def plan(request: PageRequest, number: int) -> HttpResponse:
    """Every column, its treatment, why, and the key version."""
    found = selectors.run(request.actor, number)
    frozen = selectors.plan(found)
    shown = {"plan": frozen, "streams": presenting.plan_columns(frozen) if frozen else []}
    return render(request, "runs/plan.html", presenting.head(request.actor, found, "plan") | shown)


@require_safe
def manifest(request: PageRequest, number: int) -> HttpResponse:
    """The signed record of a published run."""
    found = selectors.run(request.actor, number)
    record = selectors.manifest(found)
    shown = {
        "manifest": record,
        "signature": selectors.signature(record) if record else None,
        "text": presenting.pretty(record.body) if record else "",
    }
    return render(request, "runs/manifest.html", presenting.head(request.actor, found, "manifest") | shown)


@require_safe
def manifest_file(request: PageRequest, number: int) -> HttpResponse:
    """The exact canonical bytes that the notary signed."""
    found = selectors.run(request.actor, number)
    record = selectors.manifest(found)
    if record is None:
        raise NotFound(_("Run %(number)s has no manifest: only a published run has one.") % {"number": number})
    response = HttpResponse(bytes(record.body), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="lockgate-run-{number}.manifest.json"'
    return response


@require_safe
def log(request: PageRequest, number: int) -> HttpResponse:
    found = selectors.run(request.actor, number)
    lines = selectors.log_tail(found, LINES_SHOWN)
    shown = {"lines": presenting.log_lines(lines), "cut": len(lines) == LINES_SHOWN, "most": LINES_SHOWN}
    return render(request, "runs/log.html", presenting.head(request.actor, found, "log") | shown)


@require_safe
def log_file(request: PageRequest, number: int) -> HttpResponse:
    """The whole log as text, one line each."""
    found = selectors.run(request.actor, number)
    response = HttpResponse("".join(presenting.log_text(found)), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="lockgate-run-{number}.log"'
    return response


@require_POST
def cancel(request: PageRequest, number: int) -> HttpResponse:
    ended = services.cancel(actor=request.actor, run_id=selectors.run(request.actor, number).id)
    messages.success(request, ended.sentence)
    return redirect("runs:run", number)


@require_POST
def again(request: PageRequest, number: int) -> HttpResponse:
    """A new run of the pipeline's active version."""
    before = selectors.run(request.actor, number)
    started = services.start(actor=request.actor, pipeline_id=before.pipeline_id, trigger=services.RETRY)
    messages.success(request, _("Run %(number)s is queued.") % {"number": started.number})
    return redirect("runs:run", started.number)
