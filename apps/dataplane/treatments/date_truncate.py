"""date_truncate: a date or time becomes the first moment of its year, quarter, month or day; zoned times in UTC."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import TreatmentSpec

from .base import Context, Parameter, Params, Treatment, refuse_type
from .columns import as_temporal, as_text, count_failing, plain_array

UNITS = ("year", "quarter", "month", "day")
_FIRST_DAYS = {"year": "01-01", "quarter": "(?:01|04|07|10)-01", "month": "[0-9]{2}-01", "day": "[0-9]{2}-[0-9]{2}"}
_MIDNIGHT = r"(?:[ T]00:00:00(?:\.0+)?(?:Z|[+-]00(?::?00)?)?)?"
_TYPES = r"date|timestamp(\(\d\))? with(out)? time zone"
_NOT_A_TIME = np.iinfo(np.int64).min


class DateTruncate(Treatment):
    kind = "date_truncate"
    wants = "temporal"
    parameters = {"unit": Parameter("choice", "What stays readable", required=True, choices=UNITS)}

    def apply(self, column: pa.Array, context: Context) -> pa.Array:
        return _truncate(as_temporal(column, self.kind), context.params["unit"])

    def output_type(self, params: Params, source_type: str) -> str:
        if not re.fullmatch(_TYPES, source_type):
            raise refuse_type(self.kind, source_type, "date and timestamp, with and without time zone")
        return source_type

    def max_length(self, params: Params, source_type: str) -> int | None:
        return None

    def looks_treated(self, params: Params, column: pa.Array) -> str | None:
        staged, unit = plain_array(column), params["unit"]
        if pa.types.is_temporal(staged.type):
            holds = pc.equal(_truncate(as_temporal(staged, self.kind), unit), staged)
        else:
            pattern = rf"\A[0-9]{{4,}}-{_FIRST_DAYS[unit]}{_MIDNIGHT}(?: BC)?\z"
            holds = pc.match_substring_regex(as_text(staged, self.kind), pattern)
        return count_failing(staged, holds, f"are not the first moment of a {unit}")

    def describe(self, params: Params) -> str:
        unit = params["unit"]
        return "cut to the day" if unit == "day" else f"cut to the first day of the {unit}"

    def covers(self, params: Params, before: TreatmentSpec, before_params: Params) -> bool:
        if before.kind != self.kind or before.version != self.version:
            return False
        return UNITS.index(params["unit"]) <= UNITS.index(before_params["unit"])


def _truncate(column: pa.Array, unit: str) -> pa.Array:
    """`column` with every value moved down to the start of its unit. Raises Invalid where its type cannot hold that."""
    day_count = pa.types.is_date32(column.type)
    storage, resolution = (pa.int32(), "D") if day_count else (pa.int64(), column.type.unit)
    before = column.view(storage).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    after = _floor(before.view(f"M8[{resolution}]"), unit)
    lowest = np.iinfo(np.int32 if day_count else np.int64).min
    if ((after > before) | (after < lowest) | (before == _NOT_A_TIME)).any():
        raise Invalid(
            f"The treatment date_truncate met a value whose {unit} begins before the earliest {column.type}.",
            remedy="Choose null or drop for this column, or correct the value at the source.",
            field="unit",
        )
    moved = pa.array(after, pa.int64()).cast(storage).view(column.type)
    return pc.if_else(column.is_valid(), moved, None) if column.null_count else moved


def _floor(moments: NDArray[np.datetime64], unit: str) -> NDArray[np.int64]:
    if unit == "quarter":
        months = moments.astype("M8[M]").astype(np.int64)
        floored = (months - months % 3).astype("M8[M]")
    else:
        floored = moments.astype(f"M8[{unit[0].upper()}]")
    return floored.astype(moments.dtype).astype(np.int64)
