"""Looks at the tables of a connection and writes down what is there; samples are looked at and forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import pyarrow as pa
from django.db import connection as database
from django.db.models.functions import Now

from apps.core.clock import now
from apps.dataplane import classify
from apps.dataplane.connectors.base import Connector
from apps.dataplane.errors import NotFound, Refused, Unreachable
from apps.dataplane.plan import TableRef, TableSchema, as_json

from . import drifting
from .drift import Drift, drift
from .models import Column, Connection, Dataset, Discovery

SAMPLE_ROWS = 500
MOST_SAMPLED_TABLES = 300
MOST_SAMPLED_COLUMNS = 200
LONGEST_REASON = 300
BATCH = 1000


@dataclass(frozen=True)
class Found:
    """A live table, and what its columns seem to be; None where nothing about it changed since the last look."""

    schema: TableSchema
    suggestions: Mapping[str, classify.Suggestion] | None

    @property
    def unreadable(self) -> bool:
        """It is there, but cannot be read; `schema.detected` says why."""
        return "problem" in self.schema.detected


class Reached(Protocol):
    """A connection opened for reading: `services.Opened`."""

    @property
    def connector(self) -> Connector: ...

    @property
    def settings(self) -> Any: ...

    @property
    def credentials(self) -> Any: ...


def look(connection: Connection, reached: Reached) -> tuple[Found, ...]:
    """Every readable table. Only tables that are new or changed are sampled. Raises Unreachable."""
    known = dict(Dataset.objects.filter(connection=connection, gone_at=None).values_list("id", "schema_hash"))
    hashes = set(known.values())
    found, sampled = [], 0
    for schema in reached.connector.discover(reached.settings, reached.credentials):
        if schema.hash in hashes or "problem" in schema.detected:
            found.append(Found(schema, None))
            continue
        sampled += 1
        rows = _sample(reached, schema) if sampled <= MOST_SAMPLED_TABLES else None
        found.append(Found(schema, {one.column: one for one in classify.suggest(schema, rows)}))
    return tuple(found)


def _sample(reached: Reached, schema: TableSchema) -> pa.Table | None:
    """A table that cannot be sampled is suggested for by its names alone."""
    columns = [column.name for column in schema.columns][:MOST_SAMPLED_COLUMNS]
    if not columns:
        return None
    try:
        return reached.connector.sample(reached.settings, reached.credentials, schema.ref, columns, SAMPLE_ROWS)
    except (NotFound, Refused, Unreachable):
        return None


def write(discovery: Discovery, found: Sequence[Found]) -> tuple[Drift, ...]:
    """Bring datasets and columns up to what was found, and end the discovery with how that differs from before."""
    _one_at_a_time(discovery)
    seen_before = Discovery.objects.filter(connection_id=discovery.connection_id, state=Discovery.DONE).exists()
    datasets = {_ref(row): row for row in Dataset.objects.filter(connection_id=discovery.connection_id)}
    columns = _columns(datasets.values())
    before = {ref: _types(columns[ref]) for ref, row in datasets.items() if row.gone_at is None}
    after = {
        # What cannot be read right now is what it was: a broken file is no reason to forget what its columns are.
        one.schema.ref: before.get(one.schema.ref, {})
        if one.unreadable
        else {column.name: column.type for column in one.schema.columns}
        for one in found
    }
    changes = drift(before, after) if seen_before else ()
    _write_datasets(discovery, found, datasets)
    _write_columns(found, datasets, columns)
    Dataset.objects.filter(id__in=[row.id for ref, row in datasets.items() if ref not in after], gone_at=None).update(
        gone_at=Now()
    )
    Discovery.objects.filter(id=discovery.id, state=Discovery.RUNNING).update(
        state=Discovery.DONE,
        drift=[change.as_json() for change in changes],
        datasets=len(found),
        columns=sum(len(types) for types in after.values()),
        ended_at=Now(),
    )
    drifting.keep(discovery.connection, changes, {str(ref): row for ref, row in datasets.items()})
    return changes


def _one_at_a_time(discovery: Discovery) -> None:
    """Two looks at one connection would insert the same names."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"discovery/{discovery.connection_id}"])


def _columns(datasets: Iterable[Dataset]) -> dict[TableRef, list[Column]]:
    by_id = {row.id: _ref(row) for row in datasets}
    found: dict[TableRef, list[Column]] = {ref: [] for ref in by_id.values()}
    for column in Column.objects.filter(dataset_id__in=by_id, gone_at=None):
        found[by_id[column.dataset_id]].append(column)
    return found


def _write_datasets(discovery: Discovery, found: Sequence[Found], datasets: dict[TableRef, Dataset]) -> None:
    fresh, known, at = [], [], now()
    for one in found:
        row = datasets.get(one.schema.ref)
        if row is None:
            ref = one.schema.ref
            row = Dataset(connection_id=discovery.connection_id, schema=ref.schema, table=ref.table)
            fresh.append(row)
            datasets[ref] = row
        else:
            known.append(row)
        if one.unreadable and row.live_schema:
            row.live_schema = {**row.live_schema, "detected": dict(one.schema.detected)}
        else:
            row.schema_hash, row.live_schema = one.schema.hash, as_json(one.schema)
            row.estimated_rows = one.schema.estimated_rows
        row.seen_at, row.gone_at = at, None
    Dataset.objects.bulk_create(fresh, batch_size=BATCH)
    fields = ["schema_hash", "live_schema", "estimated_rows", "seen_at", "gone_at"]
    Dataset.objects.bulk_update(known, fields, batch_size=BATCH)


def _write_columns(
    found: Sequence[Found], datasets: Mapping[TableRef, Dataset], columns: Mapping[TableRef, Sequence[Column]]
) -> None:
    fresh: list[Column] = []
    kept: list[Column] = []
    gone: list[UUID] = []
    for one in found:
        if one.unreadable:
            continue
        known = {column.name: column for column in columns.get(one.schema.ref, ())}
        for position, live in enumerate(one.schema.columns, start=1):
            # A column that went and came back is a new one, which nobody has classified.
            column = known.pop(live.name, None)
            (kept if column else fresh).append(
                column := column or Column(dataset=datasets[one.schema.ref], name=live.name)
            )
            column.type, column.position = live.type, position
            if one.suggestions is not None:
                _suggest(column, one.suggestions.get(live.name))
        gone.extend(column.id for column in known.values())
    Column.objects.filter(id__in=gone).update(gone_at=Now())
    Column.objects.bulk_create(fresh, batch_size=BATCH)
    Column.objects.bulk_update(kept, ["type", "position", *SUGGESTED], batch_size=BATCH)


SUGGESTED = ("suggested_tag", "suggested_confidence", "suggested_reason", "suggested_by")


def _suggest(column: Column, suggestion: classify.Suggestion | None) -> None:
    column.suggested_tag = suggestion.tag if suggestion else ""
    column.suggested_confidence = suggestion.confidence if suggestion else 0
    column.suggested_reason = suggestion.reason[:LONGEST_REASON] if suggestion else ""
    column.suggested_by = suggestion.detector if suggestion else ""


def _types(columns: Iterable[Column]) -> dict[str, str]:
    return {column.name: column.type for column in columns}


def _ref(row: Dataset) -> TableRef:
    return TableRef(row.schema, row.table)
