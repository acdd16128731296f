"""Counts what waits for a decision, connection by connection: columns that nobody has classified, drift not settled."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef

from apps.core import access
from apps.core.actor import Actor

from . import drifted
from .models import Classification, Column


@dataclass(frozen=True)
class Waiting:
    """A connection with columns that no run reads yet."""

    name: str
    slug: str
    team: str
    team_slug: str
    columns: int


def unclassified(actor: Actor, *, limit: int) -> list[Waiting]:
    """The connections with the most unclassified columns."""
    newer = Classification.objects.filter(column=OuterRef("column"), number__gt=OuterRef("number"))
    looked = Classification.objects.filter(~Exists(newer), column=OuterRef("pk"), unclassified=False)
    rows = Column.objects.filter(gone_at=None, dataset__gone_at=None, dataset__connection__archived_at=None)
    if not access.everywhere(actor, "dataset.view"):
        rows = rows.filter(dataset__connection__team_id__in=access.teams(actor, "dataset.view"))
    grouped = rows.filter(~Exists(looked)).values_list(*(f"dataset__connection__{part}" for part in _NAMES))
    found = grouped.annotate(n=Count("id")).order_by("-n", "dataset__connection__name")[:limit]
    return [Waiting(*row) for row in found]


_NAMES = ("name", "slug", "team__name", "team__slug")


def drift(actor: Actor) -> int:
    """How many differences nobody has settled."""
    return drifted.visible(actor).filter(settled_at=None).count()
