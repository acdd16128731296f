"""Pages of masking policies: list, rules and what they reach, versions, and why."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.policy import ZONES
from apps.policies import selectors, yamltext
from apps.sources import selectors as sources


@require_safe
def policies(request: PageRequest) -> HttpResponse:
    access.require(request.actor, "policy.view")
    may_add = access.allowed(request.actor, "policy.propose")
    return render(request, "policies/policies.html", {"cards": selectors.cards(request.actor), "may_add": may_add})


@require_safe
def policy(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """The rules of the active version and what each reaches; `?version=` shows an earlier one."""
    row = selectors.policy(request.actor, team, slug)
    shown = selectors.version(row, _number(request.GET.get("version", "")))
    context = {
        "policy": row,
        "version": shown,
        "rules": selectors.rule_rows(row.team_id, shown.text),
        "text": yamltext.write(shown.text),
        "zones": ZONES,
        "may_edit": access.allowed(request.actor, "policy.propose", row.team_id),
    }
    return render(request, "policies/policy.html", context)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


@require_safe
def versions(request: PageRequest, team: str, slug: str) -> HttpResponse:
    """Every version, each with how it differs from the one before."""
    row = selectors.policy(request.actor, team, slug)
    found = selectors.versions(row)
    texts = {one.number: yamltext.write(one.text) for one in found}
    history = [(one, texts.get(one.number - 1, ""), texts[one.number]) for one in found]
    return render(request, "policies/versions.html", {"policy": row, "history": history})


@require_safe
def why(request: PageRequest, column_id: UUID, zone: str) -> HttpResponse:
    """Why a column is treated as it is on its way into a zone, and what made it so."""
    column = sources.column(request.actor, column_id)
    answer = selectors.why(request.actor, column_id, zone)
    context = {
        "column": column,
        "destination": zone,
        "answer": answer,
        "others": selectors.answers(sources.fact(column), selectors.active(column.dataset.connection.team_id)),
        "history": sources.classification_history(column),
    }
    return render(request, "policies/why.html", context)
