"""What every kind of connector offers, and the frozen values that pass between connectors and the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self

import pyarrow as pa

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import (
    SNAPSHOT,
    ColumnSchema,
    Increment,
    KeptPosition,
    SettleRule,
    TableRef,
    TableSchema,
    Window,
)

BATCH_ROWS = 65_536
BATCH_BYTES = 32 * 1024 * 1024
LONGEST_NAME = 63
LONGEST_KEY = 16_384

Step = Literal["reach", "authenticate", "list", "read", "write"]
Purpose = Literal["read", "write"]
Widget = Literal["text", "number", "select", "checkbox", "textarea", "secret"]


@dataclass(frozen=True)
class TestStep:
    """One step's outcome. `field` names the form field to mend; both it and `remedy` are empty when `ok`."""

    __test__ = False

    step: Step
    ok: bool
    sentence: str
    field: str
    remedy: str
    milliseconds: int


@dataclass(frozen=True)
class Credentials:
    """A user with a password, and the private key of a client certificate; none of them shows in a repr."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    client_key: str = field(default="", repr=False)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Credentials:
        """Raises Invalid, naming the field."""
        password, key = document.get("password", ""), document.get("client_key", "")
        if not isinstance(password, str) or not sendable(password):
            raise Invalid("The password must be text.", field="password")
        if not isinstance(key, str) or not sendable(key) or len(key) > LONGEST_KEY:
            raise Invalid("The client key must be the text of a PEM file.", field="client_key")
        return cls(user=name_of(document.get("user"), "user"), password=password, client_key=key)


@dataclass(frozen=True)
class RejectedLine:
    """A line of a source that is no row: where it stands and why; never what it says."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


@dataclass(frozen=True)
class Rejected:
    """The lines that one table's reading turned away: the first of them, and how many there were in all."""

    lines: tuple[RejectedLine, ...] = ()
    total: int = 0


class Backend(NamedTuple):
    """A server process; the pid alone may be given to another one later."""

    pid: int
    started_at: datetime


@dataclass(frozen=True)
class PublishedState:
    """What was published last for a pipeline: which run, under which fence and plan, and how many rows in all."""

    run: str
    fence: int
    plan_hash: str
    rows: int
    published_at: datetime


@dataclass(frozen=True)
class FormField:
    """One setting as a form shows it.

    `purposes` says for which use of the connection it matters. `secret` fields are sealed, never a part of the
    settings. A checkbox's value is `yes` or empty; a select's one of `choices` (value, label).
    """

    name: str
    label: str
    help: str = ""
    widget: Widget = "text"
    choices: tuple[tuple[str, str], ...] = ()
    initial: str = ""
    required: bool = False
    advanced: bool = False
    purposes: tuple[Purpose, ...] = ("read", "write")
    longest: int = 1000


class Fact(NamedTuple):
    """One setting for people. `free` texts were typed by somebody and are quoted where lines matter."""

    name: str
    label: str
    value: str
    free: bool = False


class Settings(Protocol):
    """The governed part of a connection; holds no secret. Equal settings lead to the same place."""

    placing: ClassVar[frozenset[str]]
    """The names of those facts that `place` already tells."""

    @property
    def address(self) -> str:
        """Where it leads, for people; credentials are sealed for it."""
        ...

    @property
    def place(self) -> str:
        """The address and what is used there: another place means other data."""
        ...

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Everything set, in order: pages, diffs and reviews show it."""
        ...

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> Self:
        """Raises Invalid, naming the field."""
        ...

    def as_json(self) -> dict[str, Any]:
        """The canonical document; `from_json` of it gives equal settings."""
        ...

    def weaker_than(self, before: Any) -> frozenset[str]:
        """The names of those facts that protect less well than they did in `before`."""
        ...


class Reader(Protocol):
    """One consistent look at a source; see `postgres.Reader`."""

    backend_pids: tuple[Backend, ...]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def schema(self, ref: TableRef, known: TableSchema | None = None) -> TableSchema | None:
        """The table as it is now; None when it does not exist.

        `known` is what was discovered: a source that declares no types of its own is read by those.
        """
        ...

    def window(self, ref: TableRef, increment: Increment, position: Mapping[str, Any] | None) -> Window:
        """What is new since `position` (None: everything); asked for append and merge only.

        A source that reads files once each gives kind `files`, and the position after them.
        """
        ...

    def read(
        self,
        ref: TableRef,
        columns: Sequence[str],
        *,
        window: Window | None = None,
        batch_rows: int = BATCH_ROWS,
        batch_bytes: int = BATCH_BYTES,
    ) -> Generator[pa.RecordBatch]:
        """Batches of string columns, each value in PostgreSQL's own text form; all rows, or those of the window."""
        ...

    def rejected(self, ref: TableRef) -> Rejected:
        """The lines that reading this table has turned away so far."""
        ...


class Publisher(Protocol):
    """One publication, made current by `commit` or not at all; see `postgres.Publisher`."""

    backend_pid: Backend | None

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def state(self, pipeline: str, *, fence: int | None = None) -> Any: ...

    def schema(self, ref: TableRef) -> TableSchema | None: ...

    def lock(self, ref: TableRef) -> None: ...

    def positions(self, pipeline: str) -> dict[str, KeptPosition]:
        """By stream, how far incremental streams have come; after `state`."""
        ...

    def create(self, ref: TableRef, columns: Sequence[ColumnSchema], key: Sequence[str] = ()) -> None: ...

    def delete_all(self, ref: TableRef) -> int: ...

    def is_empty(self, ref: TableRef) -> bool: ...

    def load(self, ref: TableRef, columns: Sequence[str], batches: Iterator[pa.RecordBatch]) -> int: ...

    def merge(
        self, ref: TableRef, columns: Sequence[str], key: Sequence[str], batches: Iterator[pa.RecordBatch]
    ) -> int:
        """Writes each row over the one with the same key, or adds it. Returns the number of rows."""
        ...

    def breaks(self, ref: TableRef, rule: SettleRule, target: TableRef) -> bool:
        """Whether the table, with what was loaded, holds rows that a rule forbids; `target` is where it refers to."""
        ...

    def record_state(
        self,
        pipeline: str,
        run: str,
        fence: int,
        plan_hash: str,
        positions: Mapping[str, KeptPosition] | None = None,
    ) -> None:
        """The state, and the positions of all streams that have one."""
        ...

    def commit(self) -> None: ...


@dataclass(frozen=True)
class Connector:
    """One kind of system. A new one is a folder that makes one of these, and a line in the registry.

    Where `uses_credentials` is false a connection serves its purposes without user and password, and `credentials` is
    passed as None. `document` turns what a form of `fields` holds into a settings document (Invalid names the field),
    `values` does the reverse. `noun` is the word before a place in a sentence, `modes` in what
    ways it can be written, `consistency` how far what is read of several tables belongs together.
    """

    kind: str
    label: str
    noun: str
    settings: type[Settings]
    credentials: type[Credentials]
    uses_credentials: bool
    reads: bool
    writes: bool
    test: Callable[..., Iterator[TestStep]]
    discover: Callable[[Any, Any], tuple[TableSchema, ...]]
    inspect: Callable[[Any, Any, Iterable[TableRef]], dict[TableRef, TableSchema | None]]
    sample: Callable[[Any, Any, TableRef, Sequence[str], int], pa.Table]
    reader: Callable[..., Reader]
    publisher: Callable[..., Publisher]
    end_backends: Callable[[Any, Any, Sequence[tuple[int, datetime | str]]], int]
    describe: Callable[[], tuple[FormField, ...]]
    document: Callable[[Mapping[str, str]], dict[str, Any]]
    values: Callable[[Any], dict[str, str]]
    positions: Callable[[Any, Any, str], dict[str, KeptPosition]] = lambda *_: {}
    modes: tuple[str, ...] = ("replace", "append", "merge")
    consistency: str = SNAPSHOT

    @property
    def fields(self) -> tuple[FormField, ...]:
        """The form of this kind, in order; choices are those of this moment."""
        return self.describe()


def name_of(value: object, where: str) -> str:
    """A name that a server takes. Raises Invalid naming the field."""
    if not isinstance(value, str) or not value or not sendable(value) or len(value.encode()) > LONGEST_NAME:
        raise Invalid(f"The {where} must be a name of 1 to {LONGEST_NAME} bytes.", field=where)
    return value


def sendable(text: str) -> bool:
    """JSON can hold half a surrogate pair, which has no UTF-8; PostgreSQL takes no NUL."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
