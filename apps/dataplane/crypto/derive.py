"""One key, one use: labelled subkeys, so that a key used for tokens is never used for anything else."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


def subkey(key: bytes, label: str, *, salt: bytes | None = None) -> bytes:
    """HKDF-SHA256 (RFC 5869) of a 32-byte `key` under `label`, e.g. `treatments/token/1`: 32 bytes.

    A label names one use of one implementation version. Raises ValueError for a key of another length.
    """
    require_key(key)
    info = b"lockgate/" + label.encode()
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(key)


def require_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")


def place_bytes(label: str, place: str, *numbers: int) -> bytes:
    """Associated data that binds a ciphertext to its use and place; unambiguous whatever `place` contains."""
    encoded = place.encode()
    parts = [b"lockgate/", label.encode(), b"\0", len(encoded).to_bytes(4, "big"), encoded]
    return b"".join(parts) + b"".join(number.to_bytes(8, "big", signed=True) for number in numbers)
