"""Seals a secret to a worker class's public key: who seals cannot open (HPKE, RFC 9180, base mode, single shot).

Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Sealed form 1: the byte 1, the encapsulated key (32 bytes),
ciphertext and tag. The place is HPKE's `info`, so sealed bytes moved to another place do not open.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from apps.dataplane.errors import Locked

from .derive import place_bytes, require_key

_FORM = b"\x01"
_LABEL = "sealing/1"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def generate() -> tuple[bytes, bytes]:
    """A new (private, public) pair, 32 raw bytes each."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def seal(public: bytes, secret: bytes, *, place: str) -> bytes:
    """`secret` for the owner of `public` alone, bound to `place`, e.g. `connection/<id>/write`."""
    key = X25519PublicKey.from_public_bytes(public)
    return _FORM + _SUITE.encrypt(secret, key, place_bytes(_LABEL, place))


def unseal(private: bytes, sealed: bytes, *, place: str) -> bytes:
    """The secret. Raises Locked when it was sealed to another key or for another place, or the bytes were altered."""
    require_key(private)
    key = X25519PrivateKey.from_private_bytes(private)
    if sealed[:1] != _FORM:
        raise _locked(place)
    try:
        return _SUITE.decrypt(sealed[1:], key, place_bytes(_LABEL, place))
    except InvalidTag:
        raise _locked(place) from None


def _locked(place: str) -> Locked:
    return Locked(
        f"The secret sealed for {place} does not open: it was sealed to another key, or its bytes were altered.",
        remedy="Enter the secret again, so that it is sealed to the key of today's worker.",
    )
