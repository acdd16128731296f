"""PostgreSQL: test in steps, discover, inspect, sample, read under one snapshot, publish in one transaction.

Rows travel in PostgreSQL's own text form (COPY as CSV, every column a string), which is exact for every type.
"""

from apps.dataplane.connectors.base import (
    BATCH_BYTES,
    BATCH_ROWS,
    Backend,
    Connector,
    Credentials,
    PublishedState,
    TestStep,
)

from . import form
from .backends import end_backends
from .bookkeeping import positions
from .catalog import discover, inspect, known_types
from .pasted import from_url
from .publisher import Publisher
from .reader import Reader, sample
from .settings import PostgresSettings
from .steps import test

CONNECTOR = Connector(
    kind="postgresql",
    label="PostgreSQL",
    noun="database",
    settings=PostgresSettings,
    credentials=Credentials,
    uses_credentials=True,
    reads=True,
    writes=True,
    test=test,
    discover=discover,
    inspect=inspect,
    sample=sample,
    reader=Reader,
    publisher=Publisher,
    end_backends=end_backends,
    describe=lambda: form.FIELDS,
    document=form.document,
    values=form.values,
    positions=positions,
)

__all__ = [
    "BATCH_BYTES",
    "BATCH_ROWS",
    "CONNECTOR",
    "Backend",
    "Credentials",
    "PostgresSettings",
    "PublishedState",
    "Publisher",
    "Reader",
    "TestStep",
    "discover",
    "end_backends",
    "from_url",
    "inspect",
    "known_types",
    "sample",
    "test",
]
