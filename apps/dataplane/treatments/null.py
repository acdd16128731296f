"""null: the column stays, every value becomes NULL."""

from __future__ import annotations

import pyarrow as pa

from apps.dataplane.plan import TreatmentSpec

from .base import Context, Params, Treatment
from .columns import count_failing, plain_array


class Null(Treatment):
    kind = "null"
    keeps_not_null = False

    def apply(self, column: pa.Array, context: Context) -> pa.Array:
        return pa.nulls(len(column), plain_array(column).type)

    def output_type(self, params: Params, source_type: str) -> str:
        return source_type

    def max_length(self, params: Params, source_type: str) -> int | None:
        return 0

    def looks_treated(self, params: Params, column: pa.Array) -> str | None:
        staged = plain_array(column)
        return count_failing(staged, staged.is_null(), "are not NULL")

    def describe(self, params: Params) -> str:
        return "emptied: every value becomes NULL"

    def covers(self, params: Params, before: TreatmentSpec, before_params: Params) -> bool:
        return True
