"""Turns what people type into keyword arguments: filters of the list and of a log, what to compare with, reasons."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .selectors import ORDERS, Filters


class Filter(forms.Form):
    """What is not understood filters nothing: an old link still opens the list."""

    state = forms.CharField(required=False, max_length=12)
    pipeline = forms.CharField(required=False, max_length=130)
    trigger = forms.CharField(required=False, max_length=20)
    q = forms.CharField(required=False, max_length=120)
    team = forms.CharField(required=False, max_length=63)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)
    sort = forms.CharField(required=False, max_length=20)

    def clean_sort(self) -> str:
        given: str = self.cleaned_data["sort"]
        return given if given.removeprefix("-") in ORDERS else ""

    def filters(self) -> Filters:
        """Days are those of the person who looks: from its first moment, and to its last."""
        self.is_valid()
        texts = ("state", "pipeline", "trigger", "q", "team", "sort")
        given = {name: self.cleaned_data.get(name) or "" for name in texts}
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        return Filters(**given, since=_morning(since), until=_morning(until, after=1))


class LogFilter(forms.Form):
    """What is searched for in a run's log."""

    q = forms.CharField(required=False, max_length=120)
    level = forms.CharField(required=False, max_length=10)
    step = forms.CharField(required=False, max_length=20)

    def asked(self) -> dict[str, str]:
        self.is_valid()
        return {name: self.cleaned_data.get(name) or "" for name in self.fields}


class Compare(forms.Form):
    """The number of the run to compare with; the one before without it."""

    number = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class RecallReason(forms.Form):
    """Why a run is taken back. The service asks for it."""

    reason = forms.CharField(
        required=False, label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3, "maxlength": 500})
    )


class NewRun(forms.Form):
    """How a run is started by hand."""

    how = forms.ChoiceField(choices=[("usual", ""), ("reload", "")], initial="usual")


def _morning(day: date | None, after: int = 0) -> datetime | None:
    try:
        return timezone.make_aware(datetime.combine(day + timedelta(days=after), time.min)) if day else None
    except (OverflowError, ValueError):
        return None  # A day at the edge of the calendar bounds nothing.
