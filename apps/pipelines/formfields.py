"""The parameters of a rule or check as fields of a form, and what was typed there as values again.

A value that the form cannot show exactly (an integer among texts, "0.990") comes back as it was, unless somebody
altered what is shown: the form carries the original beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import QueryDict

from apps.dataplane.quality import wording
from apps.dataplane.quality.catalogue import CATALOGUE
from apps.dataplane.quality.parameters import Parameter, number
from apps.dataplane.quality.rows import KINDS

LONGEST_KEPT = 100_000
_LINES = {"values", "names", "regexes"}
_INPUTS = {"column": "column", "columns": "columns", "choice": "choice", "boolean": "boolean"}


@dataclass(frozen=True)
class Choice:
    """A column to choose: of the source, or as the gate sees it after its treatment."""

    name: str
    type: str
    family: str
    treatment: str = ""


@dataclass(frozen=True)
class Field:
    """One parameter of a rule or check as the form shows it. `input`: text, lines, column, columns, choice, boolean."""

    name: str
    label: str
    help: str
    input: str
    value: Any
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Row:
    """A rule or check in the form: where it stands, what it is, what it takes, what it says."""

    place: str
    item: Mapping[str, Any]
    suggested_id: str
    fields: tuple[Field, ...]
    columns: tuple[str, ...] = ()
    words: str = ""
    kept: str = ""
    pairs: tuple[tuple[str, str], ...] = ()


def rule_parameters(rule: Mapping[str, Any]) -> tuple[Parameter, ...]:
    return KINDS[rule["kind"]].parameters if rule["kind"] in KINDS else ()


def check_parameters(check: Mapping[str, Any]) -> tuple[Parameter, ...]:
    return CATALOGUE[check["expectation"]].parameters if check["expectation"] in CATALOGUE else ()


def given(data: QueryDict, place: str, parameters: Sequence[Parameter], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were filled in; `kept` are those that the form was drawn from."""
    found = {one.name: _read(data, f"{place}.{one.name}", one, kept) for one in parameters}
    filled = {name: value for name, value in found.items() if value not in ("", [], None)}
    known = {one.name for one in parameters}
    # What the kind does not know is for the parser to refuse by name, not for the form to lose.
    return filled | {name: value for name, value in kept.items() if name not in known}


def kept(data: QueryDict, place: str, kind: str) -> dict[str, Any]:
    """What the form was drawn from, as long as it is of the same kind."""
    text = data.get(f"{place}.kept", "")
    try:
        found = json.loads(text) if len(text) <= LONGEST_KEPT else None
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, list) or len(found) != 2 or found[0] != kind or not isinstance(found[1], dict):
        return {}
    return found[1]


def keeping(kind: str, held: Mapping[str, Any]) -> str:
    """The hidden field that carries the original."""
    return json.dumps([kind, dict(held)]) if held else ""


def in_order(chosen: Sequence[str], before: Any) -> list[str]:
    """Names as they stood before, and then those that are new: a list of boxes has no order of its own."""
    known = [name for name in before if isinstance(name, str)] if isinstance(before, list) else []
    return [*(name for name in known if name in chosen), *(name for name in chosen if name not in known)]


def fields(parameters: Sequence[Parameter], held: Mapping[str, Any], columns: Sequence[Choice]) -> tuple[Field, ...]:
    return tuple(_field(one, held.get(one.name, one.default), columns) for one in parameters)


def check_words(check: Mapping[str, Any]) -> str:
    return wording.check_in_words(check["expectation"], check["kwargs"])


def rule_words(rule: Mapping[str, Any]) -> str:
    return wording.rule_in_words(rule["kind"], rule["column"], rule["params"])


def shown(parameter: Parameter, value: Any) -> Any:
    """The value as the form shows it: shares in per cent, lists a line each."""
    if value is None:
        return ""
    if parameter.kind in _LINES and isinstance(value, list | tuple):
        return "\n".join(str(item) for item in value)
    if parameter.kind == "share" and number(value) is not None:
        return wording.percent(value)
    return value


def _read(data: QueryDict, name: str, parameter: Parameter, kept: Mapping[str, Any]) -> Any:
    if parameter.kind == "columns":
        return in_order(data.getlist(name), kept.get(parameter.name))
    if parameter.kind == "boolean":
        # An unticked box is not sent; the hidden field beside it tells that the box was there.
        return _ticked(data, name, parameter, kept)
    text = data.get(name, "")
    before = shown(parameter, kept.get(parameter.name))
    if parameter.name in kept and str(before) == text.replace("\r\n", "\n"):
        return kept[parameter.name]
    return _parsed(parameter, text)


def _ticked(data: QueryDict, name: str, parameter: Parameter, kept: Mapping[str, Any]) -> Any:
    if f"{name}.shown" not in data:
        return kept.get(parameter.name)
    ticked = bool(data.get(name, ""))
    return ticked if parameter.name in kept or ticked != bool(parameter.default) else None


def _parsed(parameter: Parameter, text: str) -> Any:
    if parameter.kind in _LINES:
        return [line.strip() for line in text.splitlines() if line.strip()]
    if parameter.kind == "share":
        return _share(text.strip())
    whole = parameter.kind in ("integer", "bound", "moving") and re.fullmatch(r"-?\d{1,18}", text.strip())
    return int(text) if whole else text if parameter.kind in ("column", "regex") else text.strip()


def _share(text: str) -> str:
    """`99 %` and `99` are 0.99; `0.99` is what it says; what is no number stays for the parser to refuse."""
    exact = number(text.removesuffix("%").strip().replace(",", "."))
    if exact is None or not (text.endswith("%") or exact > 1):
        return text
    share = f"{exact / Decimal(100):f}"
    return share.rstrip("0").rstrip(".") if "." in share else share


def _field(one: Parameter, value: Any, columns: Sequence[Choice]) -> Field:
    kind = "lines" if one.kind in _LINES else _INPUTS.get(one.kind, "text")
    choices: tuple[tuple[str, str], ...] = tuple((choice, choice) for choice in one.choices)
    if kind in ("column", "columns"):
        fitting = [column for column in columns if not one.families or column.family in one.families]
        choices = tuple((column.name, _labelled(column)) for column in fitting)
        chosen = [value] if kind == "column" else list(value or ())
        known = {column.name for column in fitting}
        choices = (*((str(name), str(name)) for name in chosen if name and name not in known), *choices)
    return Field(one.name, one.label, one.help, kind, shown(one, value), choices, one.required)


def _labelled(column: Choice) -> str:
    told = [column.type.lower(), "" if column.treatment == "pass" else column.treatment.partition("(")[0]]
    return f"{column.name} ({', '.join(filter(None, told))})" if any(told) else column.name
