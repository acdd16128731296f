"""Turns what people typed into keyword arguments of a service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core import access

from . import zones

ROLE_LABELS = {
    access.VIEWER: _("Viewer: sees everything of the team"),
    access.ENGINEER: _("Engineer: connections, pipelines and runs"),
    access.STEWARD: _("Steward: classifications and policies"),
    access.REVIEWER: _("Reviewer: approves what others propose"),
    access.AUDITOR: _("Auditor: reads everything, and the audit log"),
    access.ADMINISTRATOR: _("Administrator: people and their roles"),
}
SCOPE_LABELS = {
    access.READ: _("Read: everything that you may see"),
    access.WRITE: _("Write: propose, start and acknowledge as you may"),
}
LIFETIMES = ((7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("1 year")))


def _choices(roles: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [(role, ROLE_LABELS[role]) for role in roles]


def _password(label: Any, *, new: bool) -> forms.CharField:
    kind = "new-password" if new else "current-password"
    text = _("At least 12 characters, and not a common password.") if new else ""
    return forms.CharField(
        label=label, strip=False, help_text=text, max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": kind}),
    )  # fmt: skip


class SignIn(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = _password(_("Password"), new=False)


class SetUp(forms.Form):
    organisation = forms.CharField(label=_("Organisation"), max_length=120)
    team_name = forms.CharField(
        label=_("First team"), max_length=120, help_text=_("Owns connections, pipelines and policies, such as CRM.")
    )
    name = forms.CharField(label=_("Your name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=zones.offered)
    password = _password(_("Password"), new=True)
    packs = forms.MultipleChoiceField(
        label=_("Mask from the start"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("Of several the strictest counts. Untick what does not concern you; you can add packs later."),
    )  # fmt: skip

    def __init__(self, *args: Any, packs: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["packs"].choices = packs  # type: ignore[attr-defined]
        self.fields["packs"].initial = [slug for slug, _name in packs]


class Join(forms.Form):
    name = forms.CharField(label=_("Your name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=zones.offered)
    password = _password(_("Password"), new=True)


class Forgot(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))


class Reset(forms.Form):
    password = _password(_("New password"), new=True)


class Profile(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=zones.offered, help_text=_("Times on every page are shown in this zone.")
    )


class Password(forms.Form):
    current = _password(_("Current password"), new=False)
    new = _password(_("New password"), new=True)


class NewToken(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What uses it, such as nightly-import."))
    scopes = forms.MultipleChoiceField(
        label=_("It may"), choices=list(SCOPE_LABELS.items()), widget=forms.CheckboxSelectMultiple
    )
    days = forms.TypedChoiceField(label=_("It expires after"), choices=LIFETIMES, coerce=int, initial=30)


class Roles(forms.Form):
    """All roles that one person shall hold in one team, and in the organisation."""

    roles = forms.MultipleChoiceField(
        label=_("Roles in the team"), choices=_choices(access.TEAM_ROLES), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    organisation_roles = forms.MultipleChoiceField(
        label=_("Roles in the organisation"), choices=_choices(access.ORGANISATION_ROLES), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Why"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The reviewer reads this first."),
    )  # fmt: skip


class NewPerson(Roles):
    """Somebody who is not here yet."""

    email = forms.EmailField(label=_("E-mail address"))
    name = forms.CharField(label=_("Name"), max_length=120)
    team = forms.ChoiceField(label=_("Team"), required=False)

    field_order = ("email", "name", "team", "roles", "organisation_roles", "reason")

    def __init__(self, *args: Any, teams: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = [("", _("No team: the organisation only")), *teams]  # type: ignore[attr-defined]
