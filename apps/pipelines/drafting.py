"""A definition while somebody edits it: from the fields of a form to a document and back, one step at a time.

A draft is the document of `dataplane.definition` without its head, and may be incomplete. Fields of the form are named
by their place in it: `streams.0.filters.1.column`. What is left empty and can be told from the rest is completed.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.http import QueryDict

from apps.dataplane.definition import FORMAT, MOST_RULES, MOST_STREAMS

from . import formfields

Draft = dict[str, Any]
STREAMS, CHECKS = "streams", "output_checks"
ROW_RULES, SETTLE = ("filters", "row_checks"), "settle"
LISTED = (*ROW_RULES, SETTLE)
NOT_NULL = "expect_column_values_to_not_be_null"
UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
MOST_PAIRS = 16
# What a connection of files calls the folder that it begins in.
ROOT = "."
_ACT = re.compile(r"(add|remove):((?:[a-z_]+|\d{1,3})(?:\.(?:[a-z_]+|\d{1,3}))*)")


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


def complete(draft: Draft, *, home: str = "") -> Draft:
    """The draft with what was left to Lockgate: names of streams, destination tables, ids of rules and checks.

    `home` is the schema at the destination for what comes from no schema: files beside the root.
    """
    whole = copy.deepcopy(draft)
    taken: set[str] = {stream["name"] for stream in whole[STREAMS]}
    for stream in whole[STREAMS]:
        stream["name"] = stream["name"] or _free(_slug(stream["source"]["table"] or "table"), taken)
        into, source = stream["destination"], stream["source"]
        into["schema"] = into["schema"] or (home if home and source["schema"] == ROOT else source["schema"])
        into["table"] = into["table"] or source["table"]
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


def document(draft: Draft, *, purpose: str, cron: str, zone: str, home: str = "") -> dict[str, Any]:
    """The definition that the form describes; whether it is valid is for the parser to say."""
    schedule = {"cron": cron, "zone": zone} if cron else None
    return {"format": FORMAT, "purpose": purpose, **complete(draft, home=home), "schedule": schedule}


def suggested_id(item: Mapping[str, Any]) -> str:
    """An id made of what the rule or check is about."""
    if "expectation" in item:
        about = str(item["kwargs"].get("column") or "_".join(item["kwargs"].get("column_list") or ()) or "table")
        what = item["expectation"].removeprefix("expect_").replace("column_", "").replace("values_", "")
        return _slug(f"{about}-{what.replace('to_be_', '').replace('to_', '')}")
    about = item["column"] if "column" in item else "-".join(item["columns"])
    return _slug(f"{about or 'row'}-{item['kind']}")


def read_checks(data: QueryDict) -> list[Draft]:
    """The output checks in the fields of a form."""
    return [_check(data, f"{CHECKS}.{index}") for index in _indexes(data, CHECKS, MOST_RULES)]


def add_tables(draft: Draft, tables: list[str], schema: str) -> Draft:
    """The draft with a stream for each of these tables that is not in it yet; a stream without a table goes."""
    changed = copy.deepcopy(draft)
    streams = [stream for stream in changed[STREAMS] if stream["source"]["table"]]
    held = {(stream["source"]["schema"], stream["source"]["table"]) for stream in streams}
    for text in tables:
        found = read_table(text)
        if found[1] and found not in held and len(streams) < MOST_STREAMS:
            held.add(found)
            fresh = _fresh(STREAMS)
            fresh["source"] = {"schema": found[0], "table": found[1]}
            fresh["destination"]["schema"] = schema.strip()
            streams.append(fresh)
    changed[STREAMS] = streams or changed[STREAMS]
    return changed


def _stream(data: QueryDict, place: str) -> Draft:
    schema, table = read_table(data.get(f"{place}.source", ""))
    rules = {
        key: [_rule(data, f"{place}.{key}.{index}") for index in _indexes(data, f"{place}.{key}", MOST_RULES)]
        for key in ROW_RULES
    }
    settle = [_settle(data, f"{place}.{SETTLE}.{index}") for index in _indexes(data, f"{place}.{SETTLE}", MOST_RULES)]
    return {
        "name": data.get(f"{place}.name", "").strip(),
        "source": {"schema": schema, "table": table},
        "destination": {part: data.get(f"{place}.destination.{part}", "").strip() for part in ("schema", "table")},
        **_increment(data, place),
        **rules,
        SETTLE: settle,
        "drift": data.get(f"{place}.drift", "") or "hold",
    }


def _increment(data: QueryDict, place: str) -> Draft:
    """Mode, key and cursor; what the mode has no use for is left out."""
    mode = data.get(f"{place}.mode", "") or "replace"
    if mode == "replace":
        return {"mode": mode}
    before = formfields.kept(data, f"{place}.key", "key").get("key")
    found: Draft = {"mode": mode}
    if mode == "merge":
        found["key"] = formfields.in_order(data.getlist(f"{place}.key"), before)
    if cursor := data.get(f"{place}.cursor", ""):
        found["cursor"] = cursor
        lag = data.get(f"{place}.lag", "").strip() or "0"
        whole = lag.isascii() and lag.isdecimal() and len(lag) < 12
        seconds = int(lag) * UNITS.get(data.get(f"{place}.lag_unit", ""), 1) if whole else lag
        nulls = data.get(f"{place}.null_cursor", "") or "refuse"
        found |= {"lag_seconds": seconds} if seconds else {}
        found |= {"null_cursor": nulls} if nulls != "refuse" else {}
    return found


def lag_shown(stream: Mapping[str, Any]) -> tuple[Any, str]:
    """The lag in the largest unit that tells it exactly."""
    seconds = stream.get("lag_seconds") or 0
    if not isinstance(seconds, int) or not seconds:
        return seconds or "", "minutes"
    return next((seconds // size, unit) for unit, size in UNITS.items() if seconds % size == 0)


def _rule(data: QueryDict, place: str) -> Draft:
    rule = {name: data.get(f"{place}.{name}", "").strip() for name in ("id", "kind", "on_fail")}
    rule |= {"column": data.get(f"{place}.column", ""), "on_fail": rule["on_fail"] or "quarantine"}
    kept = formfields.kept(data, place, rule["kind"])
    return {**rule, "params": formfields.given(data, f"{place}.params", formfields.rule_parameters(rule), kept)}


def _settle(data: QueryDict, place: str) -> Draft:
    rule = {"id": data.get(f"{place}.id", "").strip(), "kind": data.get(f"{place}.kind", "unique")}
    if rule["kind"] != "references":
        before = formfields.kept(data, place, rule["kind"]).get("columns")
        columns = formfields.in_order(data.getlist(f"{place}.columns"), before)
        return {**rule, "columns": columns, "target": "", "to": []}
    pairs = [
        (data.get(f"{place}.pairs.{index}.column", ""), data.get(f"{place}.pairs.{index}.to", ""))
        for index in _indexes(data, f"{place}.pairs", MOST_PAIRS)
    ]
    columns, to = [one for one, _other in pairs if one], [other for _one, other in pairs if other]
    if not pairs:
        columns, to = data.getlist(f"{place}.columns"), data.getlist(f"{place}.to")
    return {**rule, "columns": columns, "target": data.get(f"{place}.target", ""), "to": to}


def _check(data: QueryDict, place: str) -> Draft:
    check = {name: data.get(f"{place}.{name}", "").strip() for name in ("id", "stream", "expectation", "severity")}
    check["severity"] = check["severity"] or "ERROR"
    kept = formfields.kept(data, place, check["expectation"])
    return {**check, "kwargs": formfields.given(data, f"{place}.kwargs", formfields.check_parameters(check), kept)}


def _fresh(name: str) -> Draft:
    return copy.deepcopy(_FRESH[name])


_RULE: Draft = {"id": "", "kind": "not_null", "column": "", "params": {}, "on_fail": "quarantine"}
_FRESH: Mapping[str, Draft] = {
    STREAMS: {
        "name": "", "source": {"schema": "", "table": ""}, "destination": {"schema": "", "table": ""},
        "mode": "replace", "filters": [], "row_checks": [], "settle": [], "drift": "hold",
    },
    "filters": _RULE,
    "row_checks": _RULE,
    SETTLE: {"id": "", "kind": "unique", "columns": [], "target": "", "to": []},
    CHECKS: {"id": "", "stream": "", "expectation": NOT_NULL, "kwargs": {}, "severity": "ERROR"},
}  # fmt: skip


def _indexes(data: QueryDict, place: str, most: int) -> Iterator[int]:
    text = data.get(f"{place}.count", "0")
    return iter(range(min(int(text), most) if text.isascii() and text.isdecimal() and len(text) < 6 else 0))


def read_table(text: str) -> tuple[str, str]:
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
