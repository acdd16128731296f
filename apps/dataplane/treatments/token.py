"""token: a keyed, one-way token; the same value under the same key gives the same token everywhere, so joins survive.

token/1 is `tok_` and 32 hex digits: AES-256-CMAC, under HKDF-SHA256(domain key, "treatments/token/1"), of the text.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.crypto.cmac import TAG_BYTES, VALUES_AT_ONCE, ColumnMac
from apps.dataplane.crypto.derive import subkey
from apps.dataplane.errors import Locked
from apps.dataplane.plan import TreatmentSpec

from .base import Context, Params, Treatment
from .columns import as_text, by_value, count_failing

_PREFIX = np.frombuffer(b"tok_", np.uint32)
_PAIRS = np.arange(2**16, dtype="<u2").tobytes().hex().encode()
_HEX_OF_TWO_BYTES = np.frombuffer(_PAIRS, np.uint32)
_LENGTH = 4 + 2 * TAG_BYTES


class Token(Treatment):
    kind = "token"
    keyed = True
    keeps_unique = True

    def apply(self, column: pa.Array, context: Context) -> pa.Array:
        if context.key is None:
            raise Locked(
                "The treatment token needs its domain's key, and this process was started without it.",
                remedy="Start the extract worker with its key.",
            )
        mac = ColumnMac(subkey(context.key, "treatments/token/1"))
        return by_value(as_text(column, self.kind), lambda values: _tokens(mac, values))

    def output_type(self, params: Params, source_type: str) -> str:
        return "text"

    def max_length(self, params: Params, source_type: str) -> int | None:
        return _LENGTH

    def looks_treated(self, params: Params, column: pa.Array) -> str | None:
        staged = as_text(column, self.kind)
        holds = pc.match_substring_regex(staged, r"\Atok_[0-9a-f]{32}\z")
        return count_failing(staged, holds, "are not tok_ and 32 hex digits")

    def describe(self, params: Params) -> str:
        return "replaced by a keyed token"

    def covers(self, params: Params, before: TreatmentSpec, before_params: Params) -> bool:
        return False


def _tokens(mac: ColumnMac, values: pa.Array) -> pa.Array:
    written = np.empty((len(values), _LENGTH // 4), np.uint32)
    written[:, 0] = _PREFIX
    for first in range(0, len(values), VALUES_AT_ONCE):
        tags = mac.tags(values.slice(first, VALUES_AT_ONCE))
        written[first : first + VALUES_AT_ONCE, 1:] = _HEX_OF_TWO_BYTES.take(tags.view("<u2"))
    offsets = np.arange(0, (len(values) + 1) * _LENGTH, _LENGTH, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(written)])
