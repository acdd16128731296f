"""Turns what people typed about an incident into arguments."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from .selectors import Filters


class Filter(forms.Form):
    """What is not understood filters nothing: an old link still opens the list."""

    state = forms.CharField(required=False, max_length=12)
    level = forms.CharField(required=False, max_length=10)
    q = forms.CharField(required=False, max_length=120)

    def filters(self) -> Filters:
        self.is_valid()
        given = {name: self.cleaned_data.get(name, "") for name in self.fields}
        return Filters(**given)


class Resolve(forms.Form):
    resolution = forms.CharField(
        label=_("How was it resolved?"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Stays in the timeline and in the audit log. No personal data, please."),
    )
