"""Output checks: refused by name when they cannot be evaluated on staged data, and turned into engine arguments."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import OutputCheck

from .catalogue import CATALOGUE, UNSUPPORTED, Expectation
from .parameters import Parameter, instant, number, require_known, require_value

WHERE = "kwargs"
_NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER"} | {
    "UBIGINT", "UHUGEINT", "DECIMAL", "NUMERIC", "DOUBLE", "FLOAT", "REAL",
}  # fmt: skip
_FAMILIES = {"VARCHAR": "text", "TEXT": "text", "DATE": "date", "BOOLEAN": "boolean", "BOOL": "boolean"}
_TYPE = re.compile(r"^[A-Z][A-Z0-9_]*( [A-Z]+)*(\(\d{1,3}(, ?\d{1,3})?\))?(\[\])?$")


def family(type_: str) -> str:
    """number, text, date, timestamp, boolean or other, of a DuckDB type."""
    base = type_.upper().partition("(")[0].strip()
    if type_.endswith("]"):
        return "other"
    if base in _NUMBERS:
        return "number"
    if base.startswith("TIMESTAMP"):
        return "timestamp"
    return _FAMILIES.get(base, "other")


def require_type(type_: str) -> None:
    """A DuckDB type goes into a statement as text, so it has to look like one."""
    if not _TYPE.match(type_.upper()):
        raise Invalid("A column's type is no DuckDB type.", remedy="Map it to VARCHAR.", field="types")


def validate_check(check: OutputCheck, columns: Mapping[str, str]) -> None:
    """Raises Invalid when `check` is unknown, unsupported or ill-formed. `columns`: the stream's, with DuckDB types."""
    expectation = require_supported(check.expectation)
    if check.severity not in ("ERROR", "WARN"):
        raise Invalid("The severity must be ERROR or WARN.", remedy="Choose one of the two.", field="severity")
    require_known(expectation.parameters, check.kwargs, where=WHERE, what=f'The check "{check.expectation}"')
    own = columns.get(str(check.kwargs.get("column", "")), "")
    for parameter in expectation.parameters:
        value = check.kwargs.get(parameter.name)
        if value is not None:
            require_value(parameter, value, where=WHERE, columns=columns, family=family(own))
            _require_family(parameter, value, columns)
    _require_order(expectation, check.kwargs)
    if check.expectation == "expect_column_pair_values_a_to_be_greater_than_b":
        _require_alike(check.kwargs, columns)


def arguments(check: OutputCheck, columns: Mapping[str, str], aliases: Mapping[str, str]) -> dict[str, Any]:
    """The engine's arguments of a valid check: columns by their names in the view, values in the column's kind."""
    expectation = CATALOGUE[check.expectation]
    own = family(columns.get(str(check.kwargs.get("column", "")), ""))
    given = {
        parameter.name: _argument(parameter, check.kwargs[parameter.name], own, aliases)
        for parameter in expectation.parameters
        if check.kwargs.get(parameter.name) is not None
    }
    if check.expectation == "expect_column_to_exist":
        given["column"] = aliases.get(check.kwargs["column"], "absent")
    return given | dict(expectation.fixed)


def share(check: OutputCheck) -> Decimal:
    """The share of rows that must hold, 0 to 1."""
    return number(check.kwargs.get("mostly", "1")) or Decimal(0)


def require_supported(type_: str) -> Expectation:
    """The expectation of that type. Raises Invalid, with the reason, for one that is not evaluated on staged data."""
    if type_ in CATALOGUE:
        return CATALOGUE[type_]
    reason, remedy = UNSUPPORTED.get(type_, ("there is no such expectation", "Choose one from the catalogue."))
    raise Invalid(f'"{type_}" cannot be checked on staged data: {reason}.', remedy=remedy, field="expectation")


def _require_family(parameter: Parameter, value: Any, columns: Mapping[str, str]) -> None:
    if parameter.kind == "column" and parameter.families and family(columns[value]) not in parameter.families:
        wanted = " or ".join(parameter.families)
        raise Invalid(
            f'The column "{value}" is {columns[value]}; this check needs a {wanted} column.',
            remedy="Choose another column or another check.",
            field=f"{WHERE}.{parameter.name}",
        )


def _require_order(expectation: Expectation, given: Mapping[str, Any]) -> None:
    low, high = given.get("min_value"), given.get("max_value")
    if expectation.needs_bound and low is None and high is None:
        raise Invalid("The check has no bound.", remedy="Enter a lower or an upper bound.", field=f"{WHERE}.min_value")
    if low is not None and high is not None and _comparable(low) > _comparable(high):
        raise Invalid(
            "The lower bound is above the upper one.", remedy="Exchange the bounds.", field=f"{WHERE}.min_value"
        )


def _comparable(bound: Any) -> Any:
    found = number(bound)
    return found if found is not None else _moment(bound)


def _require_alike(given: Mapping[str, Any], columns: Mapping[str, str]) -> None:
    if family(columns[given["column_A"]]) != family(columns[given["column_B"]]):
        raise Invalid(
            "The two columns are of different kinds, so neither is greater.",
            remedy="Choose two columns of one kind.",
            field=f"{WHERE}.column_B",
        )


def _argument(parameter: Parameter, value: Any, own: str, aliases: Mapping[str, str]) -> Any:
    match parameter.kind:
        case "column":
            return aliases[value]
        case "columns":
            return [aliases[name] for name in value]
        case "names":
            return [aliases.get(name, f"absent{index}") for index, name in enumerate(value)]
        case "values":
            return [_literal(item, own) for item in value]
        case "bound":
            return _bound(parameter, value, own)
        case "share" | "number" | "integer":
            return _plain(value)
        case "regexes":
            return list(value)
        case _:
            return value


def _bound(parameter: Parameter, value: Any, own: str) -> Any:
    """An upper bound that is a day takes in the whole of that day, as it does in a row rule."""
    if own == "timestamp" and parameter.name == "max_value" and instant(value) is None:
        return (_moment(value) + datetime.timedelta(days=1, microseconds=-1)).replace(tzinfo=None).isoformat(sep=" ")
    return _literal(value, own)


def _literal(value: Any, own: str) -> Any:
    match own:
        case "number":
            return _plain(value)
        case "timestamp":
            return _moment(value).replace(tzinfo=None).isoformat(sep=" ")
        case "boolean":
            return str(value).lower() == "true"
        case _:
            return str(value)


def _moment(value: Any) -> datetime.datetime:
    found = instant(value)
    return found or datetime.datetime.fromisoformat(value.strip()).replace(tzinfo=datetime.UTC)


def _plain(value: Any) -> int | float:
    exact = Decimal(str(value))
    return int(exact) if exact == exact.to_integral_value() else float(exact)
