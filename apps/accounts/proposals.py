"""What a change of kind `membership` says: a person, and all roles to hold in one team and in the organisation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core import access
from apps.core.governed import Consequence, Current, Risk
from apps.dataplane.errors import Invalid, NotFound

from .models import Membership, Team, User

ACTION = "membership.propose"
NO_TEAM = "-"
FIELDS = frozenset({"email", "name", "team", "team_name", "roles", "organisation_roles"})
POWERS = {
    access.VIEWER: gettext_lazy("see what %(team)s does"),
    access.ENGINEER: gettext_lazy("propose connections and pipelines and start runs in %(team)s"),
    access.STEWARD: gettext_lazy("propose classifications and policies in %(team)s"),
    access.REVIEWER: gettext_lazy("approve what others propose in %(team)s"),
    access.AUDITOR: gettext_lazy("read everything and search the audit log"),
    access.ADMINISTRATOR: gettext_lazy("propose who holds which role, and take roles away"),
}
HIGH = frozenset({access.REVIEWER, access.ADMINISTRATOR})


def normalise(proposal: Mapping[str, Any], *, team_id: object = None) -> dict[str, Any]:
    """The proposal complete, sorted and checked. Raises Invalid naming the field."""
    unknown = sorted(set(proposal) - FIELDS)
    if unknown:
        raise Invalid(_("A membership has no %(field)s.") % {"field": unknown[0]}, field=unknown[0])
    team, team_name = _team(proposal, team_id)
    roles = _roles(proposal, "roles", access.TEAM_ROLES)
    if roles and not team:
        raise Invalid(_("These roles are held in a team: choose one."), field="team")
    email = _email(proposal)
    name = _text(proposal, "name") or User.objects.filter(email__iexact=email).values_list("name", flat=True).first()
    if not name:
        raise Invalid(_("Say what this person is called: they are new here."), field="name")
    organisation = _roles(proposal, "organisation_roles", access.ORGANISATION_ROLES)
    return {
        "email": email,
        "name": name[:120],
        "team": team,
        "team_name": team_name,
        "roles": roles,
        "organisation_roles": organisation,
    }


def _text(proposal: Mapping[str, Any], name: str) -> str:
    value = proposal.get(name) or ""
    if not isinstance(value, str):
        raise Invalid(_("This must be text."), field=name)
    return value.strip()


def _email(proposal: Mapping[str, Any]) -> str:
    address = _text(proposal, "email").lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid(_("This is not an e-mail address."), field="email") from error
    return address


def _team(proposal: Mapping[str, Any], team_id: object) -> tuple[str, str]:
    slug, new_name = _text(proposal, "team"), _text(proposal, "team_name")
    team = Team.objects.filter(slug=slug, archived_at=None).first() if slug else None
    if team_id and (team is None or str(team.id) != str(team_id)):
        raise Invalid(_("The change is about another team than the membership."), field="team")
    if slug and team is None:
        _check_new_team(slug, new_name)
    return slug, new_name if slug and team is None else ""


def _check_new_team(slug: str, name: str) -> None:
    try:
        validate_slug(slug)
    except ValidationError as error:
        raise Invalid(_("A team's short name has letters, digits and hyphens."), field="team") from error
    if not name or len(slug) > 40 or slug == "new" or Team.objects.filter(slug=slug).exists():
        raise Invalid(
            _("There is no team %(team)s.") % {"team": slug}, remedy=_("Give a new team a name."), field="team"
        )


def _roles(proposal: Mapping[str, Any], name: str, known: Sequence[str]) -> list[str]:
    given = proposal.get(name) or []
    if not isinstance(given, (list, tuple)) or not all(isinstance(role, str) for role in given):
        raise Invalid(_("This must be a list of roles."), field=name)
    for role in given:
        if role not in known:
            said = {"role": role, "known": ", ".join(known)}
            raise Invalid(_("There is no role %(role)s here; known are %(known)s.") % said, field=name)
    return [role for role in known if role in given]


def target(proposal: Mapping[str, Any], *, team_id: object = None) -> str:
    """`membership/<team>/<person>`, or `membership/new/<team>/<hash>`: an address does not belong into a reference."""
    team, email = proposal["team"] or NO_TEAM, proposal["email"]
    user = User.objects.filter(email__iexact=email).only("id").first()
    if user:
        return f"membership/{team}/{user.id}"
    return f"membership/new/{team}/{hashlib.sha256(email.encode()).hexdigest()[:24]}"


def current(target: str) -> Current:
    """The roles held now. The version counts grants and revocations, so it moves whenever the roles do."""
    _kind, team, person = target.rsplit("/", 2)
    user = _person(target, person)
    if user is None:
        return Current(0, None)
    rows = list(Membership.objects.filter(user=user).select_related("team"))
    rows = [row for row in rows if row.team is None or row.team.slug == team]
    version = len(rows) + sum(row.revoked_at is not None for row in rows)
    held = [row for row in rows if row.revoked_at is None]
    if not held:
        return Current(version, None)
    in_team, everywhere = {r.role for r in held if r.team}, {r.role for r in held if r.team is None}
    return Current(version, {
        "email": user.email.lower(),
        "name": user.name,
        "team": "" if team == NO_TEAM else team,
        "team_name": "",
        "roles": [role for role in access.TEAM_ROLES if role in in_team],
        "organisation_roles": [role for role in access.ORGANISATION_ROLES if role in everywhere],
    })  # fmt: skip


def _person(target: str, person: str) -> User | None:
    if target.startswith("membership/new/"):
        return None
    try:
        return User.objects.get(id=UUID(person))
    except (ValueError, User.DoesNotExist) as error:
        raise NotFound(_("There is no such person.")) from error


def text(proposal: Mapping[str, Any]) -> str:
    """The proposal for people and for the diff."""
    lines = [f"person: {proposal['email']}", f"name: {proposal['name']}", f"team: {proposal['team'] or 'none'}"]
    if proposal["team_name"]:
        lines.append(f"new team: {proposal['team_name']}")
    for label, key in (("roles", "roles"), ("organisation roles", "organisation_roles")):
        lines.append(f"{label}:" if proposal[key] else f"{label}: none")
        lines += [f"  - {role}" for role in proposal[key]]
    return "\n".join(lines) + "\n"


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: object = None) -> Consequence:
    """What approval would let this person do, or no longer do."""
    held = _all_roles(before)
    gained = [role for role in _all_roles(after) if role not in held]
    lost = [role for role in held if role not in _all_roles(after)]
    return Consequence(
        title=_title(after, gained, lost)[:200],
        sentence=_sentence(after, gained, lost),
        risk=_risk(gained),
        reasons=tuple(_reasons(after, gained)),
    )


def _all_roles(proposal: Mapping[str, Any] | None) -> list[str]:
    return [*proposal["roles"], *proposal["organisation_roles"]] if proposal else []


def _place(after: Mapping[str, Any]) -> str:
    return after["team_name"] or Team.objects.filter(slug=after["team"]).values_list("name", flat=True).first() or ""


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else _("%(first)s and %(last)s") % {
        "first": ", ".join(words[:-1]), "last": words[-1]
    }  # fmt: skip


def _title(after: Mapping[str, Any], gained: Sequence[str], lost: Sequence[str]) -> str:
    if gained:
        return _("Make %(name)s %(roles)s") % {"name": after["name"], "roles": _listed(gained)}
    if lost:
        return _("Take %(roles)s from %(name)s") % {"name": after["name"], "roles": _listed(lost)}
    return _("Leave the roles of %(name)s as they are") % {"name": after["name"]}


def _sentence(after: Mapping[str, Any], gained: Sequence[str], lost: Sequence[str]) -> str:
    said = {"name": after["name"], "team": _place(after)}
    parts = []
    if gained:
        powers = _listed([str(POWERS[role]) % said for role in gained])
        parts.append(_("After approval, %(name)s can %(powers)s.") % {**said, "powers": powers})
    if lost:
        powers = _listed([str(POWERS[role]) % said for role in lost])
        parts.append(_("%(name)s can no longer %(powers)s.") % {**said, "powers": powers})
    return " ".join(parts) or _("After approval, nothing is different for %(name)s.") % said


def _risk(gained: Sequence[str]) -> Risk:
    if HIGH & set(gained):
        return "HIGH"
    return "MEDIUM" if set(gained) - {access.VIEWER} else "LOW"


def _reasons(after: Mapping[str, Any], gained: Sequence[str]) -> list[str]:
    reasons = [_("It grants the role %(role)s.") % {"role": role} for role in gained if role != access.VIEWER]
    if not User.objects.filter(email__iexact=after["email"], is_active=True).exists():
        reasons.append(_("This person is not active yet and gets an invitation by mail."))
    if after["team_name"]:
        reasons.append(_("It makes the new team %(team)s.") % {"team": after["team_name"]})
    return reasons
