"""redact: every value becomes the same word, whatever it was."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.plan import TreatmentSpec

from .base import Context, Params, Treatment
from .columns import all_the_same, as_text, count_failing

REDACTED = "[redacted]"


class Redact(Treatment):
    kind = "redact"

    def apply(self, column: pa.Array, context: Context) -> pa.Array:
        return all_the_same(column, REDACTED)

    def output_type(self, params: Params, source_type: str) -> str:
        return "text"

    def max_length(self, params: Params, source_type: str) -> int | None:
        return len(REDACTED)

    def looks_treated(self, params: Params, column: pa.Array) -> str | None:
        staged = as_text(column, self.kind)
        return count_failing(staged, pc.equal(staged, REDACTED), f"are not {REDACTED}")

    def describe(self, params: Params) -> str:
        return f"replaced by {REDACTED}"

    def covers(self, params: Params, before: TreatmentSpec, before_params: Params) -> bool:
        return before.kind not in ("drop", "null")
