"""Every address of the product, its open parts filled in from what the installation holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from apps.accounts.models import ApiToken, Device, Membership, User
from apps.alerts.models import Channel, ChannelTest, Delivery, Notice
from apps.audit.models import Event, Export, Walk
from apps.changes.models import Change
from apps.grants.models import LegalHold
from apps.incidents.models import Incident
from apps.pipelines.models import Pipeline
from apps.policies.models import Policy
from apps.retention.models import Enforcement, RetentionRule
from apps.runs.models import Run
from apps.sources.models import Column, Connection, ConnectionTest, Dataset, Discovery

NO_LINK = {"uid": "AAAA", "token": "open"}
STREAM = "runs:events"
FIXED: dict[str, list[object]] = {
    "zone": ["analytics", "restricted"],
    "team": ["crm"],
    "stream": ["customers"],
    "check_id": ["email-there"],
    "kind": ["smtp", "webhook"],
    "table": ["access", "passing"],
}
# For what this installation has none of: such an address answers that there is no such thing.
NOTHING = defaultdict(lambda: "01900000-0000-7000-8000-000000000000", number=1, slug="none")


def every() -> list[tuple[str, str]]:
    """(view, path): each view at each thing that it could show. An open part that nobody knows fails."""
    found = []
    for view, names in _views(get_resolver().url_patterns):
        found += [(view, reverse(view, kwargs=values)) for values in _fill(view, names)]
    return found


def _views(patterns: Sequence[URLPattern | URLResolver], space: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, f"{space}{pattern.namespace}:" if pattern.namespace else space)
        else:
            yield f"{space}{pattern.name}", tuple(pattern.pattern.converters)


def _fill(view: str, names: tuple[str, ...]) -> list[dict[str, object]]:
    if names == ("uid", "token"):
        return [NO_LINK]
    app = view.partition(":")[0].removesuffix("-api")
    values = {name: _known(app, name) or [NOTHING[name]] for name in names}
    most = max((len(found) for found in values.values()), default=1)
    return [{name: values[name][place % len(values[name])] for name in names} for place in range(most)]


def _known(app: str, name: str) -> list[object]:
    """What stands at this part of an address; nothing where this installation has no such thing."""
    if name == "number":
        return list(_numbers(app))
    if name == "slug":
        return list(_slugs(app))
    if name in FIXED:
        return FIXED[name]
    return list(_ids(name))


def _slugs(app: str) -> QuerySet[Any, Any]:
    models = {
        "sources": Connection,
        "policies": Policy,
        "retention": RetentionRule,
        "alerts": Channel,
        "pipelines": Pipeline,
        "runs": Pipeline,
    }
    return models[app].objects.order_by("slug").values_list("slug", flat=True)


def _numbers(app: str) -> list[int]:
    if app == "runs":
        # The newest run of every end that there was.
        ends = Run.objects.order_by("state", "-number").distinct("state")
        return list(ends.values_list("number", flat=True))
    if app == "changes":
        # The newest of every kind.
        return list(Change.objects.order_by("kind", "-number").distinct("kind").values_list("number", flat=True))
    if app == "incidents":
        return list(Incident.objects.order_by("-number").values_list("number", flat=True)[:3])
    if app == "retention":
        return list(Enforcement.objects.order_by("-number").values_list("number", flat=True)[:3])
    return [1]  # Versions.


def _ids(name: str) -> list[object]:
    known = Dataset.objects.filter(table__in=("customers", "payments"))
    if name == "batch":
        return list(ConnectionTest.objects.order_by("-id").values_list("batch", flat=True)[:3])
    if name == "token_id":
        return list(ApiToken.objects.values_list("public_id", flat=True)[:1])
    rows: dict[str, QuerySet[Any]] = {
        "person_id": User.objects.filter(email__startswith="alice"),
        "membership_id": Membership.objects.all()[:1],
        "device_id": Device.objects.all()[:1],
        "notice_id": Notice.objects.all()[:2],
        "delivery_id": Delivery.objects.all()[:2],
        "test_id": ChannelTest.objects.all()[:2],
        "event_id": Event.objects.order_by("-id")[:2],
        "export_id": Export.objects.all()[:1],
        "walk_id": Walk.objects.all()[:1],
        "hold_id": LegalHold.objects.all()[:1],
        "connection_id": Connection.objects.all(),
        "dataset_id": known,
        "discovery_id": Discovery.objects.order_by("-id")[:2],
        "column_id": Column.objects.filter(dataset__in=known, name__in=("note", "email", "iban"), gone_at=None),
    }
    return list(rows[name].values_list("pk", flat=True))
