"""Where each refusal is mended: one table from its code to a page and the word on the button."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.ids import Id


@dataclass(frozen=True)
class Place:
    """What a remedy's page depends on. Addresses that this person has no page for are empty.

    `subject` is the refusal's: a stream, or schema.table.column.
    """

    source_id: Id
    subject: str = ""
    edit_url: str = ""
    load_url: str = ""
    connection_url: str = ""

    @property
    def column(self) -> str:
        return self.subject.rpartition(".")[2]


Address = Callable[[Place], str]


def _columns(place: Place) -> str:
    asked = {"connection": str(place.source_id), "state": "unclassified", "q": place.column}
    return f"{reverse('sources:columns')}?{urlencode({name: value for name, value in asked.items() if value})}"


def _drift(place: Place) -> str:
    return f"{reverse('sources:drift')}?{urlencode({'connection': str(place.source_id)})}"


def _datasets(place: Place) -> str:
    return f"{reverse('sources:datasets')}?{urlencode({'connection': str(place.source_id)})}"


def _named(name: str) -> Address:
    return lambda place: reverse(name)


_CLASSIFY = (_columns, _("Classify the column"))
_DRIFT = (_drift, _("Look at the drift"))
_SOURCE = (_datasets, _("Look at the source"))
_SIMULATE = (_named("policies:simulation"), _("Try a rule"))
_POLICIES = (_named("policies:policies"), _("Open the policies"))
_KEYS = (_named("keys:keys"), _("Open the keys"))
_HOLDS = (_named("retention:holds"), _("See the legal holds"))
_EDIT = (lambda place: place.edit_url, _("Change the pipeline"))
_LOAD = (lambda place: place.load_url, _("Load it anew"))
_CONNECTION = (lambda place: place.connection_url, _("Open the connection"))

REMEDIES: Mapping[str, tuple[Address, Promise]] = {
    # columns and policies
    "unclassified": _CLASSIFY,
    "no-rule": _SIMULATE,
    "conflict": _POLICIES,
    "type": _POLICIES,
    "no-key": _KEYS,
    # the source
    "undiscovered": _DRIFT,
    "dropped": _DRIFT,
    "retyped": _DRIFT,
    "source-missing": _SOURCE,
    "reserved-name": _SOURCE,
    # the destination, as far as the pipeline can be bent to it
    "nothing-left": _EDIT,
    "destination-column": _EDIT,
    "destination-generated": _EDIT,
    "destination-type": _EDIT,
    "destination-length": _EDIT,
    "destination-null": _EDIT,
    "destination-key": _EDIT,
    "destination-check": _EDIT,
    "destination-unfilled": _EDIT,
    "held": _HOLDS,
    # rules and checks
    "rule": _EDIT,
    "check": _EDIT,
    # taking up what is new
    "append-cursor": _EDIT,
    "cursor-files": _EDIT,
    "cursor-infinite": _EDIT,
    "cursor-lag": _EDIT,
    "cursor-missing": _EDIT,
    "cursor-null": _EDIT,
    "cursor-sensitive": _EDIT,
    "cursor-ties": _EDIT,
    "cursor-type": _EDIT,
    "delta-differs": _LOAD,
    "key-alike": _EDIT,
    "key-dropped": _EDIT,
    "key-missing": _EDIT,
    "key-not-unique": _EDIT,
    "merge-filter": _EDIT,
    # what a run may end with instead
    "locked": _KEYS,
    "unreachable": _CONNECTION,
}


def remedy(code: str, place: Place) -> tuple[str, str]:
    """Where a refusal is mended, and the word on the button; two empty texts where this person has no such page."""
    address, word = REMEDIES.get(code, _EDIT)
    url = address(place)
    return (url, str(word)) if url else ("", "")
