"""Turns what people typed about a pipeline into filters, or into the head of a proposal."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from .selectors import Filters

SLUG_HELP = _("Small letters, digits, - and _. It stands in addresses and cannot be changed later.")
CRON_HELP = _("Minute, hour, day, month, weekday. 0 3 * * * is three o'clock every night. Empty: started by hand.")


PRESETS = [
    ("*/15 * * * *", _("Every 15 minutes")),
    ("0 * * * *", _("Every hour")),
    ("0 */6 * * *", _("Every six hours")),
    ("0 3 * * *", _("Every night at 03:00")),
    ("0 6 * * 1-5", _("Monday to Friday at 06:00")),
    ("0 5 * * 1", _("Every Monday at 05:00")),
    ("0 4 1 * *", _("On the first of every month at 04:00")),
]
LAG_UNITS = [("seconds", _("seconds")), ("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days"))]


class Filter(forms.Form):
    """What is not understood filters nothing: an old link still opens the list."""

    q = forms.CharField(required=False, max_length=120)
    team = forms.CharField(required=False, max_length=60)
    state = forms.CharField(required=False, max_length=12)
    source = forms.CharField(required=False, max_length=110)
    destination = forms.CharField(required=False, max_length=110)
    last = forms.CharField(required=False, max_length=12)
    sort = forms.CharField(required=False, max_length=12)

    def filters(self) -> Filters:
        self.is_valid()
        given = {name: self.cleaned_data.get(name, "") for name in self.fields}
        return Filters(**given)


class Pause(forms.Form):
    """Why nothing shall start; the service judges it."""

    reason = forms.CharField(
        label=_("Why"), required=False, widget=forms.TextInput(attrs={"maxlength": 300}),
        help_text=_("Shown on the pipeline's page and kept in the audit log."),
    )  # fmt: skip


def zones() -> list[tuple[str, str]]:
    """UTC first, then every zone that is named after a place."""
    places = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in places)]


class Head(forms.Form):
    """Everything of a proposal but its streams and checks."""

    name = forms.CharField(label=_("Name"), max_length=120)
    slug = forms.CharField(label=_("Short name"), max_length=60, help_text=SLUG_HELP)
    source = forms.ChoiceField(label=_("Source"), help_text=_("Read as this connection allows."))
    destination = forms.ChoiceField(label=_("Destination"), help_text=_("Its zone decides how columns are treated."))
    purpose = forms.CharField(label=_("Purpose"), max_length=60, initial="analytics", required=False)
    cron = forms.CharField(label=_("Schedule"), max_length=120, required=False, help_text=CRON_HELP)
    zone = forms.ChoiceField(label=_("Time zone of the schedule"), choices=zones, initial="UTC", required=False)
    definition = forms.CharField(
        label=_("Definition (YAML)"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 26, "spellcheck": "false", "class": "mono", "wrap": "off"}),
    )
    reason = forms.CharField(
        label=_("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Told to whoever reviews it."),
    )

    def __init__(self, *args: Any, sources: list[tuple[str, str]], destinations: list[tuple[str, str]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name, choices in (("source", sources), ("destination", destinations)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("Choose a connection")), *choices]
