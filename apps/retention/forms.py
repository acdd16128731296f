"""Turns what people type about a retention rule or a legal hold into proposals and arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.forms import bind_error
from apps.dataplane.errors import Invalid, LockgateError
from apps.dataplane.retention import FORMAT, MOST, RetentionDefinition
from apps.pipelines.forms import zones
from apps.sources.definition import KNOWN_TAGS

UNITS = (("days", _("days")), ("months", _("months")), ("years", _("years")))
# Where the form has one field for what a definition has in two.
FIELD_OF = {"keep": "keep_amount", "definition": "", "schedule": "cron"}


class RuleForm(forms.Form):
    """One retention rule."""

    name = forms.CharField(label=_("Name"), max_length=120)
    slug = forms.CharField(
        label=_("Short name"), max_length=60, help_text=_("Small letters, digits, - and _. It never changes.")
    )
    connection = forms.ChoiceField(
        label=_("Connection"), help_text=_("Rows are deleted with the write credential of this connection.")
    )
    dataset = forms.CharField(
        label=_("Dataset"), required=False, max_length=130, help_text=_("schema.table, such as mart.orders")
    )
    tag = forms.ChoiceField(
        label=_("or every dataset with a column tagged"), required=False, help_text=_("Tags below it count as well.")
    )
    age_column = forms.CharField(
        label=_("Age column"), max_length=63, help_text=_("The date or timestamp that tells how old a row is.")
    )
    keep_amount = forms.IntegerField(label=_("Keep for"), min_value=1, max_value=MOST["days"])
    keep_unit = forms.ChoiceField(label=_("Unit"), choices=UNITS, initial="months")
    zone = forms.ChoiceField(
        label=_("Time zone"), choices=zones, initial="UTC", help_text=_("Days begin and end by its clock.")
    )
    cron = forms.CharField(
        label=_("Schedule"),
        required=False,
        max_length=100,
        help_text=_("Minute, hour, day, month, weekday; 0 3 * * * is three o'clock every night. Empty: by hand."),
    )
    reason = forms.CharField(
        label=_("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Reviewers read this first."),
    )

    def __init__(self, *args: Any, connections: Iterable[tuple[str, str]], fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["connection"].choices = list(connections)  # type: ignore[attr-defined]
        self.fields["tag"].choices = [("", "—"), *((tag, tag) for tag in _tags())]  # type: ignore[attr-defined]
        self.fields["slug"].disabled = fixed

    def proposal(self) -> dict[str, Any]:
        """Raises Invalid naming `dataset` where that is no name of a table."""
        data = self.cleaned_data
        definition = {
            "format": FORMAT,
            "connection": data["connection"],
            "dataset": _dataset(data["dataset"]),
            "tag": data["tag"],
            "age_column": data["age_column"],
            "keep": {"amount": data["keep_amount"], "unit": data["keep_unit"]},
            "zone": data["zone"],
            "action": "delete",
            "schedule": {"cron": data["cron"], "zone": data["zone"]} if data["cron"] else None,
        }
        return {"slug": data["slug"], "name": data["name"], "definition": definition}

    def show(self, error: LockgateError) -> None:
        error.field = FIELD_OF.get(error.field, error.field)
        bind_error(self, error)


class HoldForm(forms.Form):
    """A legal hold on one dataset."""

    title = forms.CharField(label=_("Case"), max_length=120, help_text=_("What people call it, such as a file number."))
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Who asked for it and why. It is kept in the audit log, so name no data subject here."),
    )


def initial(proposal: Mapping[str, Any]) -> dict[str, Any]:
    """The form's values for a proposal."""
    says: Mapping[str, Any] = proposal["definition"]
    dataset, schedule = says["dataset"], says["schedule"]
    return {
        "name": proposal["name"],
        "slug": proposal["slug"],
        "connection": says["connection"],
        "dataset": f"{dataset['schema']}.{dataset['table']}" if dataset else "",
        "tag": says["tag"],
        "age_column": says["age_column"],
        "keep_amount": says["keep"]["amount"],
        "keep_unit": says["keep"]["unit"],
        "zone": says["zone"],
        "cron": schedule["cron"] if schedule else "",
    }


def phrase(definition: RetentionDefinition) -> str:
    """What a rule reaches, for people."""
    return str(definition.dataset) if definition.dataset else definition.tag


def _dataset(text: str) -> dict[str, str] | None:
    if not text:
        return None
    schema, dot, table = text.partition(".")
    if not (schema and dot and table):
        raise Invalid(str(_("Write a dataset as schema.table.")), field="dataset")
    return {"schema": schema, "table": table}


def _tags() -> list[str]:
    """Every known tag and the parts before its dots."""
    found = {".".join(tag.split(".")[:depth]) for tag in KNOWN_TAGS for depth in range(1, tag.count(".") + 2)}
    return sorted(found)
