"""token is AES-CMAC under the domain's key: the same everywhere, whatever column, batch or layout a value is in."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from tests.dataplane.treatments.support import KEY, spec, texts, treated

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def by_hand(key: bytes, value: str) -> str:
    """HKDF-SHA256 (RFC 5869) and AES-CMAC, one value at a time."""
    extracted = hmac.digest(bytes(32), key, hashlib.sha256)
    mac = CMAC(algorithms.AES(hmac.digest(extracted, b"lockgate/treatments/token/1\x01", hashlib.sha256)))
    mac.update(value.encode())
    return "tok_" + mac.finalize().hex()


@given(key=st.binary(min_size=32, max_size=32), values=st.lists(st.none() | TEXT, max_size=30))
def test_every_value_gets_the_token_made_by_hand(key: bytes, values: list[str | None]) -> None:
    out = treated(spec("token"), pa.array(values, pa.string()), key)
    assert out is not None
    assert out.to_pylist() == [None if value is None else by_hand(key, value) for value in values]


def test_repeated_values_get_the_same_tokens_as_single_ones() -> None:
    values = [None if number % 7 == 0 else f"user{number % 5}@example.com" for number in range(10_000)]
    tokens = {value: by_hand(KEY, value) for value in values if value is not None}
    assert texts(spec("token"), values) == [None if value is None else tokens[value] for value in values]


def test_distinct_values_with_nulls_between_them() -> None:
    values = [None if number % 3 == 0 else f"user{number}@example.com" for number in range(5_000)]
    assert texts(spec("token"), values) == [None if value is None else by_hand(KEY, value) for value in values]


def test_another_key_gives_other_tokens() -> None:
    one, other = (treated(spec("token"), pa.array(["ann"]), key).to_pylist() for key in (KEY, bytes(32)))
    assert one != other


def test_a_number_and_its_digits_join() -> None:
    numbers = treated(spec("token"), pa.array([7, -12, None], pa.int64()))
    assert numbers is not None
    assert numbers.to_pylist() == texts(spec("token"), ["7", "-12", None])


def test_empty_text_has_a_token_and_is_not_null() -> None:
    assert texts(spec("token"), [""]) == [by_hand(KEY, "")]
