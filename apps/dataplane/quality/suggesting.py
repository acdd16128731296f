"""Suggests output checks from a profile of the source, as far as they still hold after each column's treatment.

The profile looked at source values, the gate looks at treated ones: a token has its own shape, a bucket its own values.
What cannot be told of the treated column is not suggested. Limits leave room, each suggestion tells its reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from apps.dataplane import lanes, treatments
from apps.dataplane.plan import ColumnPlan, OutputCheck, Severity

from .checks import family
from .parameters import number
from .wording import check_in_words

SLACK = Decimal("0.1")
FEW_NULLS = Decimal("0.05")
ENOUGH_ROWS = 30
LONGEST_SHAPE = 40
TOKEN = r"^tok_[0-9a-f]{32}$"  # noqa: S105  a pattern
TOKEN_LENGTH = 36
REDACTED = "[redacted]"
_RUN_OF_SIGNS = re.compile(r"(.)\1*")


@dataclass(frozen=True)
class Suggestion:
    """A check without an id, and why it is proposed."""

    check: OutputCheck
    reason: str

    @property
    def words(self) -> str:
        return check_in_words(self.check.expectation, self.check.kwargs)


@dataclass(frozen=True)
class Seen:
    """What a profile says of one column. `whole`: every row was looked at, not a sample."""

    rows: int
    whole: bool
    nulls: int
    distinct: int
    min_length: int | None
    max_length: int | None
    minimum: str | None
    maximum: str | None
    patterns: tuple[tuple[str, int], ...]

    @property
    def present(self) -> int:
        return self.rows - self.nulls

    @property
    def severity(self) -> Severity:
        """Few rows, or a sample of them, prove little: the check then warns."""
        return "ERROR" if self.whole and self.rows >= ENOUGH_ROWS else "WARN"


def suggest(
    stream: str,
    profile: Mapping[str, Any],
    columns: Sequence[ColumnPlan],
    *,
    filtered: bool = False,
    held: Sequence[OutputCheck] = (),
) -> list[Suggestion]:
    """Checks for a stream, in the order of its columns; not those that `held` has for the same column already.

    `profile` is a profile's body. `filtered`: rows are left out on the way, so nothing is said of their number.
    """
    seen = {entry["name"]: _seen(entry, profile) for entry in profile.get("columns") or ()}
    found = [] if filtered else list(_of_the_table(stream, profile))
    for column in columns:
        if not column.dropped and column.name in seen:
            found.extend(_of_a_column(stream, column, seen[column.name]))
    known = {(check.expectation, check.kwargs.get("column")) for check in held if check.stream == stream}
    return [one for one in found if (one.check.expectation, one.check.kwargs.get("column")) not in known]


def _seen(entry: Mapping[str, Any], profile: Mapping[str, Any]) -> Seen:
    looked = int(profile.get("sampled") or profile.get("rows") or 0)
    patterns = tuple((str(shape), int(count)) for shape, count in entry.get("patterns") or ())
    return Seen(
        rows=looked,
        whole=looked >= int(profile.get("rows") or 0),
        nulls=int(entry["nulls"]),
        distinct=int(entry["distinct"]),
        min_length=entry.get("min_length"),
        max_length=entry.get("max_length"),
        minimum=entry.get("minimum"),
        maximum=entry.get("maximum"),
        patterns=patterns,
    )


def _of_the_table(stream: str, profile: Mapping[str, Any]) -> Iterator[Suggestion]:
    rows = int(profile.get("rows") or 0)
    if rows < ENOUGH_ROWS:
        return
    given = {"min_value": rows // 2, "max_value": rows * 2}
    reason = f"There were {rows:,} rows; half as many, or twice as many, would be unusual."
    yield Suggestion(OutputCheck("", stream, "expect_table_row_count_to_be_between", given, "WARN"), reason)


def _of_a_column(stream: str, column: ColumnPlan, seen: Seen) -> Iterator[Suggestion]:
    if not seen.rows:
        return
    name, kind = column.destination, column.treatment.kind
    for one in (*_presence(name, kind, seen), *_uniqueness(column, seen), *_content(column, seen)):
        yield replace(one, check=replace(one.check, stream=stream))


def _check(type_: str, severity: Severity, reason: str, **given: Any) -> Suggestion:
    return Suggestion(OutputCheck("", "", f"expect_{type_}", given, severity), reason)


def _presence(name: str, kind: str, seen: Seen) -> Iterator[Suggestion]:
    if kind == "null":
        reason = "Its treatment leaves nothing of it."
        yield _check("column_values_to_be_null", "ERROR", reason, column=name)
        return
    if not seen.nulls:
        reason = f"None of {seen.rows:,} rows lacked it."
        yield _check("column_values_to_not_be_null", seen.severity, reason, column=name)
        return
    lacking = Decimal(seen.nulls) / seen.rows
    if lacking <= FEW_NULLS:
        share = (1 - 2 * lacking).quantize(Decimal("0.001"), rounding=ROUND_FLOOR)
        reason = f"{seen.nulls:,} of {seen.rows:,} rows lacked it; twice as many are let through."
        mostly = _text(share)
        yield _check("column_values_to_not_be_null", "WARN", reason, column=name, mostly=mostly)


def _uniqueness(column: ColumnPlan, seen: Seen) -> Iterator[Suggestion]:
    """Where the treatment keeps different values different."""
    every = seen.present >= ENOUGH_ROWS and seen.distinct == seen.present
    if every and column.treatment.kind != "null" and treatments.unique_kept(column.treatment):
        reason = f"Each of {seen.present:,} values was there once."
        yield _check("column_values_to_be_unique", seen.severity, reason, column=column.destination)


def _content(column: ColumnPlan, seen: Seen) -> Iterator[Suggestion]:
    name, kind = column.destination, column.treatment.kind
    if kind == "token":
        reason = "It becomes a token: tok_ and 32 hexadecimal digits."
        yield _check("column_values_to_match_regex", "ERROR", reason, column=name, regex=TOKEN)
        reason = f"A token has {TOKEN_LENGTH} characters."
        yield _check("column_value_lengths_to_equal", "ERROR", reason, column=name, value=TOKEN_LENGTH)
    elif kind == "redact":
        reason = "It is redacted, so that no other text may be there."
        yield _check("column_values_to_be_in_set", "ERROR", reason, column=name, value_set=[REDACTED])
    elif kind == "constant" and isinstance(column.treatment.params.get("value"), str | int):
        reason = "It becomes this constant."
        value = column.treatment.params["value"]
        yield _check("column_values_to_be_in_set", "ERROR", reason, column=name, value_set=[value])
    elif kind == "pass" and seen.present >= ENOUGH_ROWS:
        yield from _as_it_was(column, seen)


def _as_it_was(column: ColumnPlan, seen: Seen) -> Iterator[Suggestion]:
    """A column that passes holds what the profile saw."""
    own = family(lanes.duckdb_type(column.destination_type))
    if own == "number":
        yield from _range(column.destination, seen)
    elif own in ("date", "timestamp"):
        yield from _since(column.destination, seen)
    elif own == "text":
        yield from _shape(column.destination, seen)


def _range(name: str, seen: Seen) -> Iterator[Suggestion]:
    low, high = number(seen.minimum), number(seen.maximum)
    if low is None or high is None:
        return
    room = (high - low) * SLACK or abs(high) * SLACK or Decimal(1)
    first = max(_round(low - room, ROUND_FLOOR), Decimal(0)) if low >= 0 else _round(low - room, ROUND_FLOOR)
    last = min(_round(high + room, ROUND_CEILING), Decimal(0)) if high <= 0 else _round(high + room, ROUND_CEILING)
    reason = f"Values lay between {_text(low)} and {_text(high)}; a tenth of that is added on either side."
    given = {"min_value": _number(first), "max_value": _number(last)}
    yield _check("column_values_to_be_between", "WARN", reason, column=name, **given)


def _since(name: str, seen: Seen) -> Iterator[Suggestion]:
    """Days go on: only the first of them bounds what comes."""
    day = (seen.minimum or "")[:10]
    if re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        reason = f"The earliest was of {day}."
        yield _check("column_values_to_be_between", "WARN", reason, column=name, min_value=day)


def _shape(name: str, seen: Seen) -> Iterator[Suggestion]:
    low, high = seen.min_length, seen.max_length
    one = len(seen.patterns) == 1 and seen.patterns[0][1] == seen.present and len(seen.patterns[0][0]) <= LONGEST_SHAPE
    pattern = _regex(seen.patterns[0][0]) if one else ""
    if pattern:
        reason = f"All of {seen.present:,} values had the shape {seen.patterns[0][0]}."
        yield _check("column_values_to_match_regex", "WARN", reason, column=name, regex=pattern)
    elif low is not None and high is not None and low == high:
        reason = f"All of {seen.present:,} values had {low} characters."
        yield _check("column_value_lengths_to_equal", "WARN", reason, column=name, value=low)
    elif low is not None and high is not None:
        reason = f"Values had {low} to {high} characters; half as many again are let through."
        given = {"min_value": math.floor(low / 2) or min(low, 1), "max_value": math.ceil(high * 1.5)}
        yield _check("column_value_lengths_to_be_between", "WARN", reason, column=name, **given)


def _regex(shape: str) -> str:
    """`AA-99` as `^\\p{Lu}{2}-[0-9]{2}$`; "" for a shape with other signs (`?`), or one that was cut off."""
    if not shape or not shape.isascii() or "?" in shape:
        return ""
    parts = []
    for found in _RUN_OF_SIGNS.finditer(shape):
        sign, count = found[1], len(found[0])
        class_ = {"A": r"\p{Lu}", "a": r"\p{Ll}", "9": "[0-9]"}.get(sign) or re.escape(sign)
        parts.append(class_ if count == 1 else f"{class_}{{{count}}}")
    return f"^{''.join(parts)}$"


def _round(value: Decimal, way: str) -> Decimal:
    """Outward to three digits: a limit that somebody may read."""
    if not value:
        return Decimal(0)
    return value.quantize(Decimal(1).scaleb(value.adjusted() - 2), rounding=way)


def _number(value: Decimal) -> int | str:
    return int(value) if value == value.to_integral_value() else _text(value)


def _text(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
