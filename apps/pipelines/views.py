"""The pages of pipelines: the list, one pipeline, its versions, and the form that proposes a change to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.changes import selectors as changes
from apps.changes import services as change_services
from apps.core import access
from apps.core.clock import now
from apps.core.http import PageRequest
from apps.dataplane.errors import Denied, LockgateError, NotFound
from apps.runs import presenting as run_words
from apps.runs import selectors as runs
from apps.runs import services as run_services
from apps.sources import selectors as sources

from . import drafting, editing, planning, presenting, proposals, selectors, services
from .editing import Editing, Mode
from .forms import Filter

RUNS_SHOWN, VERSIONS_SHOWN = 8, 20
OPEN_CHANGES = ("AWAITING_REVIEW", "CHANGES_REQUESTED", "APPROVED")


@require_safe
def pipelines(request: PageRequest) -> HttpResponse:
    """Every pipeline with its last run and when it is due next."""
    filters = Filter(request.GET).filters()
    last, found = request.GET.get("last", ""), selectors.listed(request.actor, filters)
    newest = runs.newest(request.actor, [row.id for row in found])
    rows = [(row, newest.get(row.id)) for row in found]
    shown = {
        "rows": [{"pipeline": row, "run": run} for row, run in rows if not last or (run and run.state == last)],
        "states": [(selectors.ACTIVE, _("Active")), (selectors.PAUSED, _("Paused"))],
        "run_states": run_words.STATES,
        "teams": sorted({(row.team.slug, row.team.name) for row in found}),
        "filtered": filters != selectors.Filters(sort=filters.sort) or bool(last),
        "may_propose": access.allowed(request.actor, "pipeline.propose"),
        "cut": len(found) == selectors.MOST_LISTED,
    }
    return render(request, "pipelines/pipelines.html", shown)


@require_safe
def pipeline(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """What it copies, what happens to each column and why, its checks, schedule, versions and runs."""
    found = selectors.pipeline_named(request.actor, team, slug)
    definition = selectors.definition_of(found)
    planned = planning.stored_plan(planning.wiring_of(found))
    last = runs.of_pipeline(request.actor, found.id, RUNS_SHOWN)
    versions = list(selectors.versions(found)[:VERSIONS_SHOWN])
    about_it = changes.of_target(request.actor, f"pipeline/{found.id}")
    edit_url = reverse("pipelines:edit", args=[team, slug])
    shown = {
        "pipeline": found,
        "definition": definition,
        "streams": presenting.cards(definition, planned, source_id=found.source_id, edit_url=edit_url),
        "schedule": presenting.schedule(definition.schedule, after=now()),
        "way": presenting.way(definition, found.source.name, found.destination.name),
        "destination_zone": sources.endpoint(found.destination_id).zone,
        "runs": last,
        "under_way": bool(last) and not last[0].ended,
        "versions": _with_changes(request, versions),
        "changes": [row for row in about_it if row.state in OPEN_CHANGES],
        "may_propose": access.allowed(request.actor, "pipeline.propose", found.team_id),
        "may_start": access.allowed(request.actor, "run.start", found.team_id),
        "may_pause": access.allowed(request.actor, "pipeline.pause", found.team_id),
    }
    return render(request, "pipelines/pipeline.html", shown)


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
    return drafting.as_yaml(proposals.as_proposal(found, number)["definition"])


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """Propose a pipeline that does not exist yet."""
    teams = editing.teams(request.actor)
    wanted = request.POST.get("team") or request.GET.get("team", "")
    chosen = [team for team in teams if team.slug == wanted] if wanted else teams
    if not chosen:
        raise Denied(_("You may not propose pipelines in this team."), remedy=_("Ask an engineer of the team."))
    if len(chosen) > 1:
        return render(request, "pipelines/choose_team.html", {"teams": chosen})
    return _edit(request, chosen[0], None)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Propose a new version of a pipeline."""
    found = selectors.pipeline_named(request.actor, team, slug)
    access.require(request.actor, "pipeline.propose", found.team_id)
    return _edit(request, found.team, found)


@require_POST
def check(request: PageRequest) -> HttpResponse:
    """Judge the form as it stands, without proposing it: the first error by place, or what happens to each column."""
    state = _sent(request)
    judged = editing.verdict(state)
    return render(request, "pipelines/_verdict.html", {"verdict": judged}, status=422 if judged.sentence else 200)


def _sent(request: PageRequest) -> Editing:
    if request.POST.get("pipeline"):
        found = selectors.pipeline(request.actor, request.POST["pipeline"])
        access.require(request.actor, "pipeline.propose", found.team_id)
        return editing.posted(editing.place_of(request.actor, found.team), found, request.POST)
    team = next((team for team in editing.teams(request.actor) if team.slug == request.POST.get("team")), None)
    if team is None:
        raise Denied(_("You may not propose pipelines in this team."), remedy=_("Ask an engineer of the team."))
    return editing.posted(editing.place_of(request.actor, team), None, request.POST)


def _edit(request: PageRequest, team: Any, found: Any) -> HttpResponse:
    place = editing.place_of(request.actor, team)
    if request.method != "POST":
        mode: Mode = "yaml" if request.GET.get("as") == "yaml" else "form"
        return _form(request, editing.begin(place, found, mode, timezone.get_current_timezone_name()))
    state = editing.posted(place, found, request.POST)
    if request.POST.get("act") != "propose":
        return _form(request, state)
    if state.head.is_valid():
        try:
            change = change_services.propose(
                actor=request.actor,
                kind="pipeline",
                team_id=place.team_id,
                proposal=state.proposal(),
                reason=state.head.cleaned_data["reason"],
            )
        except Denied:
            raise
        except LockgateError as error:
            editing.show_error(state, error)
        else:
            messages.success(request, _("Change %(number)s is proposed.") % {"number": change.number})
            return redirect("changes:change", change.number)
    return _form(request, state, status=422)


def _form(request: PageRequest, state: Editing, status: int = 200) -> HttpResponse:
    shown = {
        "state": state,
        "form": state.head,
        "place": state.place,
        "pipeline": state.pipeline,
        "verdict": editing.verdict(state),
        **(editing.rows(state) if state.mode == "form" else {}),
    }
    return render(request, "pipelines/form.html", shown, status=status)


@require_POST
def start(request: PageRequest, team: str, slug: str) -> HttpResponse:
    found = selectors.pipeline_named(request.actor, team, slug)
    run = run_services.start(actor=request.actor, pipeline_id=found.id)
    messages.success(request, _("Run %(number)s is queued.") % {"number": run.number})
    return redirect("runs:run", run.number)


@require_POST
def pause(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Narrowing needs no review: no run starts any more."""
    found = selectors.pipeline_named(request.actor, team, slug)
    services.pause(actor=request.actor, pipeline_id=found.id)
    messages.success(request, _("%(name)s is paused. Nothing starts until somebody resumes it.") % {"name": found.name})
    return redirect("pipelines:pipeline", team, slug)


@require_POST
def resume(request: PageRequest, team: str, slug: str) -> HttpResponse:
    found = selectors.pipeline_named(request.actor, team, slug)
    services.resume(actor=request.actor, pipeline_id=found.id)
    messages.success(request, _("%(name)s is active again.") % {"name": found.name})
    return redirect("pipelines:pipeline", team, slug)
