"""What an auditor searches for, read from the address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.clock import now

from . import outcomes
from .searching import PERIODS, Filters

PERIOD_LABELS = (
    ("1h", _("Last hour")),
    ("24h", _("Last 24 hours")),
    ("7d", _("Last 7 days")),
    ("30d", _("Last 30 days")),
    ("90d", _("Last 90 days")),
    ("365d", _("Last 365 days")),
)
OUTCOME_LABELS = (
    (outcomes.DONE, _("Done")),
    (outcomes.DENIED, _("Denied")),
    (outcomes.REFUSED, _("Refused")),
    (outcomes.FAILED, _("Failed")),
)
FORMATS = (("csv", _("CSV, for a spreadsheet")), ("jsonl", _("JSON lines, with every event's own bytes")))


def _date(label: Any) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class Search(forms.Form):
    """Filters of the audit page; a field that cannot be read is named and leaves nothing found by mistake."""

    q = forms.CharField(label=_("Text"), required=False, max_length=200)
    action = forms.CharField(label=_("Action"), required=False, max_length=60)
    actor = forms.CharField(label=_("Who"), required=False, max_length=120)
    subject = forms.CharField(label=_("Subject"), required=False, max_length=120)
    team = forms.UUIDField(label=_("Team"), required=False)
    outcome = forms.ChoiceField(label=_("Outcome"), required=False, choices=[("", ""), *OUTCOME_LABELS])
    period = forms.ChoiceField(label=_("Time"), required=False, choices=[("", ""), *PERIOD_LABELS])
    since = _date(_("From"))
    until = _date(_("To"))

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and until and since > until:
            self.add_error("until", _("This day is before the one on which the search begins."))
        return given

    def filters(self) -> Filters:
        """Call after `is_valid()`."""
        given = self.cleaned_data
        period = given.get("period", "")
        return Filters(
            action=given.get("action", "").strip(),
            actor=given.get("actor", "").strip(),
            subject=given.get("subject", "").strip(),
            team=str(given.get("team") or ""),
            text=given.get("q", "").strip(),
            outcome=given.get("outcome", ""),
            period=period,
            since=given.get("since"),
            until=given.get("until"),
            after=now() - PERIODS[period] if period else None,
        )


class NewExport(Search):
    """A search, and the form in which its events are wanted."""

    format = forms.ChoiceField(label=_("Format"), choices=FORMATS)
