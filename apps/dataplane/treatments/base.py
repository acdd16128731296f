"""What a treatment is: its parameters, what it takes, what it gives, and how strong it is."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pyarrow as pa

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import TreatmentSpec

Wants = Literal["text", "temporal"]
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """A treatment's parameter. `label` is shown in the policy editor; `choices` only where the kind is `choice`."""

    kind: Literal["count", "switch", "text", "choice"]
    label: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    most: int = 0

    def problem(self, value: object) -> str:
        """What is wrong with `value`, or nothing."""
        if self.kind == "switch":
            return "" if isinstance(value, bool) else "must be true or false"
        if self.kind == "count":
            whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= self.most
            return "" if whole else f"must be a whole number from 0 to {self.most}"
        if self.kind == "choice":
            return "" if value in self.choices else f"must be one of {', '.join(self.choices)}"
        if not isinstance(value, str) or "\0" in value:
            return "must be text"
        return "" if len(value) <= self.most else f"must have at most {self.most} characters"


@dataclass(frozen=True)
class Context:
    """What a treatment is told beside the column: parameters with defaults filled in, and the key of its domain."""

    params: Params
    key: bytes | None = field(repr=False)
    siblings: Mapping[str, pa.Array] = field(repr=False)
    row_ids: pa.Array = field(repr=False)


class Treatment(ABC):
    """One implementation version of one kind. A subclass is one file and one line in the registry."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    keyed: ClassVar[bool] = False
    wants: ClassVar[Wants] = "text"
    keeps_not_null: ClassVar[bool] = True
    keeps_unique: ClassVar[bool] = False

    @abstractmethod
    def apply(self, column: pa.Array, context: Context) -> pa.Array | None:
        """The treated column: same length, null where `column` is null. None: the column is dropped."""

    @abstractmethod
    def output_type(self, params: Params, source_type: str) -> str:
        """PostgreSQL type after treatment, empty when dropped. Raises Invalid for a type it cannot take."""

    @abstractmethod
    def max_length(self, params: Params, source_type: str) -> int | None:
        """Most characters that can come out; None: as the source, or unbounded."""

    @abstractmethod
    def looks_treated(self, params: Params, column: pa.Array) -> str | None:
        """None, or why the staged column cannot be this treatment's output; the reason holds no value."""

    @abstractmethod
    def describe(self, params: Params) -> str:
        """One phrase for people."""

    @abstractmethod
    def covers(self, params: Params, before: TreatmentSpec, before_params: Params) -> bool:
        """Whether this provably tells no more about any value than `before`, another treatment than `pass`."""


def declared_length(source_type: str) -> int | None:
    """The n of `character varying(n)` and `character(n)`."""
    found = re.fullmatch(r"(?:character varying|character)\((\d+)\)", source_type)
    return int(found[1]) if found else None


def refuse_type(kind: str, found: object, takes: str) -> Invalid:
    return Invalid(
        f"The treatment {kind} cannot take a column of type {found}: it takes {takes}.",
        remedy="Choose token, redact, null or drop for this column.",
        field="kind",
    )
