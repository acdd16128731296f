"""Suggests a tag for every column of a table, with a confidence and a reason that tells no value."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from apps.dataplane.plan import ColumnSchema, TableSchema

from . import names, values
from .tags import NONE

if TYPE_CHECKING:
    import pyarrow as pa

MOST_VALUES = 500
LONGEST_VALUE = 2000
_NAMES = "names/1"
_LOOKED_FOR = "e-mail addresses, phone numbers, IBANs, cards, national ids, network addresses, secrets or free text"
_NOUNS: Mapping[str, str] = {
    "pii.name": "names of people",
    "pii.contact.email": "e-mail addresses",
    "pii.contact.phone": "phone numbers",
    "pii.address": "postal addresses",
    "pii.birth_date": "dates of birth",
    "pii.date": "dates in people's lives",
    "pii.national_id": "national ids",
    "pii.demographic": "traits of people",
    "pii.special": "special categories of personal data",
    "pii.medical_record": "medical record numbers",
    "pii.health_plan": "health plan numbers",
    "pii.certificate": "certificate and licence numbers",
    "pii.vehicle": "vehicle identifiers",
    "pii.biometric": "biometric identifiers",
    "pii.photo": "photographs of people",
    "pii.identifier": "identifiers of people",
    "pii.location": "whereabouts of people",
    "pii.online": "online identifiers",
    "pii.online.ip": "network addresses",
    "pii.online.device": "device identifiers",
    "pii.online.url": "web addresses of people",
    "pii.text": "free text",
    "financial.iban": "IBANs",
    "financial.card": "payment cards",
    "financial.card.code": "card security codes",
    "financial.account": "bank accounts",
    "financial.income": "incomes",
    "secret": "secrets",
}
_PROVABLE = {detector.tag for detector in values.DETECTORS} - {"pii.text", "pii.online", "pii.national_id", "secret"}
_KINDS = {
    "boolean": "boolean", "date": "date", "json": "json", "jsonb": "json", "bytea": "bytes", "uuid": "uuid",
    "inet": "net", "cidr": "net", "macaddr": "net", "macaddr8": "net", "point": "geo", "xml": "json", "hstore": "json",
}  # fmt: skip
_NUMBERS = {"smallint", "integer", "bigint", "numeric", "decimal", "real", "double precision", "money", "oid"}
_MEASURES = {"date", "timestamp", "other", "boolean"}


@dataclass(frozen=True)
class Suggestion:
    """What `column` seems to hold: a tag of TAGS ("none": nothing found), how sure in percent, why, and who says so."""

    column: str
    tag: str
    confidence: int
    reason: str
    detector: str


def suggest(schema: TableSchema, sample: pa.Table | None) -> tuple[Suggestion, ...]:
    """One suggestion per column of `schema`, in its order. `sample`: some rows as text, of all columns or of some."""
    people = names.about_people(schema.ref.table, [column.name for column in schema.columns])
    return tuple(_suggestion(column, _counted(sample, column), people) for column in schema.columns)


def noun(tag: str) -> str:
    """What people call the things that bear a tag, in the plural."""
    return _NOUNS.get(tag, tag)


def kind(type_: str) -> str:
    """text, number, date, timestamp, boolean, json, array, bytes, uuid, net, geo or other, of a PostgreSQL type."""
    base = re.sub(r"\([\d, -]*\)", "", type_).strip()
    if base.endswith("[]"):
        return "array"
    if base in _NUMBERS:
        return "number"
    if base.startswith(("timestamp", "time")):
        return "timestamp" if base.startswith("timestamp") else "other"
    if base in _KINDS:
        return _KINDS[base]
    return "other" if base.startswith(("interval", "bit", "tsvector")) or base.endswith("range") else "text"


def _counted(sample: pa.Table | None, column: ColumnSchema) -> Counter[str] | None:
    """The first sampled values that are there, and how often; None without a sample of the column.

    An array counts by its elements, split well enough to recognise them, and a JSON document by the texts in it.
    """
    if sample is None or column.name not in sample.column_names:
        return None
    texts = [str(value)[:LONGEST_VALUE] for value in sample.column(column.name).to_pylist() if value is not None]
    if kind(column.type) == "array":
        texts = [element.strip('"') for text in texts for element in text.strip("{}").split(",")]
    if kind(column.type) == "json":
        texts = [" | ".join(["", *_leaves(text)]) for text in texts]
    present = (text.strip() for text in texts)
    return Counter([text for text in present if text][:MOST_VALUES])


def _leaves(text: str) -> list[str]:
    """The texts in a JSON document, without its keys; what is no JSON (or was cut short) is one text."""
    try:
        waiting, found = [json.loads(text)], []
    except (ValueError, RecursionError):
        return [text]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str):
            found.append(item)
    return found


def _suggestion(column: ColumnSchema, counted: Counter[str] | None, people: bool) -> Suggestion:
    own = kind(column.type)
    named = names.says(column.name, own, people=people)
    if own == "net":
        return Suggestion(column.name, "pii.online", 85, f"The type {column.type} holds network addresses", "types/1")
    found = values.findings(counted, named=named.tag if named else "") if counted and own not in _MEASURES else []
    best = next((one for one in found if named and one.tag == named.tag), found[0] if found else None)
    if best is not None and own == "json":
        # A document holds several things: what is in one of its texts makes the whole of it a text about people.
        best = replace(best, tag="pii.text")
    if best is not None and not (named and _outweighed(named, best)):
        return _by_values(column, best, named)
    if named is not None:
        return _by_name(column, named, counted)
    return _nothing(column, own, counted)


def _outweighed(named: names.Pattern, best: values.Finding) -> bool:
    """A name that is sure of itself beats values that are merely texts."""
    return best.tag == "pii.text" and named.tag != "pii.text" and named.confidence >= 85 and best.share < 0.5


def _by_values(column: ColumnSchema, finding: values.Finding, named: names.Pattern | None) -> Suggestion:
    sure = 100 * finding.share * finding.total / (finding.total + 3)
    agrees = named is not None and named.tag == finding.tag
    if named is not None and agrees:
        sure = max(sure, named.confidence) + 4
    elif finding.tag in ("pii.text", "secret"):
        sure = 55 + 40 * finding.share
    reason = f"{finding.hits} of {finding.total} sampled values are {finding.noun}"
    also = ", as the name suggests" if agrees else ""
    return Suggestion(column.name, finding.tag, min(99, max(30, round(sure))), reason + also, finding.detector)


def _by_name(column: ColumnSchema, named: names.Pattern, counted: Counter[str] | None) -> Suggestion:
    reason = f"The name suggests {_NOUNS[named.tag]}"
    total = sum(counted.values()) if counted else 0
    if total >= 10 and named.tag in _PROVABLE:
        reason += f", though hardly any of {total} sampled values look like it"
        return Suggestion(column.name, named.tag, 50, reason, _NAMES)
    if named.tag == "pii.birth_date" and kind(column.type) in ("date", "timestamp"):
        return Suggestion(column.name, named.tag, 97, f"{reason}, and the column holds dates", _NAMES)
    return Suggestion(column.name, named.tag, named.confidence, reason, _NAMES)


def _nothing(column: ColumnSchema, own: str, counted: Counter[str] | None) -> Suggestion:
    total = sum(counted.values()) if counted else 0
    if own in _MEASURES:
        reason = f"The name does not point to people, and the type {column.type} holds no identifiers"
        return Suggestion(column.name, NONE, 70, reason, _NAMES)
    if not total:
        reason = f"The name does not point to {_LOOKED_FOR}; no values were sampled"
        return Suggestion(column.name, NONE, 35, reason, _NAMES)
    reason = f"Neither the name nor {total} sampled values point to {_LOOKED_FOR}"
    sure = 40 if own in ("json", "array", "bytes") else 65 if total >= 50 else 50
    return Suggestion(column.name, NONE, sure, reason, "all/1")
