"""Signatures are Ed25519 as RFC 8032 defines it."""

from __future__ import annotations

import pytest

from apps.dataplane.crypto.signing import generate, sign, verify

RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("private", "public", "message", "signature"), RFC_8032)
def test_published_vectors(private: str, public: str, message: str, signature: str) -> None:
    assert sign(bytes.fromhex(private), bytes.fromhex(message)).hex() == signature
    assert verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)) is True


def test_an_altered_message_or_signature_or_another_key_does_not_verify() -> None:
    private, public = generate()
    signature = sign(private, b"part")
    assert verify(public, b"part", signature) is True
    assert verify(public, b"Part", signature) is False
    assert verify(public, b"part", bytes([signature[0] ^ 1]) + signature[1:]) is False
    assert verify(public, b"part", signature[:63]) is False
    assert verify(public, b"part", b"") is False
    assert verify(generate()[1], b"part", signature) is False
