"""The kinds of governed things: where each says what a proposal means, and where an approved one is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.governed import Consequence, Current
from apps.dataplane.errors import Invalid


class Proposals(Protocol):
    """What each governed app's module of proposals offers; pure, but for reading what is active."""

    ACTION: str

    def normalise(self, proposal: Mapping[str, Any], *, team_id: object) -> dict[str, Any]: ...
    def target(self, proposal: Mapping[str, Any], *, team_id: object) -> str: ...
    def current(self, target: str) -> Current: ...
    def text(self, proposal: Mapping[str, Any]) -> str: ...
    def consequence(
        self, before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: object
    ) -> Consequence: ...


class Apply(Protocol):
    """What each governed app's module of appliance offers; it writes the governed tables, as the applier alone may."""

    def apply(self, *, proposal: dict[str, Any], target: str, base_version: int, change: str) -> str: ...


@dataclass(frozen=True)
class Kind:
    """One kind of change: a word for people, an icon, and its two modules."""

    name: str
    label: str | Promise
    icon: str
    proposals_module: str
    apply_module: str

    @property
    def proposals(self) -> Proposals:
        return cast(Proposals, import_module(self.proposals_module))

    @property
    def applier(self) -> Apply:
        return cast(Apply, import_module(self.apply_module))


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("policy", gettext_lazy("Policy"), "shield-lock", "apps.policies.proposals", "apps.policies.apply"),
        Kind("pipeline", gettext_lazy("Pipeline"), "route", "apps.pipelines.proposals", "apps.pipelines.apply"),
        Kind(
            "classification",
            gettext_lazy("Classification"),
            "tags",
            "apps.sources.classification_proposals",
            "apps.sources.apply",
        ),
        Kind(
            "connection",
            gettext_lazy("Connection"),
            "database",
            "apps.sources.connection_proposals",
            "apps.sources.apply",
        ),
        Kind("membership", gettext_lazy("Role"), "users", "apps.accounts.proposals", "apps.accounts.apply"),
    )
}


def kind(name: str) -> Kind:
    """Raises Invalid for a kind that does not exist."""
    if name not in KINDS:
        known = ", ".join(KINDS)
        raise Invalid(_("There is no kind of change %(name)s; known are %(known)s.") % {"name": name, "known": known})
    return KINDS[name]
