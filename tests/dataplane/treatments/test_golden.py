"""A released implementation never changes its output: every version of every treatment has its golden values.

A treatment whose output is to change gets a new version and a new entry in golden.json; old entries stay as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from apps.dataplane import treatments
from apps.dataplane.plan import TreatmentSpec
from tests.dataplane.treatments.support import KEY, treated

CASES = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
INPUTS = {
    "text": pa.array(
        [
            None,
            "",
            "a",
            "1234",
            "4111111111111111",
            "ann@example.com",
            "a@b@mail.example.com",
            "Zoë 😀",
            "x" * 16,
            "x" * 17,
            "y" * 2000,
        ],
        pa.string(),
    ),
    "temporal": pa.array([None, 0, -1, 1_589_684_645_000_001, -2_208_988_800_000_000], pa.int64()).view(
        pa.timestamp("us", "UTC")
    ),
}


def observed(case: dict[str, Any]) -> dict[str, Any]:
    spec = TreatmentSpec(case["kind"], case["params"], case["version"])
    out = treated(spec, INPUTS[treatments.wants(spec)], KEY)
    if out is None:
        return {"type": "", "values": None}
    return {"type": str(out.type), "values": out.cast(pa.string()).to_pylist()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}/{case['version']} {case['params']}")
def test_the_output_of_a_version_never_changes(case: dict[str, Any]) -> None:
    assert observed(case) == {"type": case["type"], "values": case["values"]}


def test_every_version_has_golden_values() -> None:
    known = {(treatment.kind, treatment.version) for treatment in treatments._ALL}
    assert {(case["kind"], case["version"]) for case in CASES} == known
