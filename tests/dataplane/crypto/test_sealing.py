"""Sealed secrets are HPKE as RFC 9180 defines it; a moved, cut or altered one does not open."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from apps.dataplane.crypto.derive import place_bytes
from apps.dataplane.crypto.sealing import generate, seal, unseal
from apps.dataplane.errors import Locked

PLACE = "connection/7/write"
AES_128_GCM, AES_256_GCM = (1, 16), (2, 32)


def opened_by_the_letter(
    private: bytes, enc: bytes, body: bytes, info: bytes, aad: bytes, aead: tuple[int, int]
) -> bytes:
    """RFC 9180 base mode, DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256, written from the text; the first message."""
    key = X25519PrivateKey.from_private_bytes(private)
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01" + aead[0].to_bytes(2, "big")
    shared = key.exchange(X25519PublicKey.from_public_bytes(enc))
    secret = expand(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", enc + public_of(private), 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    scheduled = extract(suite, secret, b"secret", b"")
    nonce = expand(suite, scheduled, b"base_nonce", context, 12)
    return AESGCM(expand(suite, scheduled, b"key", context, aead[1])).decrypt(nonce, body, aad)


def extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, hashlib.sha256)


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labelled + b"\x01", hashlib.sha256)[:length]


def public_of(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def test_our_reading_of_rfc_9180_opens_its_published_vector() -> None:
    opened = opened_by_the_letter(
        bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"),
        bytes.fromhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"),
        bytes.fromhex("f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"),
        b"Ode on a Grecian Urn",
        b"Count-0",
        AES_128_GCM,
    )
    assert opened == b"Beauty is truth, truth beauty"


def test_what_we_seal_opens_by_the_letter_of_rfc_9180() -> None:
    private, public = generate()
    sealed = seal(public, b"hunter2", place=PLACE)
    assert sealed[:1] == b"\x01"
    opened = opened_by_the_letter(private, sealed[1:33], sealed[33:], place_bytes("sealing/1", PLACE), b"", AES_256_GCM)
    assert opened == b"hunter2"


@given(secret=st.binary(max_size=300), place=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_what_was_sealed_opens_again(secret: bytes, place: str) -> None:
    private, public = generate()
    assert unseal(private, seal(public, secret, place=place), place=place) == secret


@given(position=st.integers(0, 55), bit=st.integers(0, 7))
def test_one_altered_bit_locks(position: int, bit: int) -> None:
    private, public = generate()
    sealed = bytearray(seal(public, b"hunter2", place=PLACE))
    assert len(sealed) == 56
    sealed[position] ^= 1 << bit
    with pytest.raises(Locked):
        unseal(private, bytes(sealed), place=PLACE)


@pytest.mark.parametrize("length", [0, 1, 20, 33, 48, 55])
def test_a_cut_secret_locks(length: int) -> None:
    private, public = generate()
    with pytest.raises(Locked):
        unseal(private, seal(public, b"hunter2", place=PLACE)[:length], place=PLACE)


def test_another_worker_or_place_locks_and_says_so() -> None:
    private, public = generate()
    sealed = seal(public, b"hunter2", place=PLACE)
    with pytest.raises(Locked):
        unseal(private, sealed, place="connection/8/write")
    with pytest.raises(Locked) as locked:
        unseal(generate()[0], sealed, place=PLACE)
    assert locked.value.sentence == (
        "The secret sealed for connection/7/write does not open: "
        "it was sealed to another key, or its bytes were altered."
    )
