"""The pages of runs: the list, and one run as it goes, ended, and in every detail."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.core import access, spreadsheet
from apps.core.clock import now
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid, NotFound
from apps.pipelines import selectors as pipelines
from apps.quality import selectors as quality

from . import comparing, presenting, recalling, selectors, services
from .forms import Compare, Filter, LogFilter, NewRun, RecallReason

LINES_SHOWN = 1000
MOST_OFFERED = 200
MOST_IN_A_FILE = 10_000


@require_safe
def runs(request: PageRequest) -> HttpResponse:
    """Newest first; every filter stands in the address."""
    form = Filter(request.GET)
    filters = form.filters()
    choices = list(pipelines.pipelines(request.actor)[:MOST_OFFERED])
    query = request.GET.copy()
    query.pop("cursor", None)
    shown = {
        "page": selectors.listed(request.actor, filters, cursor=request.GET.get("cursor", "")),
        "pipelines": [(f"{row.team.slug}/{row.slug}", row.name) for row in choices],
        "teams": sorted({(row.team.slug, row.team.name) for row in choices}, key=lambda team: team[1]),
        "states": presenting.STATES,
        "triggers": presenting.TRIGGERS,
        "filtered": filters != selectors.Filters(sort=filters.sort),
        "query": query.urlencode(),
        "most": MOST_IN_A_FILE,
    }
    return render(request, "runs/runs.html", shown)


@require_safe
def sheet(request: PageRequest) -> HttpResponse:
    """The runs that fit the filters, as CSV."""
    filters = Filter(request.GET).filters()
    rows = (presenting.record(run) for run in selectors.every(request.actor, filters, most=MOST_IN_A_FILE))
    return spreadsheet.answer("lockgate-runs.csv", presenting.RECORD, rows)


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
def compare(request: PageRequest, number: int) -> HttpResponse:
    """Side by side with the run before, or with any other that the reader may see."""
    found = selectors.run(request.actor, number)
    form = Compare({"number": request.GET.get("with", "")})
    asked = form.cleaned_data["number"] if form.is_valid() else None
    other = selectors.run(request.actor, asked) if asked else selectors.before(request.actor, found)
    shown = {"comparison": comparing.compare(other, found) if other else None, "with": asked or ""}
    return render(request, "runs/compare.html", presenting.head(request.actor, found, "compare") | shown)


@require_safe
def log(request: PageRequest, number: int) -> HttpResponse:
    """The whole log is searched, not only what is shown of it."""
    found = selectors.run(request.actor, number)
    asked = LogFilter(request.GET).asked()
    lines = selectors.log_found(found, **asked, limit=LINES_SHOWN)
    shown = {
        "lines": presenting.log_lines(lines),
        "cut": len(lines) == LINES_SHOWN,
        "most": LINES_SHOWN,
        "levels": presenting.LEVELS,
        "filtered": any(asked.values()),
    }
    return render(request, "runs/log.html", presenting.head(request.actor, found, "log") | shown)


@require_safe
def log_file(request: PageRequest, number: int) -> HttpResponse:
    """The whole log as text, one line each."""
    found = selectors.run(request.actor, number)
    response = HttpResponse("".join(presenting.log_text(found)), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="lockgate-run-{number}.log"'
    return response


@require_safe
def recall_file(request: PageRequest, number: int) -> HttpResponse:
    """The exact canonical bytes of a recall's record, which the notary signed."""
    found = selectors.run(request.actor, number)
    record = next((getattr(one, "manifest", None) for one in selectors.recalls(found) if one.ended_at), None)
    if record is None:
        raise NotFound(_("Run %(number)s was not recalled.") % {"number": number})
    response = HttpResponse(bytes(record.body), content_type="application/json")
    return spreadsheet.attachment(response, f"lockgate-run-{number}.recall.json")


@require_POST
def cancel(request: PageRequest, number: int) -> HttpResponse:
    ended = services.cancel(actor=request.actor, run_id=selectors.run(request.actor, number).id)
    messages.success(request, ended.sentence)
    return redirect("runs:run", number)


@require_POST
def again(request: PageRequest, number: int) -> HttpResponse:
    """A new run of the pipeline's active version: a retry of one that did not publish."""
    before = selectors.run(request.actor, number)
    if before.state in services.UNPUBLISHED:
        started = services.retry(actor=request.actor, run_id=before.id)
    else:
        started = services.start(actor=request.actor, pipeline_id=before.pipeline_id)
    return _started(request, started)


@require_POST
def repeat(request: PageRequest, number: int) -> HttpResponse:
    """A new run with the very plan of this one."""
    started = services.repeat(actor=request.actor, run_id=selectors.run(request.actor, number).id)
    return _started(request, started)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Start a run by hand: as usual, or loading incremental tables anew."""
    pipeline = pipelines.pipeline_named(request.actor, team, slug)
    access.require(request.actor, "run.start", pipeline.team_id)
    form = NewRun(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reload = form.cleaned_data["how"] == "reload"
        return _started(request, services.start(actor=request.actor, pipeline_id=pipeline.id, reload=reload))
    adding = [one for one in pipelines.definition_of(pipeline).streams if one.mode != "replace"]
    shown = {"pipeline": pipeline, "adding": adding}
    return render(request, "runs/new.html", shown, status=422 if request.method == "POST" else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def recall(request: PageRequest, number: int) -> HttpResponse:
    """What a recall would do, the reason, and then the recall."""
    found = selectors.run(request.actor, number)
    access.require(request.actor, "run.recall", found.team_id)
    form = RecallReason(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            recalling.recall(actor=request.actor, run_id=found.id, reason=form.cleaned_data["reason"])
        except Invalid as error:
            form.add_error("reason", error.sentence)
        else:
            messages.success(request, _("Run %(number)s is being recalled.") % {"number": number})
            return redirect("runs:run", number)
    shown = {"form": form, **presenting.recall_page(request.actor, found)}
    return render(request, "runs/recall.html", shown, status=422 if request.method == "POST" else 200)


def _started(request: PageRequest, run: Any) -> HttpResponse:
    messages.success(request, _("Run %(number)s is queued.") % {"number": run.number})
    return redirect("runs:run", run.number)
