"""Turns what people type into keyword arguments: connections, filters, and the classification of a table's columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.dataplane.classify import NONE
from apps.dataplane.errors import Invalid

from .definition import KNOWN_TAGS
from .selectors import ColumnCard, Tags, suggested_tags

KEEP = ""
SURE = 80


class ReasonForm(forms.Form):
    """Why something is proposed."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Reviewers read this first."),
    )


class SheetForm(forms.Form):
    """A sheet of columns, as it was exported and filled in."""

    sheet = forms.FileField(
        label=gettext_lazy("Sheet (CSV)"),
        help_text=gettext_lazy("UTF-8, UTF-16 or Windows-1252; separated by comma, semicolon or tab; at most 5 MiB."),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
    )


def differences(text: str) -> dict[UUID, tuple[Tags, Tags]]:
    """(before, after) by column id, as the preview of a sheet kept them. Raises Invalid for anything else."""
    try:
        rows = [(UUID(id), _tags(before), _tags(after)) for id, before, after in json.loads(text or "[]")]
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Invalid(
            _("What was to be proposed did not arrive as it was shown."), remedy=_("Upload the sheet again.")
        ) from None
    return {id: (before, after) for id, before, after in rows}


def _tags(value: Any) -> Tags:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise ValueError
    return tuple(value)


def tag_choices() -> list[tuple[str, str]]:
    """The tags to choose from, with what they mean."""
    return [(NONE, NONE), *((tag, tag) for tag in KNOWN_TAGS)]


def chosen(posted: Mapping[str, str], accepted: Sequence[str], cards: Iterable[ColumnCard]) -> list[dict[str, Any]]:
    """The columns that the bulk form decides: a tag chosen by hand, else an accepted suggestion. Invalid for none.

    `posted` holds `tag-<column id>`; `accepted` the ids of columns whose suggestion is taken; `sure` takes every
    suggestion of at least 80 %.
    """
    found = []
    for card in cards:
        column = card.column
        tags = _decided(posted, accepted, card)
        if tags is not None and tags != card.tags:
            dataset = column.dataset
            found.append({"schema": dataset.schema, "table": dataset.table, "column": column.name, "tags": list(tags)})
    if not found:
        raise Invalid(
            _("Nothing would change: no column was chosen."),
            remedy=_("Accept a suggestion or choose a tag for at least one column."),
        )
    return found


def _decided(posted: Mapping[str, str], accepted: Sequence[str], card: ColumnCard) -> tuple[str, ...] | None:
    by_hand = posted.get(f"tag-{card.column.id}", KEEP)
    if by_hand != KEEP:
        return () if by_hand == NONE else (by_hand,)
    sure = "sure" in posted and card.tags is None and card.column.suggested_confidence >= SURE
    if card.column.suggested_tag and (sure or str(card.column.id) in accepted):
        return suggested_tags(card.column)
    return None
