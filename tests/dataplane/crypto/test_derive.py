"""One key, one use."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from apps.dataplane.crypto.derive import place_bytes, subkey

KEY = bytes(range(32))


def hkdf_sha256(key: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 for one block of output, written from the text."""
    extracted = hmac.digest(salt or bytes(32), key, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def test_a_subkey_is_hkdf_under_its_label() -> None:
    assert subkey(KEY, "treatments/token/1") == hkdf_sha256(KEY, b"", b"lockgate/treatments/token/1")
    assert subkey(KEY, "rows/1", salt=b"s" * 16) == hkdf_sha256(KEY, b"s" * 16, b"lockgate/rows/1")


def test_every_use_has_its_own_key() -> None:
    labels = ["treatments/token/1", "treatments/token/2", "keywrap/1", "rows/1"]
    assert len({subkey(KEY, label) for label in labels} | {KEY}) == 5


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"^a key has 32 bytes, not {length}$"):
        subkey(bytes(length), "rows/1")


def test_places_are_told_apart_whatever_they_contain() -> None:
    places = {
        place_bytes("rows/1", "run", 1),
        place_bytes("rows/1", "run", -1),
        place_bytes("rows/1", "run\0", 1),
        place_bytes("rows/1", "run" + "\0" * 7 + "\1"),
        place_bytes("rows", "/1run", 1),
    }
    assert len(places) == 5
