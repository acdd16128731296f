"""Filters of the access review."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core import access

from .oversight import DORMANT_DAYS, Wanted


class Review(forms.Form):
    """What the access review shows, read from the address."""

    q = forms.CharField(label=_("Name or address"), required=False, max_length=120)
    role = forms.ChoiceField(
        label=_("Role"), required=False,
        choices=[("", ""), *((role, role.capitalize()) for role in (*access.ORGANISATION_ROLES, *access.TEAM_ROLES))],
    )  # fmt: skip
    days = forms.IntegerField(label=_("Dormant after days"), required=False, min_value=1, max_value=3650)
    dormant = forms.ChoiceField(label=_("Show"), required=False, choices=[("", ""), ("yes", _("Dormant accounts"))])

    def wanted(self) -> Wanted:
        """Call after `is_valid()`."""
        given = self.cleaned_data
        days = given.get("days") or DORMANT_DAYS
        return Wanted(days, given.get("dormant") == "yes", given.get("q", "").strip(), given.get("role", ""))
