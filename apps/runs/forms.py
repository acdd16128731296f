"""Turns the query string of the list into filters."""

from __future__ import annotations

from django import forms

from .selectors import Filters


class Filter(forms.Form):
    """What is not understood filters nothing: an old link still opens the list."""

    state = forms.CharField(required=False, max_length=12)
    pipeline = forms.CharField(required=False, max_length=130)
    trigger = forms.CharField(required=False, max_length=20)
    q = forms.CharField(required=False, max_length=120)

    def filters(self) -> Filters:
        self.is_valid()
        given = {name: self.cleaned_data.get(name, "") for name in self.fields}
        return Filters(**given)
