"""The registry of treatments: what a column may become on its way, and everything that is asked about it.

A new treatment is one file beside this one and one line in `_ALL`.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import TreatmentSpec

from .base import Context, Parameter, Params, Treatment, Wants
from .constant import Constant
from .date_truncate import DateTruncate
from .drop import Drop
from .null import Null
from .partial import Partial
from .pass_ import Pass
from .redact import Redact
from .token import Token

__all__ = [
    "KINDS",
    "Parameter",
    "Wants",
    "describe",
    "looks_treated",
    "max_length",
    "needs_key",
    "not_null_kept",
    "output_type",
    "parameters",
    "treat",
    "unique_kept",
    "validate",
    "wants",
    "weaker",
]

_ALL: tuple[Treatment, ...] = (
    Pass(),
    Drop(),
    Null(),
    Constant(),
    Redact(),
    Partial(),
    Token(),
    DateTruncate(),
)
_BY_VERSION = {(treatment.kind, treatment.version): treatment for treatment in _ALL}
KINDS = tuple(dict.fromkeys(treatment.kind for treatment in _ALL))


def validate(spec: TreatmentSpec) -> None:
    """Raises Invalid, naming the field, for an unknown kind or version and for unknown, missing or wrong parameters."""
    _open(spec)


def parameters(kind: str) -> Mapping[str, Parameter]:
    """The parameters of a kind's newest version, for the policy editor."""
    return _newest(kind).parameters


def needs_key(spec: TreatmentSpec) -> bool:
    return _open(spec)[0].keyed


def wants(spec: TreatmentSpec) -> Wants:
    """The form in which `treat` takes the column: PostgreSQL's text form, or date32 and timestamp."""
    return _open(spec)[0].wants


def output_type(spec: TreatmentSpec, source_type: str) -> str:
    """PostgreSQL's name of the type after treatment, empty when dropped. Raises Invalid for a type it cannot take."""
    treatment, params = _open(spec)
    return treatment.output_type(params, source_type)


def not_null_kept(spec: TreatmentSpec) -> bool:
    """Whether a column without NULLs has none afterwards."""
    return _open(spec)[0].keeps_not_null


def unique_kept(spec: TreatmentSpec) -> bool:
    """Whether different values stay different, so that a key remains a key."""
    return _open(spec)[0].keeps_unique


def max_length(spec: TreatmentSpec, source_type: str) -> int | None:
    """Most characters that can come out; None: as the source, or unbounded."""
    treatment, params = _open(spec)
    return treatment.max_length(params, source_type)


def treat(
    spec: TreatmentSpec,
    column: pa.Array,
    *,
    siblings: Mapping[str, pa.Array],
    key: bytes | None,
    row_ids: pa.Array,
) -> pa.Array | None:
    """The treated column, null where `column` is null; None when it is dropped.

    `siblings` are the row's other columns by name. `key` is the domain's, 32 bytes. Raises Invalid for an Arrow type
    that the treatment does not take, and Locked when it needs a key and there is none.
    """
    treatment, params = _open(spec)
    return treatment.apply(column, Context(params, key, siblings, row_ids))


def looks_treated(spec: TreatmentSpec, column: pa.Array) -> str | None:
    """None when the staged column can be the treatment's output, else the reason, which holds no value of it."""
    treatment, params = _open(spec)
    return treatment.looks_treated(params, column)


def weaker(before: TreatmentSpec, after: TreatmentSpec) -> bool:
    """Whether `after` may tell more about a value than `before`. What is not provably at least as strong is weaker."""
    old, old_params = _open(before)
    new, new_params = _open(after)
    if (old, dict(old_params)) == (new, dict(new_params)):
        return False
    # Every treatment but pass is a function of the value, so it cannot tell more than the value itself.
    return not (old.kind == "pass" or new.covers(new_params, before, old_params))


def describe(spec: TreatmentSpec) -> str:
    """One phrase for people, e.g. `the last 4 characters stay readable`."""
    treatment, params = _open(spec)
    return treatment.describe(params)


def _open(spec: TreatmentSpec) -> tuple[Treatment, Params]:
    """The implementation and the parameters with their defaults."""
    newest = _newest(spec.kind)
    treatment = _BY_VERSION.get((spec.kind, spec.version))
    if treatment is None:
        raise Invalid(
            f"Version {spec.version} of the treatment {spec.kind} is not known here.",
            remedy=f"Use version {newest.version}.",
            field="version",
        )
    for name in spec.params:
        if name not in treatment.parameters:
            raise _unknown_parameter(treatment, name)
    return treatment, {name: _value(treatment, name, spec.params) for name in treatment.parameters}


def _newest(kind: str) -> Treatment:
    versions = [treatment for treatment in _ALL if treatment.kind == kind]
    if not versions:
        raise Invalid(f"There is no treatment {kind!r}.", remedy=f"Use one of {', '.join(KINDS)}.", field="kind")
    return max(versions, key=lambda treatment: treatment.version)


def _value(treatment: Treatment, name: str, given: Params) -> object:
    parameter = treatment.parameters[name]
    if name not in given:
        if parameter.required:
            raise Invalid(
                f"The treatment {treatment.kind} needs its parameter {name}.",
                remedy=f"Give {name}: {parameter.label[0].lower()}{parameter.label[1:]}.",
                field=name,
            )
        return parameter.default
    problem = parameter.problem(given[name])
    if problem:
        raise Invalid(f"The parameter {name} of the treatment {treatment.kind} {problem}.", field=name)
    return given[name]


def _unknown_parameter(treatment: Treatment, name: str) -> Invalid:
    known = ", ".join(treatment.parameters)
    return Invalid(
        f"The treatment {treatment.kind} has no parameter {name!r}.",
        remedy=f"Use {known}." if known else "Leave the parameters empty.",
        field=name,
    )
