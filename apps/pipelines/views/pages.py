"""The list of pipelines, one pipeline with all that is known of it, its versions, and what is done at once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.changes import selectors as changes
from apps.core import access
from apps.core.clock import now
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid, NotFound, Refusal
from apps.grants import selectors as grants
from apps.pipelines import planning, presenting, proposals, results, selectors, services, yamltext
from apps.pipelines.forms import Filter, Pause
from apps.quality import selectors as quality
from apps.runs import presenting as run_words
from apps.runs import selectors as runs
from apps.runs import services as run_services
from apps.sources import selectors as sources

RUNS_SHOWN, RUNS_DRAWN, VERSIONS_SHOWN, RESULTS_SHOWN, REASONS_SHOWN = 8, 30, 20, 12, 3
STOPPED = ("REFUSED", "BLOCKED", "FAILED")
OPEN_CHANGES = ("AWAITING_REVIEW", "CHANGES_REQUESTED", "APPROVED")


@require_safe
def pipelines(request: PageRequest) -> HttpResponse:
    """Every pipeline with its last run and when it is due next."""
    filters = Filter(request.GET).filters()
    cursor = request.GET.get("cursor", "")
    page = selectors.listed(request.actor, filters, last_state=runs.last_state(), cursor=cursor)
    newest = runs.newest(request.actor, [row.id for row in page.rows])
    shown = {
        "page": page,
        "rows": [{"pipeline": row, "run": newest.get(row.id)} for row in page.rows],
        "states": [(selectors.ACTIVE, _("Active")), (selectors.PAUSED, _("Paused"))],
        "run_states": [*run_words.STATES, (selectors.NEVER, _("Never ran"))],
        "choices": selectors.choices(request.actor),
        "filtered": filters != selectors.Filters(sort=filters.sort),
        "may_propose": access.allowed(request.actor, "pipeline.propose"),
    }
    return render(request, "pipelines/pipelines.html", shown)


@require_safe
def pipeline(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """What it does in a sentence, every column and why, its checks, schedule, versions and runs."""
    found = selectors.pipeline_named(request.actor, team, slug)
    definition = selectors.definition_of(found)
    planned = planning.stored_plan(planning.wiring_of(found))
    last = runs.of_pipeline(request.actor, found.id, RUNS_DRAWN)
    versions = list(selectors.versions(found)[:VERSIONS_SHOWN])
    about_it = changes.of_target(request.actor, f"pipeline/{found.id}")
    edit_url = reverse("pipelines:edit", args=[team, slug])
    zone = sources.endpoint(found.destination_id).zone
    names = {"source": found.source.name, "destination": found.destination.name, "zone": zone}
    shown = {
        "pipeline": found,
        "definition": definition,
        "sentence": presenting.sentence(definition, planned, **names),
        "streams": presenting.cards(definition, planned, source_id=found.source_id, edit_url=edit_url),
        "schedule": presenting.schedule(definition.schedule, after=now()),
        "destination_zone": zone,
        "runs": last[:RUNS_SHOWN],
        "rows_drawn": [run.rows_published for run in reversed(last) if run.state == "PUBLISHED"],
        "under_way": bool(last) and not last[0].ended,
        "stopped": _stopped(last, found, edit_url),
        "held": grants.held(found.destination_id, [one.destination for one in definition.streams]).items(),
        "results": results.lines(quality.courses([f"run/{run.id}" for run in last]), definition)[:RESULTS_SHOWN],
        "versions": _with_changes(request, versions),
        "changes": [row for row in about_it if row.state in OPEN_CHANGES],
        "may_propose": access.allowed(request.actor, "pipeline.propose", found.team_id),
        "may_start": access.allowed(request.actor, "run.start", found.team_id),
        "may_pause": access.allowed(request.actor, "pipeline.pause", found.team_id),
        "pause": Pause(),
    }
    return render(request, "pipelines/pipeline.html", shown)


def _stopped(last: list[Any], found: Any, edit_url: str) -> dict[str, Any] | None:
    """Why the newest run wrote nothing, with what would mend it; None where it is under way or went well."""
    if not last or last[0].state not in STOPPED:
        return None
    run = last[0]
    known = [Refusal(one["code"], one["subject"], one["sentence"], one["remedy"]) for one in run.refusals]
    reasons = presenting.refusals(known[:REASONS_SHOWN], source_id=found.source_id, edit_url=edit_url)
    return {"run": run, "reasons": reasons, "more": max(len(known) - REASONS_SHOWN, 0)}


def _with_changes(request: PageRequest, versions: list[Any]) -> list[dict[str, Any]]:
    """Each version with the number of the change that approved it, where the reader may see that."""
    ids = [version.change.partition("/")[2] for version in versions]
    seen = changes.visible(request.actor).filter(id__in=[id for id in ids if accounts.is_uuid(id)])
    numbers = {str(id): number for id, number in seen.values_list("id", "number")}
    return [{"version": version, "change": numbers.get(id)} for version, id in zip(versions, ids, strict=True)]


@require_safe
def version(request: PageRequest, team: str, slug: str, number: int) -> HttpResponse:
    """One approved definition, whole, and how it differs from the one before."""
    found = selectors.pipeline_named(request.actor, team, slug)
    if not 0 < number <= found.active_version:
        raise NotFound(_("Pipeline %(name)s has no version %(number)s.") % {"name": found.name, "number": number})
    text = _definition_text(found, number)
    shown = {
        "pipeline": found,
        "version": selectors.version_of(found, number),
        "text": text,
        "before": _definition_text(found, number - 1) if number > 1 else "",
    }
    return render(request, "pipelines/version.html", shown)


def _definition_text(found: Any, number: int) -> str:
    return yamltext.as_yaml(proposals.as_proposal(found, number)["definition"])


@require_POST
def start(request: PageRequest, team: str, slug: str) -> HttpResponse:
    found = selectors.pipeline_named(request.actor, team, slug)
    run = run_services.start(actor=request.actor, pipeline_id=found.id)
    messages.success(request, _("Run %(number)s is queued.") % {"number": run.number})
    return redirect("runs:run", run.number)


@require_POST
def pause(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Narrowing needs no review: no run starts any more. A reason that tells nothing is asked for again."""
    found = selectors.pipeline_named(request.actor, team, slug)
    form = Pause(request.POST)
    form.is_valid()
    try:
        services.pause(actor=request.actor, pipeline_id=found.id, reason=request.POST.get("reason", ""))
    except Invalid as error:
        bind_error(form, error)
        return render(request, "pipelines/pause.html", {"pipeline": found, "form": form}, status=422)
    messages.success(request, _("%(name)s is paused. Nothing starts until somebody resumes it.") % {"name": found.name})
    return redirect("pipelines:pipeline", team, slug)


@require_POST
def resume(request: PageRequest, team: str, slug: str) -> HttpResponse:
    found = selectors.pipeline_named(request.actor, team, slug)
    services.resume(actor=request.actor, pipeline_id=found.id, reason=request.POST.get("reason", ""))
    messages.success(request, _("%(name)s is active again.") % {"name": found.name})
    return redirect("pipelines:pipeline", team, slug)
