"""Every address of the product, its open parts filled in from what the installation holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from apps.accounts.models import ApiToken, Membership, User
from apps.alerts.models import Notice
from apps.changes.models import Change
from apps.incidents.models import Incident
from apps.pipelines.models import Pipeline
from apps.runs.models import Run
from apps.sources.models import Column, Connection, ConnectionTest, Dataset, Discovery

NO_LINK = {"uid": "AAAA", "token": "open"}
STREAM = "runs:events"


def every() -> list[tuple[str, str]]:
    """(view, path): each view at each thing that it could show. An open part that nobody knows fails."""
    found = []
    for view, names in _views(get_resolver().url_patterns):
        filled = _fill(view, names)
        assert filled, f"there is nothing that {view} could show"
        found += [(view, reverse(view, kwargs=values)) for values in filled]
    return found


def _views(patterns: Sequence[URLPattern | URLResolver], space: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, f"{space}{pattern.namespace}:" if pattern.namespace else space)
        else:
            yield f"{space}{pattern.name}", tuple(pattern.pattern.converters)


def _fill(view: str, names: tuple[str, ...]) -> list[dict[str, object]]:
    app = view.partition(":")[0].removesuffix("-api")
    if not names:
        return [{}]
    if names == ("uid", "token"):
        return [NO_LINK]
    if names == ("number",):
        return [{"number": number} for number in _numbers(app)]
    if names[:2] == ("team", "slug"):
        slugs = {"sources": Connection, "pipelines": Pipeline}.get(app)
        rows = slugs.objects.values_list("slug", flat=True) if slugs else ["personal-data"]  # type: ignore[attr-defined]
        return [{"team": "crm", "slug": slug, **dict.fromkeys(names[2:], 1)} for slug in rows]
    values = {name: _ids(name) for name in names}
    together = zip(*(_cycled(values, name) for name in names), strict=True)
    return [dict(zip(names, each, strict=True)) for each in together]


def _cycled(values: dict[str, list[object]], name: str) -> list[object]:
    most = max(len(found) for found in values.values())
    own = values[name]
    return [own[place % len(own)] for place in range(most)] if own else []


def _numbers(app: str) -> list[int]:
    if app == "runs":
        # The newest run of every end that there was.
        ends = Run.objects.order_by("state", "-number").distinct("state")
        return list(ends.values_list("number", flat=True))
    model = {"changes": Change, "incidents": Incident}[app]
    if model is Change:
        # The newest of every kind.
        return list(Change.objects.order_by("kind", "-number").distinct("kind").values_list("number", flat=True))
    return list(Incident.objects.order_by("-number").values_list("number", flat=True)[:3])


def _ids(name: str) -> list[object]:
    known = Dataset.objects.filter(table__in=("customers", "payments"))
    of_note = Column.objects.filter(dataset__in=known, name__in=("note", "email", "iban"), gone_at=None)
    rows = {
        "person_id": User.objects.filter(email__startswith="alice"),
        "membership_id": Membership.objects.all()[:1],
        "token_id": ApiToken.objects.all()[:1],
        "notice_id": Notice.objects.all()[:2],
        "connection_id": Connection.objects.all(),
        "dataset_id": known,
        "discovery_id": Discovery.objects.order_by("-id")[:2],
        "column_id": of_note,
    }
    if name == "batch":
        return list(ConnectionTest.objects.order_by("-id").values_list("batch", flat=True)[:3])
    if name == "token_id":
        return list(rows[name].values_list("public_id", flat=True))
    fixed: dict[str, list[object]] = {"zone": ["analytics", "restricted"], "team": ["crm"]}
    return fixed[name] if name in fixed else list(rows[name].values_list("pk", flat=True))
