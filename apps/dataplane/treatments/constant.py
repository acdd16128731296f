"""constant: every value becomes one fixed value of the column's own type."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import TreatmentSpec

from .base import Context, Parameter, Params, Treatment, declared_length, refuse_type
from .columns import all_the_same, as_text, count_failing

_TAKES = "text, whole numbers, numeric, boolean, date, timestamp and uuid"
_LARGEST = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_TEXT = r"text|citext|character varying(\(\d+\))?|character\(\d+\)"
_NUMERIC = r"numeric(?:\((\d+),(\d+)\))?"
_TIMESTAMP = r"timestamp(?:\(\d\))? with(?:out)? time zone"


class Constant(Treatment):
    kind = "constant"
    parameters = {"value": Parameter("text", "Value that replaces every other", required=True, most=1000)}

    def apply(self, column: pa.Array, context: Context) -> pa.Array:
        return all_the_same(column, context.params["value"])

    def output_type(self, params: Params, source_type: str) -> str:
        if not _fits(params["value"], source_type):
            raise Invalid(
                f"The value of the treatment constant is not a value of type {source_type}.",
                remedy="Enter a value of that type, or choose null or drop.",
                field="value",
            )
        return source_type

    def max_length(self, params: Params, source_type: str) -> int | None:
        return len(params["value"])

    def looks_treated(self, params: Params, column: pa.Array) -> str | None:
        staged = as_text(column, self.kind)
        return count_failing(staged, pc.equal(staged, params["value"]), "are not the fixed value")

    def describe(self, params: Params) -> str:
        return f"replaced by the fixed value “{params['value']}”"

    def covers(self, params: Params, before: TreatmentSpec, before_params: Params) -> bool:
        return before.kind not in ("drop", "null")


def _fits(value: str, source_type: str) -> bool:
    """Whether `value` is written as PostgreSQL itself writes a value of that type, so that it comes back unchanged."""
    if re.fullmatch(_TEXT, source_type):
        declared = declared_length(source_type)
        return declared is None or len(value) <= declared
    if source_type in _LARGEST:
        largest = _LARGEST[source_type]
        return bool(re.fullmatch(r"0|-?[1-9][0-9]{0,18}", value)) and -largest <= int(value) < largest
    if numeric := re.fullmatch(_NUMERIC, source_type):
        return _is_numeric(value, numeric[1], numeric[2])
    if source_type == "boolean":
        return value in ("t", "f")
    if source_type == "uuid":
        return bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value))
    if source_type == "date":
        return _is_moment(value, r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
    if re.fullmatch(_TIMESTAMP, source_type):
        zone = r"\+00" if "without" not in source_type else ""
        return _is_moment(value, r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}" + zone)
    raise refuse_type("constant", source_type, _TAKES)


def _is_numeric(value: str, precision: str | None, scale: str | None) -> bool:
    if not re.fullmatch(r"-?[0-9]{1,38}(\.[0-9]{1,38})?", value):
        return False
    if precision is None or scale is None:
        return True
    decimals = len(value.partition(".")[2])
    return decimals == int(scale) and abs(Decimal(value)) < Decimal(10) ** (int(precision) - int(scale))


def _is_moment(value: str, pattern: str) -> bool:
    if not re.fullmatch(pattern, value):
        return False
    try:
        datetime.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
