"""The only code path by which a column's values reach any sink: each through the treatment of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane import lanes, treatments
from apps.dataplane.errors import Locked
from apps.dataplane.parts import ROW_ID
from apps.dataplane.plan import ColumnPlan, KeyRef, StreamPlan


class Keys(Protocol):
    """The keys of a run, as its plan names them."""

    def treatment(self, key: KeyRef) -> bytes:
        """32 bytes. Raises Locked."""
        ...


def treated(stream: StreamPlan, batch: pa.RecordBatch, row_ids: pa.Array, keys: Keys) -> pa.Table:
    """The rows as they are staged: the destination's columns as strings, and the row id.

    `batch` holds the source columns as strings; rows that cannot be represented were taken out before.
    """
    siblings = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = {column.destination: _cell(column, siblings, row_ids, keys) for column in stream.written}
    return pa.table({**columns, ROW_ID: row_ids})


def unrepresentable(stream: StreamPlan, batch: pa.RecordBatch) -> Mapping[str, pa.BooleanArray]:
    """For each column that a treatment needs in typed form: which values have none (an infinite date, a date BC)."""
    return {column.name: lanes.decode(batch.column(column.name), column.type)[1] for column in _typed(stream.columns)}


def _typed(columns: Sequence[ColumnPlan]) -> list[ColumnPlan]:
    return [column for column in columns if treatments.wants(column.treatment) == "temporal"]


def _cell(column: ColumnPlan, siblings: Mapping[str, pa.Array], row_ids: pa.Array, keys: Keys) -> pa.Array:
    values = siblings[column.name]
    typed = treatments.wants(column.treatment) == "temporal"
    if typed:
        values, _ = lanes.decode(values, column.type)
    key = keys.treatment(column.key) if column.key else None
    if treatments.needs_key(column.treatment) and key is None:
        raise Locked(f"Column {column.name} needs a key, and the plan names none.")
    result = treatments.treat(column.treatment, values, siblings=siblings, key=key, row_ids=row_ids)
    assert result is not None
    return lanes.encode(result, column.destination_type) if typed else _text(result)


def _text(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    return column if pa.types.is_string(column.type) else pc.cast(column, pa.string())
