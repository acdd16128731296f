"""The suite of a pipeline: its checks as a form, in and out as Great Expectations JSON, proposed as a change."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.changes import services as change_services
from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.errors import Denied, LockgateError, NotFound
from apps.pipelines import editing, proposals, selectors, yamltext
from apps.pipelines import suite as suites
from apps.pipelines.meanwhile import Meanwhile
from apps.pipelines.suite import Suite

LARGEST_FILE = 1_000_000


@require_http_methods(["GET", "HEAD", "POST"])
def suite(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Read the checks, or propose others; whoever may not propose only reads."""
    found = selectors.pipeline_named(request.actor, team, slug)
    if request.method != "POST":
        return _page(request, suites.begin(found))
    access.require(request.actor, "pipeline.propose", found.team_id)
    data, too_large = _with_file(request)
    state = suites.posted(found, data)
    if too_large:
        state.error, state.wrong = _("The file is larger than a megabyte. Split the suite."), "import_text"
    if request.POST.get("act") != "propose":
        return _page(request, state, status=422 if state.error else 200)
    try:
        suites.require_evaluable(state)
        if not _stale(state):
            proposal = {**proposals.as_proposal(found), "definition": state.document()}
            change = change_services.propose(
                actor=request.actor, kind="pipeline", team_id=found.team_id, proposal=proposal, reason=state.reason
            )
            messages.success(request, _("Change %(number)s is proposed.") % {"number": change.number})
            return redirect("changes:change", change.number)
    except Denied:
        raise
    except LockgateError as error:
        state.error = f"{error.sentence} {error.remedy}".strip()
        state.wrong = editing.dotted(error.field)
    return _page(request, state, status=409 if state.meanwhile else 422)


@require_POST
def judge(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Every check in words as it stands, with what is wrong with it; nothing is proposed."""
    found = selectors.pipeline_named(request.actor, team, slug)
    access.require(request.actor, "pipeline.propose", found.team_id)
    told = suites.told(suites.posted(found, request.POST))
    return render(request, "pipelines/_suite_told.html", {"told": told})


@require_safe
def export(request: PageRequest, team: str, slug: str, stream: str) -> HttpResponse:
    """The checks of one stream as a file of Great Expectations."""
    found = selectors.pipeline_named(request.actor, team, slug)
    if stream not in {one.name for one in selectors.definition_of(found).streams}:
        raise NotFound(_("The pipeline has no such table."), remedy=_("Choose one of its tables."))
    response = HttpResponse(suites.export(found, stream), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{slug}.{stream}.suite.json"'
    return response


def _with_file(request: PageRequest) -> tuple[Any, bool]:
    """The form, with the text of an uploaded suite in its place; and whether that is too large to be one."""
    upload = request.FILES.get("import_file")
    if request.POST.get("act") != "import" or upload is None:
        return request.POST, False
    data = request.POST.copy()
    if upload.size and upload.size > LARGEST_FILE:
        data["act"] = ""
        return data, True
    data["import_text"] = upload.read().decode("utf-8", "replace")
    return data, False


def _stale(state: Suite) -> bool:
    """Whether another version is active than the one that was opened; then both are shown, and sending is meant."""
    then, active = state.base, state.pipeline.active_version
    if then in (0, active):
        return False
    known = 0 < then < active
    state.meanwhile = Meanwhile(
        _("Version %(now)s is active; this page was opened on version %(then)s.") % {"now": active, "then": then},
        _checks(proposals.as_proposal(state.pipeline, then)["definition"]) if known else "",
        _checks(proposals.as_proposal(state.pipeline)["definition"]),
        _checks(state.document()),
    )
    state.base = active
    return True


def _checks(document: Any) -> str:
    return yamltext.as_yaml({"output_checks": document["output_checks"]})


def _page(request: PageRequest, state: Suite, status: int = 200) -> HttpResponse:
    sections = suites.sections(state)
    shown = {
        "pipeline": state.pipeline,
        "state": state,
        "sections": sections,
        "told": suites.told(state),
        "kinds": suites.kinds(),
        "waiting": suites.waiting(sections),
        "may_propose": access.allowed(request.actor, "pipeline.propose", state.pipeline.team_id),
    }
    return render(request, "pipelines/suite.html", shown, status=status)
