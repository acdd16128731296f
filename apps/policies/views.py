"""Pages of masking policies: list, rules and what they reach, editor with live validation, versions, and why."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import selectors as accounts
from apps.changes import services as changes
from apps.core import access
from apps.core.http import PageRequest
from apps.dataplane.errors import Conflict, Invalid
from apps.dataplane.policy import ZONES
from apps.keys import selectors as keys
from apps.sources import selectors as sources

from . import forms, proposals, selectors, yamltext


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


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    access.require(request.actor, "policy.propose")
    return _form(request, None, {"text": forms.STARTER})


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, team: str, slug: str) -> HttpResponse:
    row = selectors.policy(request.actor, team, slug)
    access.require(request.actor, "policy.propose", row.team_id)
    text = yamltext.write(selectors.version(row).text)
    return _form(request, row, {"team": str(row.team_id), "slug": row.slug, "name": row.name, "text": text})


def _form(request: PageRequest, row: Any, initial: dict[str, Any]) -> HttpResponse:
    form = forms.PolicyForm(request.POST or None, initial=initial, fixed=row is not None, teams=_teams(request))
    if request.method == "POST" and form.is_valid():
        try:
            change = changes.propose(
                actor=request.actor,
                kind="policy",
                team_id=form.cleaned_data["team"],
                proposal=form.proposal(),
                reason=form.cleaned_data["reason"],
            )
            return redirect("changes:change", change.number)
        except (Invalid, Conflict) as error:
            form.show(error)
    rule_form = forms.RuleForm(domains=keys.domains(), prefix="rule")
    query = f"?{urlencode({'team': row.team_id, 'slug': row.slug})}" if row else ""
    context = {"form": form, "policy": row, "rule_form": rule_form, "query": query}
    return render(request, "policies/policy_form.html", context, status=422 if form.errors else 200)


def _teams(request: PageRequest) -> list[tuple[str, str]]:
    teams = accounts.teams(request.actor)
    return [(str(one.id), one.name) for one in teams if access.allowed(request.actor, "policy.propose", one.id)]


@require_POST
def validate(request: PageRequest) -> HttpResponse:
    """The verdict on a text while it is being written: the place at fault, or what would follow from it."""
    return render(request, "policies/_verdict.html", _verdict(request, request.POST.get("text", "")))


def _verdict(request: PageRequest, text: str) -> dict[str, Any]:
    access.require(request.actor, "policy.propose")
    slug = request.POST.get("slug") or request.GET.get("slug") or ""
    try:
        team_id = _own_team(request)
        known = {one.slug for one in selectors.policies(request.actor) if str(one.team_id) == team_id}
        draft = {"slug": slug if slug in known else "draft", "name": "Draft", "text": yamltext.read(text)}
        proposal = proposals.normalise(draft, team_id=team_id)
        before = proposals.current(proposals.target(proposal, team_id=team_id)).proposal
        consequence = proposals.consequence(before, proposal, team_id=team_id)
        return {"consequence": consequence, "rules": selectors.rule_rows(team_id, proposal["text"])}
    except Invalid as error:
        return {"error": error}


def _own_team(request: PageRequest) -> str:
    """The team of the form; one in which the actor may not propose is denied."""
    team_id = request.POST.get("team") or request.GET.get("team")
    if not team_id:
        raise Invalid(_("Choose a team."), field="team")
    access.require(request.actor, "policy.propose", team_id)
    return team_id


@require_POST
def add_rule(request: PageRequest) -> HttpResponse:
    """The editor's text with the chosen rule at its end and the verdict on it, or what is wrong with the rule."""
    domains, text = keys.domains(), request.POST.get("text", "")
    form = forms.RuleForm(request.POST, domains=domains, prefix="rule")
    added = False
    if form.is_valid():
        try:
            text, added = forms.added(text, form.rule()), True
            form = forms.RuleForm(domains=domains, prefix="rule")
        except Invalid as error:
            form.show(error)
    editor = forms.PolicyForm(initial={"text": text}, teams=[])
    context = {"rule_form": form, "form": editor, "added": added, **_verdict(request, text), "query": _query(request)}
    return render(request, "policies/_rule_form.html", context, status=200 if added else 422)


def _query(request: PageRequest) -> str:
    """Team and short name of a policy that exists: its form has them fixed, and so does not send them."""
    given = {name: request.GET[name] for name in ("team", "slug") if request.GET.get(name)}
    return f"?{urlencode(given)}" if given else ""


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
