"""Reads connections, datasets, columns and classifications, each only for who may see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Count, Exists, F, Model, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.ids import Id
from apps.core.paging import Page, page
from apps.dataplane.classify import NONE
from apps.dataplane.errors import NotFound
from apps.dataplane.plan import EndpointRef, TableRef, TableSchema
from apps.dataplane.policy import ColumnFacts
from apps.dataplane.profile import without_values

from . import definition
from .definition import ConnectionDefinition
from .models import Classification, Column, Connection, ConnectionTest, ConnectionVersion, Dataset, Discovery, Profile

Row = TypeVar("Row", bound=Model)
Tags = tuple[str, ...] | None
UNCLASSIFIED, GONE, SUGGESTED = "unclassified", "gone", "suggested"


@dataclass(frozen=True)
class ConnectionCard:
    """A connection in the list: with what it says and how it last did."""

    connection: Connection
    definition: ConnectionDefinition
    datasets: int
    discovery: Discovery | None
    tests: tuple[ConnectionTest, ...]

    @property
    def test_state(self) -> str:
        """The worst of the last test's states, empty when it was never tested."""
        states = {test.state for test in self.tests}
        order = (ConnectionTest.FAILED, ConnectionTest.RUNNING, ConnectionTest.PASSED)
        return next((state for state in order if state in states), "")


@dataclass(frozen=True)
class DatasetRow:
    """A dataset in the list, with how many of its columns there are, and how many nobody has classified."""

    dataset: Dataset
    columns: int
    unclassified: int
    sensitive: int


@dataclass(frozen=True)
class ColumnCard:
    """A column as last discovered, and what it is classified as (None: unclassified)."""

    column: Column
    tags: Tags

    @property
    def suggestion_is_news(self) -> bool:
        """Whether accepting the suggestion would change anything."""
        return bool(self.column.suggested_tag) and self.tags != suggested_tags(self.column)


def suggested_tags(column: Column) -> tuple[str, ...]:
    return () if column.suggested_tag in ("", NONE) else (column.suggested_tag,)


# connections


def connections(actor: Actor) -> QuerySet[Connection]:
    """Every connection that the actor may see, by team and name."""
    rows = Connection.objects.filter(archived_at=None).select_related("team").order_by("team__name", "name", "id")
    return (
        rows
        if access.everywhere(actor, "connection.view")
        else rows.filter(team_id__in=access.teams(actor, "connection.view"))
    )


def connection(actor: Actor, id: Id) -> Connection:
    """Raises NotFound."""
    return _one(connections(actor).filter(id=_uuid(id)), _("There is no such connection, or none that you may see."))


def connection_named(actor: Actor, team: str, slug: str) -> Connection:
    """By the slugs of its team and its own. Raises NotFound."""
    rows = connections(actor).filter(team__slug=team, slug=slug)
    return _one(rows, _("There is no connection %(slug)s, or none that you may see.") % {"slug": slug})


def active(connection: Connection) -> ConnectionDefinition:
    """What the active version says."""
    return version(connection, connection.active_version)


def version(connection: Connection, number: int) -> ConnectionDefinition:
    row = ConnectionVersion.objects.get(connection=connection, number=number)
    return definition.parse(row.definition)


def versions(connection: Connection) -> QuerySet[ConnectionVersion]:
    """Newest first."""
    return ConnectionVersion.objects.filter(connection=connection).order_by("-number")


def endpoint(connection_id: Id) -> EndpointRef:
    """The connection as a run plan names it. Raises NotFound."""
    row = _one(Connection.objects.filter(id=_uuid(connection_id)), _("There is no such connection."))
    says = active(row)
    return EndpointRef(str(row.id), row.active_version, says.zone, says.region)


def cards(actor: Actor) -> tuple[ConnectionCard, ...]:
    """The list of connections, in a fixed number of queries."""
    rows = list(connections(actor))
    said = {
        row.connection_id: definition.parse(row.definition)
        for row in ConnectionVersion.objects.filter(connection__in=rows, connection__active_version=F("number"))
    }
    counts = dict(
        Dataset.objects.filter(connection__in=rows, gone_at=None).values_list("connection").annotate(n=Count("id"))
    )
    looks = {row.connection_id: row for row in _newest_discoveries(rows)}
    tests = _newest_tests(rows)
    return tuple(
        ConnectionCard(row, said[row.id], counts.get(row.id, 0), looks.get(row.id), tests.get(row.id, ()))
        for row in rows
    )


def zones(connection_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The zone of each connection, as its active version says; one query."""
    rows = ConnectionVersion.objects.filter(
        connection_id__in=list(connection_ids), number=F("connection__active_version")
    )
    return dict(rows.values_list("connection_id", "definition__zone"))


def dataset_ids(places: Iterable[tuple[UUID, TableRef]]) -> dict[tuple[UUID, TableRef], UUID]:
    """The datasets at these places (connection id, table), as far as they were discovered and are there; one query."""
    wanted = set(places)
    rows = Dataset.objects.filter(
        connection_id__in={id for id, _ref in wanted}, table__in={ref.table for _id, ref in wanted}, gone_at=None
    )
    found = {
        (connection, TableRef(schema, table)): id
        for id, connection, schema, table in rows.values_list("id", "connection_id", "schema", "table")
    }
    return {place: id for place, id in found.items() if place in wanted}


def discoveries(connection: Connection, limit: int = 10) -> list[Discovery]:
    """Newest first."""
    return list(Discovery.objects.filter(connection=connection).order_by("-id")[:limit])


def discovery(actor: Actor, id: Id) -> Discovery:
    """Raises NotFound."""
    rows = Discovery.objects.filter(id=_uuid(id), connection__in=connections(actor)).select_related("connection__team")
    return _one(rows, _("There is no such discovery, or none that you may see."))


def last_tests(connection: Connection) -> tuple[ConnectionTest, ...]:
    """The tests of the newest batch, read before write."""
    return _newest_tests([connection]).get(connection.id, ())


def tests(actor: Actor, batch: object) -> tuple[ConnectionTest, ...]:
    """The tests of one batch, read before write. Raises NotFound."""
    rows = ConnectionTest.objects.filter(batch=_uuid(batch)).select_related("team", "connection").order_by("purpose")
    if not access.everywhere(actor, "connection.view"):
        rows = rows.filter(team_id__in=access.teams(actor, "connection.view"))
    found = tuple(rows)
    if not found:
        raise NotFound(_("There is no such test, or none that you may see."))
    return found


def newest_draft(actor: Actor, team_id: Id, slug: str) -> ConnectionTest | None:
    """The newest test of a connection that is not there yet: its form can be opened again from it."""
    rows = _drafts(actor).filter(team_id=_uuid(team_id), proposal__slug=slug)
    return rows.first()


def drafts(actor: Actor, *, most: int = 10) -> list[ConnectionTest]:
    """Connections that somebody tested within a week and that are not there yet: the newest test of each."""
    found: dict[tuple[UUID, str], ConnectionTest] = {}
    for test in _drafts(actor).filter(created_at__gt=now() - timedelta(days=7))[:200]:
        found.setdefault((test.team_id, test.proposal["slug"]), test)
    there = Connection.objects.filter(team_id__in={team for team, _slug in found}).values_list("team_id", "slug")
    for place in there:
        found.pop(place, None)
    return list(found.values())[:most]


def _drafts(actor: Actor) -> QuerySet[ConnectionTest]:
    rows = ConnectionTest.objects.filter(connection=None).select_related("team").order_by("-id")
    if access.everywhere(actor, "connection.view"):
        return rows
    return rows.filter(team_id__in=access.teams(actor, "connection.view"))


def was_discovered(connection: Connection) -> bool:
    return Discovery.objects.filter(connection=connection, state=Discovery.DONE).exists()


def column_counts(connection: Connection) -> dict[str, int]:
    """How many datasets and columns it has, and how many of them nobody has classified."""
    rows = Column.objects.filter(gone_at=None, dataset__gone_at=None, dataset__connection=connection)
    found = rows.annotate(looked=Exists(_classified_columns())).aggregate(
        datasets=Count("dataset", distinct=True),
        columns=Count("id"),
        unclassified=Count("id", filter=Q(looked=False)),
    )
    return {name: count or 0 for name, count in found.items()}


def unreadable(connection: Connection, *, most: int = 20) -> list[Dataset]:
    """Datasets that the last look found and could not read; `problem_of` says why."""
    rows = Dataset.objects.filter(connection=connection, gone_at=None, live_schema__detected__has_key="problem")
    return list(rows.order_by("schema", "table")[:most])


def problem_of(dataset: Dataset) -> str:
    return str(dataset.live_schema.get("detected", {}).get("problem", ""))


def classification_targets(connection: Connection) -> list[str]:
    """What changes about the classification of its datasets are about."""
    ids = Dataset.objects.filter(connection=connection).values_list("id", flat=True)
    return [f"classification/dataset/{id}" for id in ids]


# datasets and columns


def datasets(
    actor: Actor, *, q: str = "", connection_id: str = "", state: str = "", cursor: str = "", size: int = 50
) -> Page[DatasetRow]:  # type: ignore[type-var]
    """A page of datasets, newest first; `state` is unclassified, suggested or gone, `q` a part of the name."""
    rows = _filtered(_visible_datasets(actor), q, connection_id, state)
    found = page(rows, cursor=cursor, size=size)
    counts = _column_counts([dataset.id for dataset in found.rows])
    return Page([DatasetRow(row, *counts.get(row.id, (0, 0, 0))) for row in found.rows], found.older, found.newer)  # type: ignore[type-var]


def dataset(actor: Actor, id: Id) -> Dataset:
    """Raises NotFound."""
    return _one(_visible_datasets(actor).filter(id=_uuid(id)), _("There is no such dataset, or none that you may see."))


def column_totals(actor: Actor) -> tuple[int, int]:
    """How many columns the actor may see, and how many of them nobody has classified."""
    rows = Column.objects.filter(gone_at=None, dataset__gone_at=None, dataset__in=_visible_datasets(actor))
    looked = rows.annotate(looked=Exists(_classified_columns()))
    found = looked.aggregate(all=Count("id"), unclassified=Count("id", filter=Q(looked=False)))
    return found["all"], found["unclassified"]


def column_cards(dataset: Dataset) -> tuple[ColumnCard, ...]:
    """The columns in the table's order, those that are gone last; two queries however many there are."""
    rows = list(Column.objects.filter(dataset=dataset).order_by("gone_at", "position", "id"))
    rows.sort(key=lambda column: column.gone_at is not None)
    for column in rows:
        column.dataset = dataset
    tags = _tags([column.id for column in rows])
    return tuple(ColumnCard(column, tags.get(column.id)) for column in rows)


def column(actor: Actor, id: Id) -> Column:
    """A column with its dataset, connection and team. Raises NotFound."""
    rows = Column.objects.filter(id=_uuid(id), dataset__in=_visible_datasets(actor))
    return _one(
        rows.select_related("dataset__connection__team"), _("There is no such column, or none that you may see.")
    )


def classification_of(dataset: Dataset) -> dict[str, Tags]:
    """Tags by column name; None: unclassified, empty: not sensitive. Columns that are gone are left out."""
    return {card.column.name: card.tags for card in column_cards(dataset) if card.column.gone_at is None}


def classification_history(column: Column) -> list[Classification]:
    """Newest first."""
    return list(Classification.objects.filter(column=column).order_by("-number")[:50])


def facts(connection_id: Id, ref: TableRef) -> tuple[ColumnFacts, ...]:
    """What policies look at, for the columns of one table as last discovered; empty when it is not known or gone."""
    row = Dataset.objects.filter(
        connection_id=_uuid(connection_id), schema=ref.schema, table=ref.table, gone_at=None
    ).first()
    return () if row is None else tuple(fact_of(card.column, card.tags, ref) for card in present(row))


def present(dataset: Dataset) -> tuple[ColumnCard, ...]:
    """The columns that the table has now."""
    return tuple(card for card in column_cards(dataset) if card.column.gone_at is None)


def fact_of(column: Column, tags: Tags, ref: TableRef | None = None) -> ColumnFacts:
    return ColumnFacts(ref or TableRef(column.dataset.schema, column.dataset.table), column.name, column.type, tags)


def fact(column: Column) -> ColumnFacts:
    """What policies look at, for one column."""
    return fact_of(column, _tags([column.id]).get(column.id))


def team_facts(team_id: Id) -> tuple[ColumnFacts, ...]:
    """Every classified column of the team's connections, in order of name: what a policy of the team can reach."""
    newest = _newest_classifications().filter(
        unclassified=False,
        column__gone_at=None,
        column__dataset__gone_at=None,
        column__dataset__connection__team_id=team_id,
        column__dataset__connection__archived_at=None,
    )
    rows = newest.values_list(
        "column__dataset__schema", "column__dataset__table", "column__name", "column__type", "tags", "column_id"
    ).order_by("column__dataset__schema", "column__dataset__table", "column__name", "column_id")
    return tuple(
        ColumnFacts(TableRef(schema, table), name, type, tuple(tags)) for schema, table, name, type, tags, _id in rows
    )


def team_rows(team_id: Id) -> dict[str, int]:
    """How many rows each table of the team is estimated to hold, by `schema.table`; of two alike, the larger."""
    rows = Dataset.objects.filter(connection__team_id=team_id, connection__archived_at=None, gone_at=None)
    found: dict[str, int] = {}
    for schema, table, count in rows.filter(estimated_rows__gt=0).values_list("schema", "table", "estimated_rows"):
        ref = str(TableRef(schema, table))
        found[ref] = max(count, found.get(ref, 0))
    return found


def stored_schema(connection_id: Id, ref: TableRef) -> TableSchema | None:
    """The table as the last discovery saw it; None when it is not known or gone."""
    rows = Dataset.objects.filter(connection_id=_uuid(connection_id), schema=ref.schema, table=ref.table, gone_at=None)
    live = rows.values_list("live_schema", flat=True).first()
    return definition.table_schema(live) if live else None


def dataset_at(connection_id: Id, ref: TableRef) -> Dataset | None:
    """The dataset that a pipeline reads there; None when it is not known or gone."""
    rows = Dataset.objects.filter(connection_id=_uuid(connection_id), schema=ref.schema, table=ref.table, gone_at=None)
    return rows.first()


def tables(connection_id: Id) -> list[TableRef]:
    """The tables of a connection as last discovered, in order of name: what a pipeline can choose from."""
    rows = Dataset.objects.filter(connection_id=_uuid(connection_id), gone_at=None)
    return [TableRef(*names) for names in rows.order_by("schema", "table").values_list("schema", "table")]


def tags_of(column_ids: Iterable[UUID]) -> Mapping[UUID, Tags]:
    """Tags by column id; a column that is missing is unclassified."""
    return _tags(list(column_ids))


# profiles


def profile_of(dataset_id: Id) -> Profile | None:
    """The newest profile of a dataset that is done; None without one.

    Its body: {rows, sampled, at, columns: [{name, type, sensitive, nulls, distinct,
    min_length, max_length, minimum, maximum, patterns: [[shape, count]], histogram: [count]}]}. Of a column that is not
    classified as harmless *now* it holds no value, whatever was stored.
    """
    rows = Profile.objects.filter(dataset_id=_uuid(dataset_id), state=Profile.DONE).select_related("dataset")
    found = rows.order_by("-id").first()
    if found is not None:
        readable = {name for name, tags in classification_of(found.dataset).items() if tags == ()}
        found.body = hiding(found.body, {one["name"] for one in found.body["columns"]} - readable)
    return found


def last_profile(dataset: Dataset) -> Profile | None:
    """The newest profile, in whatever state: for a page that waits for it. Its body is not to be shown."""
    return Profile.objects.filter(dataset=dataset).order_by("-id").first()


def hiding(body: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A profile's body without the values of the named columns."""
    columns = [without_values(one) if one["name"] in names else one for one in body.get("columns", ())]
    return {**body, "columns": columns} if body else {}


# beneath


def _tags(column_ids: Sequence[UUID]) -> dict[UUID, Tags]:
    rows = (
        Classification.objects.filter(column_id__in=column_ids).order_by("column_id", "-number").distinct("column_id")
    )
    return {row.column_id: None if row.unclassified else tuple(row.tags) for row in rows}


def _newest_classifications() -> QuerySet[Classification]:
    later = Classification.objects.filter(column=OuterRef("column"), number__gt=OuterRef("number"))
    return Classification.objects.filter(~Exists(later))


def _newest_discoveries(rows: Sequence[Connection]) -> QuerySet[Discovery]:
    return Discovery.objects.filter(connection__in=rows).order_by("connection_id", "-id").distinct("connection_id")


def _newest_tests(rows: Sequence[Connection]) -> dict[UUID, tuple[ConnectionTest, ...]]:
    newest = (
        ConnectionTest.objects.filter(connection__in=rows)
        .order_by("connection_id", "-id")
        .distinct("connection_id")
        .values("batch")
    )
    found: dict[UUID, tuple[ConnectionTest, ...]] = {}
    for test in ConnectionTest.objects.filter(batch__in=Subquery(newest)).order_by("purpose"):
        if test.connection_id:
            found[test.connection_id] = (*found.get(test.connection_id, ()), test)
    return found


def _visible_datasets(actor: Actor) -> QuerySet[Dataset]:
    rows = Dataset.objects.filter(connection__archived_at=None).select_related("connection__team")
    if access.everywhere(actor, "dataset.view"):
        return rows
    return rows.filter(connection__team_id__in=access.teams(actor, "dataset.view"))


def _filtered(rows: QuerySet[Dataset], q: str, connection_id: str, state: str) -> QuerySet[Dataset]:
    if q:
        schema, dot, table = q.partition(".")
        named = Q(schema__icontains=q) | Q(table__icontains=q)
        rows = rows.filter(named | Q(schema__iexact=schema, table__icontains=table) if dot else named)
    if connection_id:
        rows = rows.filter(connection_id=_uuid(connection_id))
    here = Column.objects.filter(dataset=OuterRef("pk"), gone_at=None)
    if state == UNCLASSIFIED:
        rows = rows.filter(Exists(here.filter(~Exists(_classified_columns()))))
    elif state == SUGGESTED:
        rows = rows.filter(Exists(here.filter(~Exists(_classified_columns())).exclude(suggested_tag="")))
    return rows.exclude(gone_at=None) if state == GONE else rows.filter(gone_at=None)


def _classified_columns() -> QuerySet[Classification]:
    return _newest_classifications().filter(column=OuterRef("pk"), unclassified=False)


def _column_counts(dataset_ids: Sequence[UUID]) -> dict[UUID, tuple[int, int, int]]:
    newest = Classification.objects.filter(column=OuterRef("pk")).order_by("-number")
    rows = (
        Column.objects.filter(dataset_id__in=dataset_ids, gone_at=None)
        .annotate(looked=Exists(_classified_columns()), tags=Subquery(newest.values("tags")[:1]))
        .values_list("dataset_id")
        .annotate(
            columns=Count("id"),
            unclassified=Count("id", filter=Q(looked=False)),
            sensitive=Count("id", filter=Q(looked=True) & ~Q(tags=[])),
        )
    )
    return {dataset: (columns, unclassified, sensitive) for dataset, columns, unclassified, sensitive in rows}


def _one(rows: QuerySet[Row], sentence: str) -> Row:
    found = rows.first()
    if found is None:
        raise NotFound(sentence)
    return found


def _uuid(value: object) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        raise NotFound(_("There is no such thing, or none that you may see.")) from None
