"""Input of the pages about changes, as keyword arguments for services."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .kinds import KINDS
from .shown import ALL, MINE, NEEDS_ME, OPEN, Filters

STATES = (
    ("OPEN", _("Awaiting review")),
    ("APPROVED", _("Approved")),
    ("APPLIED", _("Applied")),
    ("REJECTED", _("Rejected")),
    ("WITHDRAWN", _("Withdrawn")),
    ("EXPIRED", _("Expired")),
    ("REFUSED", _("Refused")),
)


RISKS = (("HIGH", _("High")), ("MEDIUM", _("Medium")), ("LOW", _("Low")))
SORTS = tuple(f"{sign}{name}" for name in ("number", "expires", "title", "risk") for sign in ("", "-"))


class Filter(forms.Form):
    """What the inbox shows; anything unknown shows the default."""

    show = forms.ChoiceField(choices=[(name, name) for name in (OPEN, NEEDS_ME, MINE, ALL)], required=False)
    kind = forms.ChoiceField(choices=[(kind.name, kind.label) for kind in KINDS.values()], required=False)
    state = forms.ChoiceField(choices=STATES, required=False)
    risk = forms.ChoiceField(choices=RISKS, required=False)
    team = forms.SlugField(required=False, max_length=40)
    author = forms.CharField(required=False, max_length=120)
    sort = forms.ChoiceField(choices=[(name, name) for name in SORTS], required=False)
    q = forms.CharField(required=False, max_length=200)

    def filters(self) -> Filters:
        self.is_valid()
        given = self.cleaned_data
        return Filters(
            show=given.get("show") or OPEN,
            kind=given.get("kind", ""),
            state=given.get("state", ""),
            text=given.get("q", ""),
            risk=given.get("risk", ""),
            team=given.get("team", ""),
            author=given.get("author", ""),
            sort=given.get("sort", ""),
        )


class Decide(forms.Form):
    """A reviewer's decision on exactly the text that was shown."""

    APPROVE, ASK, REJECT = "approve", "ask", "reject"

    verdict = forms.ChoiceField(choices=[(name, name) for name in (APPROVE, ASK, REJECT)], widget=forms.HiddenInput)
    seen = forms.CharField(max_length=64, widget=forms.HiddenInput)
    comment = forms.CharField(
        label=_("Comment"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": _("What should the author know?")}),
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("verdict") in (self.ASK, self.REJECT) and not given.get("comment", "").strip():
            self.add_error("comment", gettext("Say why: the author must know what to do."))
        return given


class Say(forms.Form):
    """A comment."""

    text = forms.CharField(label=_("Comment"), max_length=10_000, widget=forms.Textarea(attrs={"rows": 3}))


class Reason(forms.Form):
    """What every edited proposal says beside itself: why, and which text its editor began with."""

    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 2})
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)


class Edit(Reason):
    """The proposal itself, as JSON."""

    proposal = forms.CharField(
        label=_("Proposal"),
        max_length=1_000_000,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false", "class": "mono"}),
    )
    field_order = ("proposal", "reason", "seen")

    def clean_proposal(self) -> dict[str, Any]:
        try:
            document = json.loads(self.cleaned_data["proposal"])
        except ValueError as error:
            where = getattr(error, "lineno", 1)
            raise forms.ValidationError(gettext("Line %(line)s is not JSON."), params={"line": where}) from error
        if not isinstance(document, dict):
            raise forms.ValidationError(gettext("A proposal is a JSON object."))
        return document
