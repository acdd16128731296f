"""Turns what people typed about an incident into arguments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.clock import now

from .selectors import Filters

REASONS = (
    ("fixed", gettext_lazy("Fixed at the source")),
    ("false_alarm", gettext_lazy("False alarm")),
    ("accepted", gettext_lazy("Accepted as it is")),
    ("other", gettext_lazy("Something else")),
)
RESTS = (
    ("1", gettext_lazy("1 hour")),
    ("4", gettext_lazy("4 hours")),
    ("24", gettext_lazy("1 day")),
    ("72", gettext_lazy("3 days")),
    ("168", gettext_lazy("1 week")),
)


class Filter(forms.Form):
    """What is not understood filters nothing: an old link still opens the list."""

    show = forms.CharField(required=False, max_length=12)
    state = forms.CharField(required=False, max_length=12)
    level = forms.CharField(required=False, max_length=10)
    team = forms.CharField(required=False, max_length=60)
    assignee = forms.CharField(required=False, max_length=40)
    subject = forms.CharField(required=False, max_length=80)
    seen = forms.CharField(required=False, max_length=5)
    q = forms.CharField(required=False, max_length=120)
    sort = forms.CharField(required=False, max_length=12)

    def filters(self) -> Filters:
        self.is_valid()
        given = {name: self.cleaned_data.get(name, "") for name in self.fields}
        return Filters(**given)


class Resolve(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("How did it end?"), choices=[("", "—"), *REASONS])
    resolution = forms.CharField(
        label=gettext_lazy("How was it resolved?"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Stays in the timeline and in the audit log. No personal data, please."),
    )


class Assign(forms.Form):
    """Who looks after it; empty for nobody."""

    person = forms.ChoiceField(label=gettext_lazy("Who looks after it?"), required=False)

    def __init__(self, *args: Any, people: Iterable[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].choices = [("", _("Nobody")), *people]  # type: ignore[attr-defined]


class Snooze(forms.Form):
    """For a while, or until a moment in the reader's zone; one of the two."""

    rest = forms.ChoiceField(label=gettext_lazy("For"), required=False, choices=[("", "—"), *RESTS])
    until = forms.DateTimeField(
        label=gettext_lazy("Or until"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("In your time zone, within the next 30 days. It comes back by itself."),
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors and bool(found.get("rest")) == bool(found.get("until")):
            self.add_error("rest", _("Choose one of the two: for how long, or until when."))
        return found

    def moment(self) -> datetime:
        """When it comes back."""
        if self.cleaned_data.get("until"):
            return self.cleaned_data["until"]
        return now() + timedelta(hours=int(self.cleaned_data["rest"]))


class Say(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Comment"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("No personal data, please."),
    )


class Many(forms.Form):
    """What to do with the chosen incidents. `numbers` comes as a list from check boxes."""

    act = forms.ChoiceField(choices=[("acknowledge", ""), ("assign", "")])
    person = forms.CharField(required=False, max_length=40)
