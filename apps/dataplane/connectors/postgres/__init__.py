"""PostgreSQL: test in steps, discover, inspect, sample, read under one snapshot, publish in one transaction.

Rows travel in PostgreSQL's own text form (COPY as CSV, every column a string), which is exact for every type.
"""

from .backends import Backend, end_backends
from .bookkeeping import PublishedState
from .catalog import discover, inspect, known_types
from .publisher import Publisher
from .reader import BATCH_BYTES, BATCH_ROWS, Reader, sample
from .settings import Credentials, PostgresSettings
from .steps import TestStep, test

__all__ = [
    "BATCH_BYTES",
    "BATCH_ROWS",
    "Backend",
    "Credentials",
    "PostgresSettings",
    "PublishedState",
    "Publisher",
    "Reader",
    "TestStep",
    "discover",
    "end_backends",
    "inspect",
    "known_types",
    "sample",
    "test",
]
