"""The rules and checks of a draft as rows of the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apps.dataplane.quality import wording

from . import drafting, formfields
from .drafting import CHECKS, Draft
from .formfields import Choice, Row


def rules(stream: Mapping[str, Any], place: str, key: str, columns: Sequence[Choice]) -> list[Row]:
    """The filters or row checks of a stream."""
    return [
        Row(
            place=f"{place}.{key}.{index}",
            item=rule,
            suggested_id=drafting.suggested_id(rule),
            fields=formfields.fields(formfields.rule_parameters(rule), rule["params"], columns),
            words=formfields.rule_words(rule),
            kept=formfields.keeping(rule["kind"], rule["params"]),
        )
        for index, rule in enumerate(stream[key])
    ]


def settle(stream: Mapping[str, Any], place: str, columns: Callable[[str], Sequence[Choice]]) -> list[Row]:
    """The keys and references of a stream; a reference has one pair more than it needs."""
    found = []
    for index, rule in enumerate(stream["settle"]):
        one, other = list(rule["columns"]), list(rule["to"])
        length = max(len(one), len(other)) + 1
        pairs = zip(one + [""] * (length - len(one)), other + [""] * (length - len(other)), strict=True)
        row = Row(
            place=f"{place}.settle.{index}",
            item=rule,
            suggested_id=drafting.suggested_id(rule),
            fields=(),
            columns=tuple(column.name for column in columns(rule["target"])),
            words=wording.settle_in_words(rule["kind"], one, rule["target"], other),
            kept=formfields.keeping(rule["kind"], {"columns": one}),
            pairs=tuple(pairs) if rule["kind"] == "references" else (),
        )
        found.append(row)
    return found


def checks(drafted: Sequence[Draft], columns: Callable[[str], Sequence[Choice]]) -> list[Row]:
    """The output checks; `columns` gives those of a stream as the gate sees them."""
    return [
        Row(
            place=f"{CHECKS}.{index}",
            item=check,
            suggested_id=drafting.suggested_id(check),
            fields=formfields.fields(formfields.check_parameters(check), check["kwargs"], columns(check["stream"])),
            words=formfields.check_words(check),
            kept=formfields.keeping(check["expectation"], check["kwargs"]),
        )
        for index, check in enumerate(drafted)
    ]
