"""What a connection's files hold: every dataset with its columns, or why one cannot be read; and samples of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pyarrow as pa

from apps.dataplane.errors import LockgateError, NotFound
from apps.dataplane.plan import TableRef, TableSchema

from . import datasets, tables
from .datasets import FileSet
from .reader import Reader
from .settings import FileSettings

LONGEST_NAME = 63
# A sample is drawn from about this many rows at the beginning of each file.
SAMPLED_FROM = 20_000


def discover(settings: FileSettings, credentials: None = None) -> tuple[TableSchema, ...]:
    """Every dataset, in order of name. One that cannot be read has no columns, and says why under `problem`."""
    return tuple(_looked_at(settings, files) for files in datasets.found(settings).values())


def _looked_at(settings: FileSettings, files: FileSet) -> TableSchema:
    try:
        _require_name(files)
        datasets.usable(files)
        return tables.schema_of(files, tables.look(settings, files))
    except LockgateError as error:
        return TableSchema(files.ref, (), detected={"problem": f"{error.sentence} {error.remedy}".strip()})


def sample(settings: FileSettings, credentials: None, ref: TableRef, columns: Sequence[str], limit: int) -> pa.Table:
    """At most `limit` rows, the same ones every time while the files do not change. Raises NotFound."""
    held: list[pa.RecordBatch] = []
    rows = 0
    with Reader(settings) as reader:
        if reader.schema(ref) is None:
            raise NotFound(f"There is no dataset {ref}.", remedy="Discover the connection again.")
        for batch in reader.read(ref, columns, batch_rows=8_192):
            held.append(batch)
            rows += batch.num_rows
            if rows >= SAMPLED_FROM:
                break
    schema = pa.schema([pa.field(name, pa.string()) for name in columns])
    return _drawn(pa.Table.from_batches(held, schema=schema), limit)


def _drawn(rows: pa.Table, limit: int) -> pa.Table:
    """In the order of a hash of their place, which says nothing of their values."""
    if rows.num_rows <= limit:
        return rows
    order = sorted(range(rows.num_rows), key=lambda place: hashlib.sha256(b"%d" % place).digest())
    return rows.take(pa.array(sorted(order[:limit]), pa.int64()))


def _require_name(files: FileSet) -> None:
    for name in (files.ref.schema, files.ref.table):
        if len(name) > LONGEST_NAME:
            raise NotFound(
                f"The name {name[:40]}… is longer than {LONGEST_NAME} characters.", remedy="Rename the file or folder."
            )
