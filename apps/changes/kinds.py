"""The kinds of governed things: where each says what a proposal means, and where an approved one is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import apply as membership_apply
from apps.accounts import proposals as memberships
from apps.alerts import channel_apply, channel_proposals, route_apply, route_proposals
from apps.core.governed import Consequence, Current
from apps.dataplane.errors import Invalid
from apps.grants import apply as release_apply
from apps.grants import proposals as releases
from apps.pipelines import apply as pipeline_apply
from apps.pipelines import proposals as pipelines
from apps.policies import apply as policy_apply
from apps.policies import proposals as policies
from apps.retention import apply as retention_apply
from apps.retention import deletion_apply
from apps.retention import deletion_proposals as deletions
from apps.retention import proposals as retention
from apps.sources import classification_apply, connection_apply
from apps.sources import classification_proposals as classifications
from apps.sources import connection_proposals as connections


class Proposals(Protocol):
    """What each governed app's module of proposals offers; pure, but for reading what is active."""

    ACTION: str

    def normalise(self, proposal: Mapping[str, Any], *, team_id: Any) -> dict[str, Any]: ...
    def target(self, proposal: Mapping[str, Any], *, team_id: Any) -> str: ...
    def current(self, target: str) -> Current: ...
    def text(self, proposal: Mapping[str, Any]) -> str: ...
    def consequence(
        self, before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Any
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
    proposals: Proposals
    applier: Apply


def _kind(name: str, label: str | Promise, icon: str, proposals: object, applier: object) -> Kind:
    return Kind(name, label, icon, cast(Proposals, proposals), cast(Apply, applier))


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind("policy", gettext_lazy("Policy"), "shield-lock", policies, policy_apply),
        _kind("pipeline", gettext_lazy("Pipeline"), "route", pipelines, pipeline_apply),
        _kind("classification", gettext_lazy("Classification"), "tags", classifications, classification_apply),
        _kind("connection", gettext_lazy("Connection"), "database", connections, connection_apply),
        _kind("membership", gettext_lazy("Role"), "users", memberships, membership_apply),
        _kind("channel", gettext_lazy("Channel"), "send", channel_proposals, channel_apply),
        _kind("alert_route", gettext_lazy("Alert route"), "bell-ringing", route_proposals, route_apply),
        _kind("retention", gettext_lazy("Retention"), "hourglass", retention, retention_apply),
        _kind("deletion", gettext_lazy("First deletion"), "trash", deletions, deletion_apply),
        _kind("hold_release", gettext_lazy("Legal hold"), "gavel", releases, release_apply),
    )
}


def kind(name: str) -> Kind:
    """Raises Invalid for a kind that does not exist."""
    if name not in KINDS:
        known = ", ".join(KINDS)
        raise Invalid(_("There is no kind of change %(name)s; known are %(known)s.") % {"name": name, "known": known})
    return KINDS[name]
