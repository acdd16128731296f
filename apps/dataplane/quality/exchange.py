"""Suites in the JSON of Great Expectations: out and in again without a difference, each refusal with its line.

Numbers that Lockgate holds as text ("0.99") are numbers there. What the format has no place for (our id, the exact text
of a number) stands in `meta.lockgate` of the expectation.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from json import decoder, scanner
from typing import Any

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import OutputCheck, Severity

from .catalogue import CATALOGUE, Expectation
from .checks import require_supported, validate_check
from .parameters import Parameter, number

LONGEST = 1_000_000
MOST_EXPECTATIONS = 2_000
OURS = "lockgate"
_SEVERITIES = {"ERROR": "critical", "WARN": "warning"}
_READ: Mapping[str, Severity] = {"critical": "ERROR", "warning": "WARN", "info": "WARN"}
_NUMERIC = {"share", "number", "integer", "bound"}
# Arguments of Great Expectations' own run, which say nothing of the data.
_OF_THE_RUN = {
    "auto", "batch_id", "catch_exceptions", "include_config", "include_rendered_content", "profiler_config",
    "result_format",
}  # fmt: skip
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}")


@dataclass(frozen=True)
class Taken:
    """One expectation of an import that becomes a check. `check.id` is empty where the text names none."""

    line: int
    check: OutputCheck
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turned:
    """One expectation of an import that cannot be evaluated on staged data, and why."""

    line: int
    expectation: str
    sentence: str
    remedy: str


@dataclass(frozen=True)
class Imported:
    """What a text holds: checks, and what is refused by name; in the order of the text."""

    checks: tuple[Taken, ...] = ()
    refused: tuple[Turned, ...] = ()


class _Located(dict[str, Any]):
    """A JSON object that knows the line on which it begins."""

    line: int = 1


@dataclass
class _Draft:
    checks: list[Taken] = field(default_factory=list)
    refused: list[Turned] = field(default_factory=list)


def as_suite(name: str, stream: str, checks: Sequence[OutputCheck]) -> str:
    """The checks of one stream as a suite of Great Expectations; `read` of it gives the same checks."""
    # A number goes through the encoder as a marked text, so that its digits stay; no value can hold this mark.
    mark = f"number-{secrets.token_hex(16)}:"
    document = {
        "name": name,
        "id": None,
        "expectations": [_expectation(check, mark) for check in checks if check.stream == stream],
        "meta": {"great_expectations_version": version("great_expectations"), OURS: {"stream": stream}},
        "notes": None,
    }
    return re.sub(rf'"{mark}([^"]*)"', r"\1", json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def read(text: str, *, stream: str, columns: Mapping[str, str] | None = None) -> Imported:
    """The checks in a suite's JSON, for `stream`; `columns` are what it writes, with DuckDB types, where known.

    Raises Invalid, naming the line, for a text that is no suite.
    """
    if len(text) > LONGEST:
        raise Invalid("The text is longer than 1,000,000 characters.", remedy="Split the suite.", field="suite")
    suite = _parsed(text)
    entries = suite.get("expectations") if isinstance(suite, Mapping) else None
    if not isinstance(entries, list):
        raise Invalid(
            "This is no suite: it has no list `expectations`.",
            remedy='A suite begins with {"name": …, "expectations": [.',
            field="suite",
        )
    if len(entries) > MOST_EXPECTATIONS:
        raise Invalid(f"The suite has more than {MOST_EXPECTATIONS:,} expectations.", field="suite")
    draft = _Draft()
    for entry in entries:
        _take(entry, stream, columns, draft)
    return Imported(tuple(draft.checks), tuple(draft.refused))


def _expectation(check: OutputCheck, mark: str) -> dict[str, Any]:
    numeric = {one.name for one in _parameters(check.expectation) if one.kind in _NUMERIC}
    arguments, exact = {}, {}
    for name, value in check.kwargs.items():
        arguments[name] = _outward(value, mark) if name in numeric and isinstance(value, str) else value
        if arguments[name] is not value and not _reads_back(value):
            exact[name] = value
    ours: dict[str, Any] = {"id": check.id} | ({"exact": exact} if exact else {})
    meta = {OURS: ours}
    return {"type": check.expectation, "kwargs": arguments, "meta": meta, "severity": _SEVERITIES[check.severity]}


def _outward(text: str, mark: str) -> str:
    """A number held as text, marked to be written without quotes; any other text as it is."""
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped):
        return mark + stripped
    plain = stripped.removeprefix("+")
    plain = f"0{plain}" if plain.startswith(".") else plain.removesuffix(".")
    return mark + plain if _NUMBER.fullmatch(plain) else text


def _reads_back(text: str) -> bool:
    """Whether the number, written as one, is read as this very text again: 1 would come back as an integer."""
    return bool(_NUMBER.fullmatch(text)) and any(sign in text for sign in ".eE")


def _parsed(text: str) -> Any:
    reader = json.JSONDecoder(parse_float=str, parse_constant=_constant)

    def located(start: tuple[str, int], *rest: Any) -> tuple[Any, int]:
        found, end = decoder.JSONObject(start, *rest)  # type: ignore[attr-defined]
        entry = _Located(found)
        entry.line = text.count("\n", 0, start[1]) + 1
        return entry, end

    reader.parse_object = located  # type: ignore[attr-defined]
    reader.scan_once = scanner.py_make_scanner(reader)  # type: ignore[attr-defined]
    try:
        return reader.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Invalid(f"This is no JSON: {place}.", remedy="Export the suite as JSON.", field="suite") from error
    except (ValueError, RecursionError) as error:
        raise Invalid("A value in this JSON cannot be read.", field="suite") from error


def _constant(name: str) -> Any:
    raise ValueError(name)


def _take(entry: Any, stream: str, columns: Mapping[str, str] | None, draft: _Draft) -> None:
    line = entry.line if isinstance(entry, _Located) else 1
    if not isinstance(entry, Mapping):
        draft.refused.append(Turned(line, "", "An expectation is an object with `type` and `kwargs`.", ""))
        return
    name = entry.get("type") or entry.get("expectation_type")
    kind = name if isinstance(name, str) else ""
    try:
        taken = _taken(entry, kind, stream, line)
        if columns is not None:
            validate_check(taken.check, columns)
    except Invalid as problem:
        draft.refused.append(Turned(line, kind, problem.sentence, problem.remedy))
    else:
        draft.checks.append(taken)


def _taken(entry: Mapping[str, Any], kind: str, stream: str, line: int) -> Taken:
    expectation = require_supported(kind)
    given, meta = entry.get("kwargs") or {}, entry.get("meta") or {}
    if not isinstance(given, Mapping) or not isinstance(meta, Mapping):
        raise Invalid("`kwargs` and `meta` must be objects.", field="kwargs")
    ours = meta.get(OURS) if isinstance(meta.get(OURS), Mapping) else {}
    assert isinstance(ours, Mapping)
    id = ours.get("id")
    id = id if isinstance(id, str) and _ID.fullmatch(id) else ""
    arguments = _inward(expectation, given, ours.get("exact"))
    return Taken(line, OutputCheck(id, stream, kind, arguments, _severity(entry)), _left_out(entry, meta))


def _inward(expectation: Expectation, given: Mapping[str, Any], exact: Any) -> dict[str, Any]:
    if given.get("row_condition"):
        raise Invalid(
            f'"{expectation.type}" looks at some rows only (row_condition); a check here looks at all of them.',
            remedy="Filter the rows in a pipeline of their own, or drop the condition.",
            field="kwargs.row_condition",
        )
    found = {}
    for name, value in given.items():
        ours = value is None or name in _OF_THE_RUN or name in ("row_condition", "condition_parser")
        if not ours and expectation.fixed.get(name) != value:
            found[name] = list(value) if isinstance(value, list) else value
    held = exact if isinstance(exact, Mapping) else {}
    return {name: _exactly(held.get(name), value) for name, value in found.items()}


def _exactly(held: Any, value: Any) -> Any:
    """The text that was exported, unless somebody altered the number since."""
    return held if isinstance(held, str) and number(held) is not None and number(held) == number(value) else value


def _severity(entry: Mapping[str, Any]) -> Severity:
    return _READ.get(str(entry.get("severity") or "critical"), "ERROR")


def _left_out(entry: Mapping[str, Any], meta: Mapping[str, Any]) -> tuple[str, ...]:
    """What of the entry has no place in a check: told, so that nobody believes it was kept."""
    held = {"notes": entry.get("notes"), "description": entry.get("description")}
    named = [name for name, value in held.items() if value]
    if entry.get("severity") == "info":
        named.append("severity info (it warns)")
    return (*named, *(f"meta.{name}" for name in meta if name != OURS))


def _parameters(type_: str) -> tuple[Parameter, ...]:
    return CATALOGUE[type_].parameters if type_ in CATALOGUE else ()
