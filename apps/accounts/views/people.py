"""Pages about everybody: who holds which role since when and by which change, and how that is altered."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import devices, forms, reviewing, selectors, services
from apps.changes import selectors as changes
from apps.changes import services as review
from apps.core import access
from apps.core.clock import now
from apps.core.forms import bind_error
from apps.core.http import PageRequest
from apps.dataplane.errors import Invalid

from .showing import WRONG_INPUT, back, shown


@require_safe
def people(request: PageRequest) -> HttpResponse:
    """Everybody, with the roles held now."""
    page = selectors.people(request.actor, q=request.GET.get("q", ""), cursor=request.GET.get("cursor", ""))
    may = access.allowed(request.actor, "membership.propose")
    return render(request, "accounts/people.html", {"page": page, "may_propose": may})


@require_safe
def person(request: PageRequest, person_id: UUID) -> HttpResponse:
    """One person: roles now and before, each with the change that gave it."""
    found = selectors.person(request.actor, person_id)
    references = {held.change for held in (*found.roles, *found.past)} | {held.ended_by for held in found.past}
    said = {
        "person": found,
        "numbers": _change_numbers(request, references),
        "teams": selectors.teams(request.actor),
        "may_propose": access.allowed(request.actor, "membership.propose"),
        "may_revoke": access.allowed(request.actor, "role.revoke"),
        "may_deactivate": access.allowed(request.actor, "person.deactivate"),
        "sessions": devices.sessions(found.id),
        "may_end": access.allowed(request.actor, "session.end"),
        "letters": "" if settings.LOCKGATE.mail_url else settings.EMAIL_FILE_PATH,
    }
    return render(request, "accounts/person.html", said)


def _change_numbers(request: PageRequest, references: set[str]) -> dict[str, int]:
    """Numbers of changes by their soft reference, as far as the reader may see them."""
    wanted = {ref.partition("/")[2] for ref in references if ref.startswith("change/")}
    wanted = {key for key in wanted if selectors.is_uuid(key)}
    rows = changes.visible(request.actor).filter(id__in=wanted).values_list("id", "number")
    return {f"change/{key}": number for key, number in rows}


@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: PageRequest) -> HttpResponse:
    """Propose the first roles of somebody who is not here yet; approved, they get an invitation."""
    access.require(request.actor, "membership.propose")
    teams = selectors.teams(request.actor)
    form = forms.NewPerson(request.POST or None, teams=[(team.slug, team.name) for team in teams])
    if request.method == "POST" and form.is_valid():
        try:
            known = selectors.find(request.actor, form.cleaned_data["email"])
            if known:
                raise Invalid(
                    _("%(name)s is here already: propose roles on their page.") % {"name": known}, field="email"
                )
            return _propose(request, form, team=form.cleaned_data["team"])
        except WRONG_INPUT as error:
            bind_error(form, error)
    return shown(request, "accounts/invite.html", form)


@require_http_methods(["GET", "HEAD", "POST"])
def roles(request: PageRequest, person_id: UUID, team: str = "") -> HttpResponse:
    """Propose all roles that one person shall hold in one team, and in the organisation."""
    access.require(request.actor, "membership.propose")
    found = selectors.person(request.actor, person_id)
    where = next((row for row in selectors.teams(request.actor) if row.slug == team), None)
    form = forms.Roles(request.POST or None, initial=_held(found, team))
    if where is None:
        del form.fields["roles"]
    if request.method == "POST" and form.is_valid():
        try:
            return _propose(request, form, team=team if where else "", email=found.email, name=found.name)
        except WRONG_INPUT as error:
            bind_error(form, error)
    return shown(request, "accounts/roles.html", form, person=found, team=where)


def _held(person: selectors.Person, team: str) -> dict[str, list[str]]:
    return {
        "roles": [held.role for held in person.roles if held.team_slug == team and team],
        "organisation_roles": [held.role for held in person.roles if not held.team_slug],
    }


def _propose(request: PageRequest, form: forms.Roles, **more: str) -> HttpResponse:
    said = {**form.cleaned_data, **more}
    team_id = next((row.id for row in selectors.teams(request.actor) if row.slug == said["team"]), None)
    change = review.propose(
        actor=request.actor, kind="membership", team_id=team_id, reason=said.pop("reason"), proposal=said
    )
    return redirect("changes:change", change.number)


@require_POST
def invite_again(request: PageRequest, person_id: UUID) -> HttpResponse:
    services.invite_again(actor=request.actor, person_id=person_id)
    messages.success(request, _("A new invitation is on its way."))
    return redirect(back(request, "accounts:person", person_id))


@require_POST
def deactivate(request: PageRequest, person_id: UUID) -> HttpResponse:
    services.deactivate(actor=request.actor, person_id=person_id)
    messages.success(request, _("This person is out: roles, tokens and sessions have ended."))
    return redirect(back(request, "accounts:person", person_id))


@require_POST
def end_sessions(request: PageRequest, person_id: UUID) -> HttpResponse:
    """End every session of somebody."""
    keep = (request.session.session_key or "") if str(person_id) == request.actor.id else ""
    count = devices.end_others(actor=request.actor, person_id=person_id, keep=keep)
    messages.success(request, ngettext("%(n)s session has ended.", "%(n)s sessions have ended.", count) % {"n": count})
    return redirect("accounts:person", person_id)


@require_safe
def invitations(request: PageRequest) -> HttpResponse:
    """Who is invited and has not joined."""
    page = reviewing.invited(request.actor, cursor=request.GET.get("cursor", ""))
    said = {
        "page": page,
        "may_propose": access.allowed(request.actor, "membership.propose"),
        "may_revoke": access.allowed(request.actor, "person.deactivate"),
        "letters": "" if settings.LOCKGATE.mail_url else settings.EMAIL_FILE_PATH,
        "now": now(),
    }
    return render(request, "accounts/invitations.html", said)


@require_POST
def revoke_invitation(request: PageRequest, person_id: UUID) -> HttpResponse:
    """The link lets nobody in any more, and the roles behind it have ended."""
    services.revoke_invitation(actor=request.actor, person_id=person_id)
    messages.success(request, _("The invitation is revoked."))
    return redirect("accounts:invitations")


@require_POST
def revoke_token_of(request: PageRequest, token_id: UUID) -> HttpResponse:
    services.revoke_token_of(actor=request.actor, token_id=token_id)
    messages.success(request, _("The token has ended."))
    return redirect(back(request, "accounts:people"))


@require_POST
def revoke_role(request: PageRequest, person_id: UUID, membership_id: UUID) -> HttpResponse:
    services.revoke_role(actor=request.actor, membership_id=membership_id)
    messages.success(request, _("The role is revoked."))
    return redirect(back(request, "accounts:person", person_id))
