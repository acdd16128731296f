"""What the checks of a pipeline found: all of them over the last runs, and one of them run by run."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.core.http import PageRequest
from apps.dataplane.errors import NotFound
from apps.pipelines import results as shaped
from apps.pipelines import selectors
from apps.quality import selectors as quality
from apps.runs import selectors as runs

RUNS_LOOKED_AT = 30


@require_safe
def results(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Every check with what the last run found, those that fail first."""
    found = selectors.pipeline_named(request.actor, team, slug)
    last = runs.of_pipeline(request.actor, found.id, RUNS_LOOKED_AT)
    courses = quality.courses([f"run/{run.id}" for run in last])
    lines = shaped.lines(courses, selectors.definition_of(found))
    return render(request, "pipelines/results.html", {"pipeline": found, "runs": last, "lines": lines})


@require_safe
def result(request: PageRequest, team: str, slug: str, stream: str, check_id: str) -> HttpResponse:
    """One check, run by run, newest first, with its course as a chart."""
    found = selectors.pipeline_named(request.actor, team, slug)
    cursor = request.GET.get("cursor", "")
    page = quality.history(f"pipeline/{found.id}", stream, check_id, cursor=cursor)
    if not page.rows:
        raise NotFound(_("No run has come to this check."), remedy=_("Look at the checks of the pipeline."))
    words = shaped.words_of(selectors.definition_of(found), page.rows[0])
    shown = {
        "pipeline": found,
        "stream": stream,
        "check_id": check_id,
        "words": words,
        "page": page,
        "history": shaped.history(page.rows, runs.numbers(request.actor, [row.run for row in page.rows])),
        "chart": shaped.chart(page.rows, words),
    }
    return render(request, "pipelines/result.html", shown)
