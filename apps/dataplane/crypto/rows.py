"""Encrypts quarantined rows one by one (AES-256-GCM), each bound to its place and its row id.

Sealed row form 1: the byte 1, the batch's salt (16 bytes), the nonce (12 bytes), ciphertext and tag. Every batch
derives its own key from a random salt and counts its nonces, so under one data key no nonce ever returns.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.dataplane.errors import Locked

from .derive import place_bytes, subkey

_FORM = b"\x01"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_HEAD_BYTES = 1 + _SALT_BYTES + _NONCE_BYTES
_LABEL = "rows/1"


def encrypt_rows(key: bytes, rows: Sequence[bytes], *, place: str, row_ids: Sequence[int]) -> list[bytes]:
    """Each row encrypted; `row_ids` holds one id per row. `place` names run and stream, e.g. `run/<id>/customers`."""
    salt = secrets.token_bytes(_SALT_BYTES)
    cipher = AESGCM(subkey(key, _LABEL, salt=salt))
    sealed = []
    for count, (row, row_id) in enumerate(zip(rows, row_ids, strict=True)):
        nonce = count.to_bytes(_NONCE_BYTES, "big")
        sealed.append(_FORM + salt + nonce + cipher.encrypt(nonce, row, place_bytes(_LABEL, place, row_id)))
    return sealed


def decrypt_row(key: bytes, sealed: bytes, *, place: str, row_id: int) -> bytes:
    """The row. Raises Locked when key, place or row id is another one or the bytes were altered."""
    if sealed[:1] != _FORM or len(sealed) < _HEAD_BYTES:
        raise _locked(place, row_id)
    salt, nonce = sealed[1 : 1 + _SALT_BYTES], sealed[1 + _SALT_BYTES : _HEAD_BYTES]
    try:
        cipher = AESGCM(subkey(key, _LABEL, salt=salt))
        return cipher.decrypt(nonce, sealed[_HEAD_BYTES:], place_bytes(_LABEL, place, row_id))
    except InvalidTag:
        raise _locked(place, row_id) from None


def _locked(place: str, row_id: int) -> Locked:
    return Locked(
        f"Quarantined row {row_id} of {place} does not open: it was encrypted under another key or for another place, "
        "or its bytes were altered.",
        remedy="Check that the key version of that run has not been destroyed.",
    )
