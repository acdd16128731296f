"""Wraps data keys and private keys under the key-encryption key (AES-256-GCM), bound to the place where they are kept.

Wrapped form 1: the byte 1, a random nonce of 12 bytes, ciphertext and tag.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.dataplane.errors import Locked

from .derive import KEY_BYTES, place_bytes, subkey

_FORM = b"\x01"
_NONCE_BYTES = 12
_LABEL = "keywrap/1"


def new_key() -> bytes:
    """A fresh key of 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def wrap(kek: bytes, secret: bytes, *, place: str) -> bytes:
    """`secret` encrypted under `kek`; it opens only when `unwrap` is told the same `place`, e.g. `key/crm/3`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORM + nonce + AESGCM(subkey(kek, _LABEL)).encrypt(nonce, secret, place_bytes(_LABEL, place))


def unwrap(kek: bytes, wrapped: bytes, *, place: str) -> bytes:
    """The secret. Raises Locked when the key or the place is another one or the bytes were altered."""
    form, nonce, body = wrapped[:1], wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
    if form != _FORM or len(nonce) != _NONCE_BYTES:
        raise _locked(place)
    try:
        return AESGCM(subkey(kek, _LABEL)).decrypt(nonce, body, place_bytes(_LABEL, place))
    except InvalidTag:
        raise _locked(place) from None


def _locked(place: str) -> Locked:
    return Locked(
        f"The secret kept at {place} does not open: this process holds another key, or the stored bytes were altered.",
        remedy="Start the process with the key that wrapped it, or restore key and database from the same backup.",
    )
