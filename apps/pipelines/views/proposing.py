"""The form that proposes a pipeline or a new version of it, and what it says while somebody types."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.changes import selectors as changes
from apps.changes import services as change_services
from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.errors import Denied, LockgateError, NotFound
from apps.pipelines import editing, proposals, selectors
from apps.pipelines.editing import Editing, Mode, Opened
from apps.pipelines.forms import LAG_UNITS, PRESETS

KIND, OPEN = "pipeline", "OPEN"
ASKED = ("source", "destination")


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """Propose a pipeline that does not exist yet."""
    if number := _change_number(request):
        return _of_change(request, number)
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
    """Propose a new version of a pipeline, or a new text of a change that proposes one."""
    found = selectors.pipeline_named(request.actor, team, slug)
    access.require(request.actor, "pipeline.propose", found.team_id)
    if number := _change_number(request):
        return _of_change(request, number)
    return _edit(request, found.team, found)


@require_POST
def check(request: PageRequest) -> HttpResponse:
    """Judge the form as it stands, without proposing it: the first error by place, or what happens to each column."""
    state = _sent(request)
    judged = editing.verdict(state)
    return render(request, "pipelines/_verdict.html", {"verdict": judged}, status=422 if judged.sentence else 200)


@require_POST
def tables(request: PageRequest) -> HttpResponse:
    """The tables of the chosen source that fit what is searched for."""
    return render(request, "pipelines/_offered.html", {"offered": editing.offered(_sent(request))})


@require_safe
def times(request: PageRequest) -> HttpResponse:
    """The next times of a schedule as it is typed, or why there are none."""
    editing.teams(request.actor)
    cron, zone = (request.GET.get(name, "").strip()[:120] for name in ("cron", "zone"))
    line, problem = editing.next_times(cron, zone or "UTC")
    return render(request, "pipelines/_times.html", {"times": line, "problem": problem})


def _change_number(request: PageRequest) -> int:
    text = (request.POST if request.method == "POST" else request.GET).get("change", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _of_change(request: PageRequest, number: int) -> HttpResponse:
    """The same form over the proposal of a change; sending it edits that change."""
    change = changes.to_propose_anew(request.actor, number)
    if change.kind != KIND:
        raise NotFound(_("Change %(number)s is about something else than a pipeline.") % {"number": number})
    found = proposals.found(change.target)
    place = editing.place_of(request.actor, change.team)
    if request.method == "POST":
        return _send(request, editing.posted(place, found, request.POST), change)
    if change.state != OPEN:
        messages.info(request, _("Change %(number)s is decided; look at it here.") % {"number": number})
        return redirect("changes:change", number)
    mode: Mode = "yaml" if request.GET.get("as") == "yaml" else "form"
    opened = Opened(found.active_version if found else 0, number, change.binding_hash)
    zone = timezone.get_current_timezone_name()
    return _form(request, editing.begin(place, found, mode, zone, proposal=change.proposal, opened=opened))


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
    if request.method == "POST":
        return _send(request, editing.posted(place, found, request.POST), None)
    mode: Mode = "yaml" if request.GET.get("as") == "yaml" else "form"
    asked = {name: request.GET[name] for name in ASKED if request.GET.get(name)}
    return _form(request, editing.begin(place, found, mode, timezone.get_current_timezone_name(), asked=asked))


def _send(request: PageRequest, state: Editing, change: Any) -> HttpResponse:
    if request.POST.get("act") != "propose":
        return _form(request, state)
    if state.head.is_valid():
        try:
            done = _resubmitted(request, state, change) if change else _proposed(request, state)
        except Denied:
            raise
        except LockgateError as error:
            editing.show_error(state, error)
        else:
            if done:
                return redirect("changes:change", done.number)
    return _form(request, state, status=409 if state.meanwhile else 422)


def _proposed(request: PageRequest, state: Editing) -> Any:
    """The new change; None when the pipeline is no longer what the form was opened on."""
    if editing.stale(state):
        return None
    change = change_services.propose(
        actor=request.actor,
        kind=KIND,
        team_id=state.place.team_id,
        proposal=state.proposal(),
        reason=state.head.cleaned_data["reason"],
    )
    messages.success(request, _("Change %(number)s is proposed.") % {"number": change.number})
    return change


def _resubmitted(request: PageRequest, state: Editing, change: Any) -> Any:
    """The change with its new text; None when somebody edited it meanwhile."""
    if state.opened.seen != change.binding_hash:
        sentence = _("Somebody edited change %(number)s since you opened it.") % {"number": change.number}
        opened = Opened(state.opened.version, change.number, change.binding_hash)
        editing.differs(state, sentence=sentence, before=None, theirs=change.proposal, opened=opened)
        return None
    reason = state.head.cleaned_data["reason"]
    done = change_services.edit(
        actor=request.actor,
        change_id=change.id,
        proposal=state.proposal(),
        reason=reason or None,
        seen=state.opened.seen,
    )
    messages.success(request, _("Change %(number)s is submitted again.") % {"number": done.number})
    return done


def _form(request: PageRequest, state: Editing, status: int = 200) -> HttpResponse:
    line, problem = editing.schedule(state)
    shown = {
        "state": state,
        "form": state.head,
        "place": state.place,
        "pipeline": state.pipeline,
        "verdict": editing.verdict(state),
        "times": line,
        "problem": problem,
        "back": _back(state),
        "presets": PRESETS,
        "lag_units": LAG_UNITS,
        **(editing.rows(state) if state.mode == "form" else {}),
    }
    return render(request, "pipelines/form.html", shown, status=status)


def _back(state: Editing) -> str:
    if state.opened.change:
        return reverse("changes:change", args=[state.opened.change])
    if state.pipeline:
        return reverse("pipelines:pipeline", args=[state.place.team_slug, state.pipeline.slug])
    return reverse("pipelines:pipelines")
