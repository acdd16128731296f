"""A wrapped key opens with its key-encryption key at its place, and never otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dataplane.crypto.keywrap import new_key, unwrap, wrap
from apps.dataplane.errors import Locked

KEK = bytes(range(32))
PLACE = "key/crm/3"


def test_new_keys_have_32_bytes_and_differ() -> None:
    keys = {new_key() for _ in range(10)}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 10


@given(secret=st.binary(max_size=300), place=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_what_was_wrapped_opens_again(secret: bytes, place: str) -> None:
    assert unwrap(KEK, wrap(KEK, secret, place=place), place=place) == secret


def test_the_same_secret_never_looks_the_same() -> None:
    assert wrap(KEK, b"secret", place=PLACE) != wrap(KEK, b"secret", place=PLACE)


@given(position=st.integers(0, 34), bit=st.integers(0, 7))
def test_one_altered_bit_locks(position: int, bit: int) -> None:
    wrapped = bytearray(wrap(KEK, b"secret", place=PLACE))
    assert len(wrapped) == 35
    wrapped[position] ^= 1 << bit
    with pytest.raises(Locked):
        unwrap(KEK, bytes(wrapped), place=PLACE)


@pytest.mark.parametrize("length", [0, 1, 12, 13, 28, 34])
def test_a_cut_secret_locks(length: int) -> None:
    with pytest.raises(Locked):
        unwrap(KEK, wrap(KEK, b"secret", place=PLACE)[:length], place=PLACE)


def test_another_key_or_place_locks_and_says_so_without_the_secret() -> None:
    wrapped = wrap(KEK, b"hunter2", place=PLACE)
    with pytest.raises(Locked):
        unwrap(KEK, wrapped, place="key/crm/4")
    with pytest.raises(Locked) as locked:
        unwrap(bytes(32), wrapped, place=PLACE)
    assert locked.value.sentence == (
        "The secret kept at key/crm/3 does not open: this process holds another key, or the stored bytes were altered."
    )
    assert "hunter2" not in repr(locked.value) + locked.value.remedy
