"""Great Expectations on one DuckDB connection: the only file that knows its private parts (version 1.24).

Importing this file costs about five CPU seconds and 270 MB, so only `gate` does, and only when it runs.
"""

from __future__ import annotations

import atexit
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
import duckdb_engine
import duckdb_engine.config
import duckdb_engine.datatypes
import sqlalchemy
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import StaticPool

# Its loggers write statements and tracebacks, which hold values of rows.
_log = logging.getLogger("great_expectations")
_log.addHandler(logging.NullHandler())
_log.setLevel(logging.CRITICAL + 1)
_log.propagate = False

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import great_expectations
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
    from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Evaluated:
    """What one expectation found. `problem` is "" or why there is no result: "conversion" or "failure".

    `observed` may be a row's value (the largest one): the caller shows it for counts and proportions only.
    """

    success: bool
    problem: str
    rows: int | None = None
    missing: int | None = None
    unexpected: int | None = None
    observed: float | int | None = field(default=None, repr=False)
    nothing_observed: bool = False


class _Cursor:
    """A DB-API cursor with a DuckDB cursor of its own, read to the end at once.

    DuckDB refuses a new statement on a connection whose last result was not read to its end, and aborts the whole
    transaction on an error; one check's failure must not become another's.
    """

    def __init__(self, connection: _Connection, parent: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._own = parent.cursor()
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.arraysize = 1

    def execute(self, statement: str, parameters: Any = None, context: Any = None) -> None:
        try:
            self._own.execute(statement, parameters or [])
            # Types as text: type objects would live on in SQLAlchemy's caches and be reported as leaked at exit.
            self.description = [(name, str(kind), *rest) for name, kind, *rest in self._own.description or []]
            self._rows = self._own.fetchall()
        finally:
            self._own.close()

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        taken, self._rows = self._rows[:size], self._rows[size:]
        return taken

    def fetchall(self) -> list[Any]:
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        self._rows = []


class _Connection:
    """A DB-API connection without transactions: the gate only reads."""

    autocommit = None
    closed = False

    def __init__(self, parent: duckdb.DuckDBPyConnection) -> None:
        self._parent: duckdb.DuckDBPyConnection | None = parent
        self.notices: list[str] = []

    def cursor(self) -> _Cursor:
        if self._parent is None:
            raise RuntimeError("The gate's connection was used after its validation.")
        return _Cursor(self, self._parent)

    def forget(self) -> None:
        """Great Expectations keeps its last context for ever; the database must not live on in it."""
        self._parent = None

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class _StagedEngine(SqlAlchemyExecutionEngine):  # type: ignore[misc]
    """Keeps its one connection: the stock engine reads the cursor after closing the connection on DuckDB."""

    def __init__(self, connection: _Connection) -> None:
        engine = sqlalchemy.create_engine("duckdb:///:memory:", creator=lambda: connection, poolclass=StaticPool)
        super().__init__(engine=engine, create_temp_table=False)
        self.dialect_module = postgresql  # it writes no regex expressions for a dialect that it does not know

    @contextmanager
    def get_connection(self) -> Iterator[Any]:
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection


def _let_go_of_duckdb() -> None:
    """Keeps DuckDB's binding from printing a leak report on standard error at exit.

    Compiled parts of Great Expectations outlive the interpreter; through duckdb_engine they keep DuckDB's types.
    """
    for module in (duckdb_engine, duckdb_engine.config, duckdb_engine.datatypes, duckdb_engine._supports):
        vars(module).pop("duckdb", None)
    for holder in (duckdb_engine.ConnectionWrapper, duckdb_engine.CursorWrapper):
        holder.__annotations__.clear()
        vars(holder)["__init__"].__annotations__.clear()
    duckdb_engine.config.apply_config.__annotations__.clear()


atexit.register(_let_go_of_duckdb)


def evaluate(
    connection: duckdb.DuckDBPyConnection, view: str, expectations: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> dict[str, Evaluated]:
    """Evaluates expectations (id -> type and arguments) on a view of `connection`. Nothing of a row comes back."""
    with warnings.catch_warnings(), _batch(connection, view) as batch:
        warnings.simplefilter("ignore")
        found = _validated(batch, expectations)
        # Metrics share statements, so one failing statement can take innocent checks with it: these get their own.
        doubtful = [key for key, result in found.items() if result.problem and len(expectations) > 1]
        for key in doubtful:
            found |= _validated(batch, {key: expectations[key]})
    return found


def _validated(batch: Any, expectations: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, Evaluated]:
    try:
        return _validate(batch, expectations)
    except (
        Exception
    ) as failure:  # its text may hold values of rows, so it ends here; without a result the gate stays shut
        problem = Evaluated(success=False, problem=_kind_of(str(failure)))
        return dict.fromkeys(expectations, problem)


def _validate(batch: Any, expectations: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, Evaluated]:
    suite = ExpectationSuite(
        name="gate",
        expectations=[
            {"type": kind, "kwargs": dict(arguments), "meta": {"check": key}}
            for key, (kind, arguments) in expectations.items()
        ],
    )
    report = batch.validate(suite, result_format=_COUNTS_ONLY)
    return {item.expectation_config.meta["check"]: _evaluated(item) for item in report.results}


def _evaluated(item: Any) -> Evaluated:
    found = item.result or {}
    observed = found.get("observed_value")
    return Evaluated(
        success=bool(item.success),
        problem=_problem(item.exception_info),
        rows=_integer(found.get("element_count")),
        missing=_integer(found.get("missing_count")),
        unexpected=_integer(found.get("unexpected_count")),
        observed=observed if isinstance(observed, int | float) and not isinstance(observed, bool) else None,
        nothing_observed="observed_value" in found and observed is None,
    )


def _problem(information: Any) -> str:
    """Its exception information is one entry or a mapping of entries by metric."""
    given = information or {}
    entries: Sequence[Any] = [given] if "raised_exception" in given else list(given.values())
    raised = [str(entry) for entry in entries if entry.get("raised_exception")]
    return _kind_of(" ".join(raised)) if raised else ""


def _kind_of(failure: str) -> str:
    return "conversion" if "Conversion Error" in failure else "failure"


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)


def _in_memory() -> DataContextConfig:
    """Its default would make a directory for its documentation pages."""
    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    return DataContextConfig(store_backend_defaults=stores, analytics_enabled=False)


@contextmanager
def _batch(connection: duckdb.DuckDBPyConnection, view: str) -> Iterator[Any]:
    wrapper = _Connection(connection)
    execution_engine = _StagedEngine(wrapper)
    context: Any = great_expectations.get_context(mode="ephemeral", project_config=_in_memory())
    context.enable_analytics(False)
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    source = context.data_sources.add_sql("staged", connection_string="duckdb:///:memory:", create_temp_table=False)
    object.__setattr__(source, "_engine", execution_engine.engine)
    object.__setattr__(source, "_cached_connection_string", source.connection_string)
    object.__setattr__(source, "get_execution_engine", lambda: execution_engine)
    try:
        yield source.add_table_asset("staged", table_name=view).add_batch_definition_whole_table("all").get_batch()
    finally:
        wrapper.forget()
