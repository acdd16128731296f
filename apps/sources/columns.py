"""Reads columns over many datasets: filtered, sorted, a page at a time, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.paging import Page, sorted_page
from apps.dataplane.classify import NONE
from apps.dataplane.errors import Invalid

from . import placed
from .definition import KNOWN_TAGS
from .models import Classification, Column
from .selectors import ColumnCard, Tags

UNCLASSIFIED, SUGGESTED, DECIDED, HARMLESS = "unclassified", "suggested", "decided", "none"
STATES = (UNCLASSIFIED, SUGGESTED, DECIDED, HARMLESS)
PLACED = "place"
SORTS: Mapping[str, str] = {
    PLACED: PLACED,
    "name": "name",
    "type": "type",
    "confidence": "suggested_confidence",
}
# What a type begins with.
TYPES = (
    "bigint", "boolean", "character", "date", "double precision", "integer", "json", "numeric", "smallint", "text",
    "timestamp", "uuid",
)  # fmt: skip
PAGE = 50
MOST_AT_ONCE = 5_000
MOST_IN_A_SHEET = 50_000
LONGEST_TEXT = 200


@dataclass(frozen=True)
class Filters:
    """What is looked for. `sort` is one of SORTS, with a - before it for the other way round."""

    q: str = ""
    connection: str = ""
    dataset: str = ""
    tag: str = ""
    state: str = ""
    confidence: str = ""
    type: str = ""
    sort: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Filters:
        """Raises Invalid, naming the field, for what no filter of this page could hold."""
        found = cls(**{one.name: given.get(one.name, "").strip() for one in fields(cls)})
        for one in fields(cls):
            if len(getattr(found, one.name)) > LONGEST_TEXT or "\0" in getattr(found, one.name):
                raise Invalid(_("This filter is too long or holds a character that is none."), field=one.name)
        _one_of(found.state, STATES, "state")
        _one_of(found.sort.removeprefix("-"), tuple(SORTS), "sort")
        _one_of(found.tag, (*KNOWN_TAGS, NONE, *subtrees()), "tag")
        if found.confidence and not (found.confidence.isascii() and found.confidence.isdigit()):
            raise Invalid(_("A confidence is a number from 0 to 100."), field="confidence")
        for name in ("connection", "dataset"):
            _require_id(getattr(found, name), name)
        return found

    @property
    def narrowed(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self) if one.name != "sort")

    def as_query(self) -> dict[str, str]:
        """The parameters that are set, as an address holds them."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}


def paged(actor: Actor, filters: Filters, *, cursor: str = "", size: int = PAGE) -> Page[Any]:
    """One page of cards, in two queries, the second for the classifications of what is shown."""
    descending, by = filters.sort.startswith("-"), filters.sort.removeprefix("-") or PLACED
    rows = matching(actor, filters).select_related("dataset__connection__team")
    if by == PLACED:
        found = placed.page(rows, descending=descending, cursor=cursor, size=size)
    else:
        found = sorted_page(rows, by=SORTS[by], descending=descending, cursor=cursor, size=size)
    return replace(found, rows=list(_cards(found.rows)))


def count(actor: Actor, filters: Filters) -> int:
    """How many fit; what is more than one change takes counts as one more than that, so that counting stays cheap."""
    return matching(actor, filters).order_by()[: MOST_AT_ONCE + 1].count()


def chosen(actor: Actor, ids: Iterable[UUID]) -> tuple[ColumnCard, ...]:
    """The columns with these ids that the actor may see, in order of place."""
    rows = _visible(actor).filter(id__in=list(ids)).order_by(*placed.ORDER)
    return _cards(rows.select_related("dataset__connection__team"))


def all_matching(actor: Actor, filters: Filters, *, most: int) -> tuple[ColumnCard, ...]:
    """At most `most` columns, in order of place."""
    rows = matching(actor, filters).order_by(*placed.ORDER)
    return _cards(rows.select_related("dataset__connection__team")[:most])


def named(actor: Actor, lines: Iterable[tuple[int, tuple[str, str, str, str], Tags]]) -> tuple[ColumnCard, ...]:
    """The columns that lines of a sheet may mean, and perhaps some more."""
    names = [name for _line, name, _tags in lines]
    rows = _visible(actor).filter(dataset__table__in={name[2] for name in names}, name__in={name[3] for name in names})
    return _cards(rows.select_related("dataset__connection__team"))


def matching(actor: Actor, filters: Filters) -> QuerySet[Any]:
    """The columns that are there, in datasets that are there, and fit the filters."""
    rows = _visible(actor)
    if filters.connection:
        rows = rows.filter(dataset__connection_id=filters.connection)
    if filters.dataset:
        rows = rows.filter(dataset_id=filters.dataset)
    if filters.q:
        rows = rows.filter(_named(filters.q))
    if filters.type:
        rows = rows.filter(type__startswith=filters.type)
    if filters.confidence:
        rows = rows.filter(suggested_confidence__gte=min(int(filters.confidence), 101))
    return _of_tag(_of_state(rows, filters.state), filters.tag)


def _visible(actor: Actor) -> QuerySet[Any]:
    rows = Column.objects.filter(gone_at=None, dataset__gone_at=None, dataset__connection__archived_at=None)
    if not access.everywhere(actor, "dataset.view"):
        rows = rows.filter(dataset__connection__team_id__in=access.teams(actor, "dataset.view"))
    return rows


def _named(text: str) -> Q:
    """A part of the column's name, or of `schema.table` before the last dot of `schema.table.column`."""
    table, dot, column = text.rpartition(".")
    named = Q(name__icontains=text) | Q(dataset__table__icontains=text) | Q(dataset__schema__icontains=text)
    if not dot:
        return named
    schema, _dot, inner = table.rpartition(".")
    within = Q(dataset__table__iexact=inner, name__icontains=column)
    if schema:
        return named | within & Q(dataset__schema__iexact=schema)
    return named | within | Q(dataset__schema__iexact=table, dataset__table__icontains=column)


def _of_state(rows: QuerySet[Any], state: str) -> QuerySet[Any]:
    if state == UNCLASSIFIED:
        return rows.filter(~Exists(_decided()))
    if state == SUGGESTED:
        return rows.filter(~Exists(_decided())).exclude(suggested_tag="")
    if state == DECIDED:
        return rows.filter(Exists(_decided()))
    if state == HARMLESS:
        return rows.filter(Exists(_decided().filter(tags=Value([], ArrayField(CharField())))))
    return rows


def _of_tag(rows: QuerySet[Any], tag: str) -> QuerySet[Any]:
    """Classified as the tag or one beneath it; where nobody decided, suggested as such."""
    if not tag:
        return rows
    if tag == NONE:
        return rows.filter(
            Exists(_decided().filter(tags=Value([], ArrayField(CharField()))))
            | (~Exists(_decided()) & Q(suggested_tag=NONE))
        )
    wanted = [known for known in KNOWN_TAGS if known == tag or known.startswith(f"{tag}.")]
    suggested = ~Exists(_decided()) & Q(suggested_tag__in=wanted)
    return rows.filter(Exists(_decided().filter(tags__overlap=wanted)) | suggested)


def _decided() -> QuerySet[Classification]:
    """The classification of a column that counts, where somebody decided."""
    later = Classification.objects.filter(column=OuterRef("column"), number__gt=OuterRef("number"))
    return Classification.objects.filter(~Exists(later), column=OuterRef("pk"), unclassified=False)


def _cards(rows: Iterable[Column]) -> tuple[ColumnCard, ...]:
    found = list(rows)
    tags = _tags([column.id for column in found])
    return tuple(ColumnCard(column, tags.get(column.id)) for column in found)


def _tags(ids: Sequence[UUID]) -> dict[UUID, Tags]:
    newest = Classification.objects.filter(column_id__in=ids).order_by("column_id", "-number").distinct("column_id")
    return {row.column_id: None if row.unclassified else tuple(row.tags) for row in newest}


def subtrees() -> tuple[str, ...]:
    """The tags that stand above others, such as `pii` and `pii.contact`."""
    above = {tag.rsplit(".", depth)[0] for tag in KNOWN_TAGS for depth in range(1, tag.count(".") + 1)}
    return tuple(sorted(above - set(KNOWN_TAGS)))


def _one_of(value: str, known: Sequence[str], field: str) -> None:
    if value and value not in known:
        raise Invalid(
            _("There is no %(value)s to filter by here.") % {"value": value},
            field=field,
            remedy=_("Choose one of %(known)s.") % {"known": ", ".join(known)},
        )


def _require_id(value: str, field: str) -> None:
    try:
        UUID(value or "0" * 32)
    except ValueError:
        raise Invalid(_("This is not the id of one."), field=field) from None
