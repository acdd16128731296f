"""Reads the differences that discovery found: open and settled ones, each only for who may see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.paging import Page, page
from apps.dataplane.errors import Invalid

from .models import Classification, Column, Difference

WHATS = ("added", "dropped", "retyped")
OPEN, SETTLED = "open", "settled"


@dataclass(frozen=True)
class Filters:
    """What is looked for; `state` is open (also when empty) or settled."""

    q: str = ""
    connection: str = ""
    dataset: str = ""
    what: str = ""
    state: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Filters:
        """Raises Invalid, naming the field."""
        found = cls(**{name: given.get(name, "").strip() for name in ("q", "connection", "dataset", "what", "state")})
        if len(found.q) > 200 or "\0" in found.q:
            raise Invalid(_("This filter is too long or holds a character that is none."), field="q")
        if found.what and found.what not in WHATS:
            raise Invalid(_("There is no such kind of difference."), field="what")
        if found.state and found.state not in (OPEN, SETTLED):
            raise Invalid(_("There is no such state of a difference."), field="state")
        for name in ("connection", "dataset"):
            try:
                UUID(getattr(found, name) or "0" * 32)
            except ValueError:
                raise Invalid(_("This is not the id of one."), field=name) from None
        return found

    @property
    def narrowed(self) -> bool:
        return bool(self.q or self.connection or self.dataset or self.what or self.state)


def visible(actor: Actor) -> QuerySet[Difference]:
    rows = Difference.objects.filter(connection__archived_at=None)
    if access.everywhere(actor, "dataset.view"):
        return rows
    return rows.filter(connection__team_id__in=access.teams(actor, "dataset.view"))


def paged(actor: Actor, filters: Filters, *, cursor: str = "", size: int = 50) -> Page[Difference]:
    """Newest first; each with `unclassified`: whether its column waits to be classified, which holds pipelines."""
    rows = _fitting(visible(actor), filters).select_related("connection__team", "dataset")
    here = Column.objects.filter(dataset=OuterRef("dataset"), gone_at=None).filter(~Exists(_decided()))
    waiting = Exists(here.filter(name=OuterRef("column"))) | (Q(column="") & Exists(here))
    return page(rows.annotate(unclassified=waiting), cursor=cursor, size=size)


def counts(actor: Actor, filters: Filters) -> dict[str, int]:
    """How many fit, by what they are."""
    rows = _fitting(visible(actor), filters).order_by().values_list("what").annotate(n=Count("id"))
    return dict(rows)


def open_counts(actor: Actor, connection_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many differences wait, by connection."""
    rows = visible(actor).filter(connection_id__in=connection_ids, settled_at=None)
    return dict(rows.order_by().values_list("connection_id").annotate(n=Count("id")))


def with_unclassified(dataset_ids: Collection[UUID]) -> set[UUID]:
    """Those of the datasets that hold a column which nobody has classified."""
    rows = Column.objects.filter(dataset_id__in=dataset_ids, gone_at=None).filter(~Exists(_decided()))
    return set(rows.values_list("dataset_id", flat=True).distinct())


def _fitting(rows: QuerySet[Difference], filters: Filters) -> QuerySet[Difference]:
    rows = rows.exclude(settled_at=None) if filters.state == SETTLED else rows.filter(settled_at=None)
    if filters.connection:
        rows = rows.filter(connection_id=filters.connection)
    if filters.dataset:
        rows = rows.filter(dataset_id=filters.dataset)
    if filters.what:
        rows = rows.filter(what=filters.what)
    if filters.q:
        text = filters.q
        rows = rows.filter(
            Q(column__icontains=text) | Q(dataset__table__icontains=text) | Q(dataset__schema__icontains=text)
        )
    return rows


def _decided() -> QuerySet[Classification]:
    later = Classification.objects.filter(column=OuterRef("column"), number__gt=OuterRef("number"))
    return Classification.objects.filter(~Exists(later), column=OuterRef("pk"), unclassified=False)
