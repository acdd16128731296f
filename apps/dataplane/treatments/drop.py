"""drop: the column does not reach the destination."""

from __future__ import annotations

import pyarrow as pa

from apps.dataplane.plan import TreatmentSpec

from .base import Context, Params, Treatment


class Drop(Treatment):
    kind = "drop"

    def apply(self, column: pa.Array, context: Context) -> None:
        return None

    def output_type(self, params: Params, source_type: str) -> str:
        return ""

    def max_length(self, params: Params, source_type: str) -> int | None:
        return 0

    def looks_treated(self, params: Params, column: pa.Array) -> str | None:
        return "a column that is to be dropped is staged"

    def describe(self, params: Params) -> str:
        return "left out"

    def covers(self, params: Params, before: TreatmentSpec, before_params: Params) -> bool:
        return True
