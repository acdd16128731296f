"""Short ways to name and apply treatments in tests."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from apps.dataplane import treatments
from apps.dataplane.plan import TreatmentSpec

KEY = bytes(range(32))
EVERY_KIND = {
    "pass": {},
    "drop": {},
    "null": {},
    "constant": {"value": "n/a"},
    "redact": {},
    "partial": {"keep_last": 2},
    "token": {},
    "date_truncate": {"unit": "month"},
}


def spec(kind: str, **params: Any) -> TreatmentSpec:
    return TreatmentSpec(kind, params)


def treated(given: TreatmentSpec, column: pa.Array, key: bytes | None = KEY) -> pa.Array | None:
    return treatments.treat(given, column, siblings={}, key=key, row_ids=pa.array(range(len(column)), pa.int64()))


def texts(given: TreatmentSpec, values: list[str | None]) -> list[str | None]:
    out = treated(given, pa.array(values, pa.string()))
    assert out is not None
    return list(out.to_pylist())
