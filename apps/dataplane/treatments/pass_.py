"""pass: the column leaves as it came."""

from __future__ import annotations

import pyarrow as pa

from apps.dataplane.plan import TreatmentSpec

from .base import Context, Params, Treatment


class Pass(Treatment):
    kind = "pass"
    keeps_unique = True

    def apply(self, column: pa.Array, context: Context) -> pa.Array:
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

    def output_type(self, params: Params, source_type: str) -> str:
        return source_type

    def max_length(self, params: Params, source_type: str) -> int | None:
        return None

    def looks_treated(self, params: Params, column: pa.Array) -> str | None:
        return None

    def describe(self, params: Params) -> str:
        return "passed on unchanged"

    def covers(self, params: Params, before: TreatmentSpec, before_params: Params) -> bool:
        return False
