"""What an auditor searches for, read from the address."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from .selectors import Filters


class Search(forms.Form):
    """Filters of the audit page; a field that cannot be read is named and leaves nothing found by mistake."""

    q = forms.CharField(label=_("Text"), required=False, max_length=200)
    action = forms.CharField(label=_("Action"), required=False, max_length=60)
    actor = forms.CharField(label=_("Who"), required=False, max_length=120)
    subject = forms.CharField(label=_("Subject"), required=False, max_length=120)
    team = forms.UUIDField(label=_("Team"), required=False)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def filters(self) -> Filters:
        """Call after `is_valid()`."""
        given = self.cleaned_data
        return Filters(
            action=given.get("action", ""),
            actor=given.get("actor", "").strip(),
            subject=given.get("subject", "").strip(),
            team=str(given.get("team") or ""),
            text=given.get("q", "").strip(),
            since=given.get("since"),
            until=given.get("until"),
        )
