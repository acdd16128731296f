"""Canonical JSON bytes: the RFC 8785 profile without floats, integers below 2**53, keys within the BMP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

_ALLOWED = "object, array, string, integer, true, false, null"
LARGEST_INTEGER = 2**53 - 1

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]


def canonical_bytes(value: Json) -> bytes:
    """The one UTF-8 encoding of `value`. Raises ValueError for what RFC 8785 implementations write differently."""
    _require_portable(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def canonical_hash(value: Json) -> str:
    """SHA-256 of the canonical bytes, in hex."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def _require_portable(value: object, path: str) -> None:
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise ValueError(f"{path}: integers must be below 2**53 in magnitude")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or any(ord(letter) > 0xFFFF for letter in key):
                raise ValueError(f"{path}: keys must be strings within the Basic Multilingual Plane")
            _require_portable(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _require_portable(item, f"{path}[{index}]")
    else:
        raise ValueError(f"{path}: {type(value).__name__} is none of {_ALLOWED}")
