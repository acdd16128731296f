"""A definition while somebody edits it: from the fields of a form to a document and back, one step at a time.

A draft is the document of `dataplane.definition` without its head, and may be incomplete. Fields of the form are named
by their place in it: `streams.0.filters.1.column`. What is left empty and can be told from the rest is completed.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.dataplane.definition import FORMAT, MOST_RULES, MOST_STREAMS
from apps.dataplane.errors import Invalid
from apps.dataplane.quality.catalogue import CATALOGUE
from apps.dataplane.quality.parameters import Parameter
from apps.dataplane.quality.rows import KINDS

Draft = dict[str, Any]
LONGEST_YAML = 200_000
STREAMS, CHECKS = "streams", "output_checks"
ROW_RULES, SETTLE = ("filters", "row_checks"), "settle"
LISTED = (*ROW_RULES, SETTLE)
NOT_NULL = "expect_column_values_to_not_be_null"
_LISTS = {"columns", "names", "regexes", "values"}
_ACT = re.compile(r"(add|remove):((?:[a-z_]+|\d{1,3})(?:\.(?:[a-z_]+|\d{1,3}))*)")
_LINES = {"values", "names", "regexes"}


@dataclass(frozen=True)
class Field:
    """One parameter of a rule or check as the form shows it. `input`: text, lines, column, columns, choice, boolean."""

    name: str
    label: str
    help: str
    input: str
    value: Any
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Row:
    """A rule or check in the form: where it stands, what it is, what it takes."""

    place: str
    item: Mapping[str, Any]
    suggested_id: str
    fields: tuple[Field, ...]
    columns: tuple[str, ...] = ()


def empty() -> Draft:
    return {STREAMS: [_fresh(STREAMS)], CHECKS: []}


def of_document(document: Mapping[str, Any]) -> Draft:
    """The draft of a complete definition."""
    return copy.deepcopy({STREAMS: list(document[STREAMS]), CHECKS: list(document.get(CHECKS) or [])})


def read(data: QueryDict) -> Draft:
    """The draft in the fields of a form."""
    streams = [_stream(data, f"{STREAMS}.{index}") for index in _indexes(data, STREAMS, MOST_STREAMS)]
    checks = [_check(data, f"{CHECKS}.{index}") for index in _indexes(data, CHECKS, MOST_RULES)]
    return {STREAMS: streams, CHECKS: checks}


def act(draft: Draft, action: str) -> Draft:
    """The draft after `add:streams.0.filters` or `remove:output_checks.2`; unchanged for what makes no sense."""
    found = _ACT.fullmatch(action)
    changed = copy.deepcopy(draft)
    if found is None:
        return changed
    *path, last = found[2].split(".")
    try:
        holder: Any = changed
        for token in path:
            holder = holder[int(token)] if isinstance(holder, list) else holder[token]
        if found[1] == "remove" and isinstance(holder, list):
            del holder[int(last)]
        elif found[1] == "add" and isinstance(holder, dict) and last in _FRESH:
            holder[last].append(_fresh(last))
    except (KeyError, IndexError, ValueError, TypeError):
        return draft
    return changed


def complete(draft: Draft) -> Draft:
    """The draft with what was left to Lockgate: names of streams, destination tables, ids of rules and checks."""
    whole = copy.deepcopy(draft)
    taken: set[str] = {stream["name"] for stream in whole[STREAMS]}
    for stream in whole[STREAMS]:
        stream["name"] = stream["name"] or _free(_slug(stream["source"]["table"] or "table"), taken)
        for part in ("schema", "table"):
            stream["destination"][part] = stream["destination"][part] or stream["source"][part]
        ids = {rule["id"] for key in LISTED for rule in stream[key]}
        for rule in (rule for key in LISTED for rule in stream[key]):
            rule["id"] = rule["id"] or _free(suggested_id(rule), ids)
    by_stream: dict[str, set[str]] = {}
    for check in whole[CHECKS]:
        check["stream"] = check["stream"] or (whole[STREAMS][0]["name"] if whole[STREAMS] else "")
        by_stream.setdefault(check["stream"], set()).add(check["id"])
    for check in whole[CHECKS]:
        check["id"] = check["id"] or _free(suggested_id(check), by_stream[check["stream"]])
    return whole


def document(draft: Draft, *, purpose: str, cron: str, zone: str) -> dict[str, Any]:
    """The definition that the form describes; whether it is valid is for the parser to say."""
    schedule = {"cron": cron, "zone": zone} if cron else None
    return {"format": FORMAT, "purpose": purpose, **complete(draft), "schedule": schedule}


def as_yaml(held: Mapping[str, Any]) -> str:
    plain = json.loads(json.dumps(held))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)


def from_yaml(text: str) -> dict[str, Any]:
    """The document in a YAML text. Raises Invalid, naming the line, for what is none."""
    if len(text) > LONGEST_YAML:
        raise Invalid(_("The text is longer than 200,000 characters."), field="definition")
    try:
        _refuse_aliases(text)
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        sentence = _("This is no YAML: line %(line)s, column %(column)s.") if mark else _("This is no YAML.")
        place = {"line": mark.line + 1, "column": mark.column + 1} if mark else {}
        raise Invalid(sentence % place, field="definition") from error
    except (ValueError, RecursionError) as error:
        raise Invalid(_("A value in this YAML cannot be read."), field="definition") from error
    if not isinstance(found, dict):
        raise Invalid(_("A definition is a mapping that begins with `format: 1`."), field="definition")
    return found


def _refuse_aliases(text: str) -> None:
    """An alias can make a short text enormous, and a definition needs none."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Invalid(_("Aliases (*name) are not allowed in a definition."), field="definition")


def rule_rows(stream: Mapping[str, Any], place: str, key: str, columns: Sequence[str]) -> list[Row]:
    """The filters or row checks of a stream, for the form."""
    rows = []
    for index, rule in enumerate(stream[key]):
        fields = _fields(_rule_parameters(rule), rule["params"], columns)
        rows.append(Row(f"{place}.{key}.{index}", rule, suggested_id(rule), fields))
    return rows


def check_rows(draft: Draft, columns: Callable[[str], Sequence[str]]) -> list[Row]:
    """The output checks, for the form; `columns` gives those of a stream."""
    rows = []
    for index, check in enumerate(draft[CHECKS]):
        fields = _fields(_check_parameters(check), check["kwargs"], columns(check["stream"]))
        rows.append(Row(f"{CHECKS}.{index}", check, suggested_id(check), fields))
    return rows


def suggested_id(item: Mapping[str, Any]) -> str:
    """An id made of what the rule or check is about."""
    if "expectation" in item:
        about = str(item["kwargs"].get("column") or "_".join(item["kwargs"].get("column_list") or ()) or "table")
        what = item["expectation"].removeprefix("expect_").replace("column_", "").replace("values_", "")
        return _slug(f"{about}-{what.replace('to_be_', '').replace('to_', '')}")
    about = item["column"] if "column" in item else "-".join(item["columns"])
    return _slug(f"{about or 'row'}-{item['kind']}")


def _stream(data: QueryDict, place: str) -> Draft:
    schema, table = _table(data.get(f"{place}.source", ""))
    rules = {
        key: [_rule(data, f"{place}.{key}.{index}") for index in _indexes(data, f"{place}.{key}", MOST_RULES)]
        for key in ROW_RULES
    }
    settle = [_settle(data, f"{place}.{SETTLE}.{index}") for index in _indexes(data, f"{place}.{SETTLE}", MOST_RULES)]
    return {
        "name": data.get(f"{place}.name", "").strip(),
        "source": {"schema": schema, "table": table},
        "destination": {part: data.get(f"{place}.destination.{part}", "").strip() for part in ("schema", "table")},
        **rules,
        SETTLE: settle,
        "mode": "replace",
        "drift": "hold",
    }


def _rule(data: QueryDict, place: str) -> Draft:
    rule = {name: data.get(f"{place}.{name}", "").strip() for name in ("id", "kind", "on_fail")}
    rule |= {"column": data.get(f"{place}.column", ""), "on_fail": rule["on_fail"] or "quarantine"}
    return {**rule, "params": _given(data, f"{place}.params", _rule_parameters(rule))}


def _settle(data: QueryDict, place: str) -> Draft:
    kind = data.get(f"{place}.kind", "unique")
    refers = kind == "references"
    return {
        "id": data.get(f"{place}.id", "").strip(),
        "kind": kind,
        "columns": data.getlist(f"{place}.columns"),
        "target": data.get(f"{place}.target", "") if refers else "",
        "to": data.getlist(f"{place}.to") if refers else [],
    }


def _check(data: QueryDict, place: str) -> Draft:
    check = {name: data.get(f"{place}.{name}", "").strip() for name in ("id", "stream", "expectation", "severity")}
    check["severity"] = check["severity"] or "ERROR"
    return {**check, "kwargs": _given(data, f"{place}.kwargs", _check_parameters(check))}


def _given(data: QueryDict, place: str, parameters: Sequence[Parameter]) -> Draft:
    found = {one.name: _value(data, f"{place}.{one.name}", one) for one in parameters}
    return {name: value for name, value in found.items() if value not in ("", [], None)}


def _value(data: QueryDict, name: str, parameter: Parameter) -> Any:
    if parameter.kind == "columns":
        return data.getlist(name)
    text = data.get(name, "")
    if parameter.kind in _LINES:
        return [line.strip() for line in text.splitlines() if line.strip()]
    if parameter.kind == "boolean":
        # An unticked box is not sent; the hidden field beside it tells that the box was there.
        return bool(text) if f"{name}.shown" in data else None
    whole = parameter.kind == "integer" and re.fullmatch(r"-?\d{1,18}", text.strip())
    return int(text) if whole else text if parameter.kind in ("column", "regex") else text.strip()


def _fields(parameters: Sequence[Parameter], held: Mapping[str, Any], columns: Sequence[str]) -> tuple[Field, ...]:
    return tuple(_field(one, held.get(one.name, one.default), columns) for one in parameters)


def _field(one: Parameter, value: Any, columns: Sequence[str]) -> Field:
    inputs = {"column": "column", "columns": "columns", "choice": "choice", "boolean": "boolean"}
    kind = "lines" if one.kind in _LINES else inputs.get(one.kind, "text")
    if kind == "lines" and isinstance(value, list | tuple):
        value = "\n".join(str(item) for item in value)
    choices = tuple(columns) if kind in ("column", "columns") else one.choices
    if kind == "column" and value and value not in choices:
        choices = (str(value), *choices)
    return Field(one.name, one.label, one.help, kind, "" if value is None else value, choices, one.required)


def _rule_parameters(rule: Mapping[str, Any]) -> tuple[Parameter, ...]:
    return KINDS[rule["kind"]].parameters if rule["kind"] in KINDS else ()


def _check_parameters(check: Mapping[str, Any]) -> tuple[Parameter, ...]:
    return CATALOGUE[check["expectation"]].parameters if check["expectation"] in CATALOGUE else ()


def _fresh(name: str) -> Draft:
    return copy.deepcopy(_FRESH[name])


_RULE: Draft = {"id": "", "kind": "not_null", "column": "", "params": {}, "on_fail": "quarantine"}
_FRESH: Mapping[str, Draft] = {
    STREAMS: {
        "name": "", "source": {"schema": "", "table": ""}, "destination": {"schema": "", "table": ""},
        "filters": [], "row_checks": [], "settle": [], "mode": "replace", "drift": "hold",
    },
    "filters": _RULE,
    "row_checks": _RULE,
    SETTLE: {"id": "", "kind": "unique", "columns": [], "target": "", "to": []},
    CHECKS: {"id": "", "stream": "", "expectation": NOT_NULL, "kwargs": {}, "severity": "ERROR"},
}  # fmt: skip


def _indexes(data: QueryDict, place: str, most: int) -> Iterator[int]:
    text = data.get(f"{place}.count", "0")
    return iter(range(min(int(text), most) if text.isascii() and text.isdecimal() and len(text) < 6 else 0))


def _table(text: str) -> tuple[str, str]:
    """The value of a choice of tables: both names as JSON, since a name may hold any character."""
    try:
        schema, table = json.loads(text)
    except (ValueError, TypeError):
        return "", ""
    return str(schema), str(table)


def table_value(schema: str, table: str) -> str:
    return json.dumps([schema, table]) if table else ""


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return slug[:50].rstrip("-_") or "x"


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    taken.add(name)
    return name
