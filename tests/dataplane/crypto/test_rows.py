"""A quarantined row opens with its key, at its place, under its own id, and never otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dataplane.crypto.rows import decrypt_row, encrypt_rows
from apps.dataplane.errors import Locked

KEY = bytes(range(32))
PLACE = "run/7/customers"
ROW_ID = st.integers(-(2**63), 2**63 - 1)


@given(rows=st.lists(st.tuples(ROW_ID, st.binary(max_size=80)), max_size=20))
def test_every_row_opens_again_in_order(rows: list[tuple[int, bytes]]) -> None:
    row_ids = [row_id for row_id, _ in rows]
    sealed = encrypt_rows(KEY, [row for _, row in rows], place=PLACE, row_ids=row_ids)
    opened = [decrypt_row(KEY, one, place=PLACE, row_id=row_id) for one, row_id in zip(sealed, row_ids, strict=True)]
    assert opened == [row for _, row in rows]


def test_equal_rows_never_look_alike() -> None:
    sealed = encrypt_rows(KEY, [b"same"] * 5, place=PLACE, row_ids=[1] * 5)
    again = encrypt_rows(KEY, [b"same"] * 5, place=PLACE, row_ids=[1] * 5)
    assert len({*sealed, *again}) == 10


def test_two_rows_cannot_be_swapped() -> None:
    first, second = encrypt_rows(KEY, [b"ann", b"bob"], place=PLACE, row_ids=[1, 2])
    assert decrypt_row(KEY, second, place=PLACE, row_id=2) == b"bob"
    with pytest.raises(Locked) as locked:
        decrypt_row(KEY, first, place=PLACE, row_id=2)
    assert locked.value.sentence == (
        "Quarantined row 2 of run/7/customers does not open: "
        "it was encrypted under another key or for another place, or its bytes were altered."
    )


def test_another_place_or_key_locks() -> None:
    (sealed,) = encrypt_rows(KEY, [b"ann"], place=PLACE, row_ids=[1])
    with pytest.raises(Locked):
        decrypt_row(KEY, sealed, place="run/8/customers", row_id=1)
    with pytest.raises(Locked):
        decrypt_row(bytes(32), sealed, place=PLACE, row_id=1)


@given(position=st.integers(0, 47), bit=st.integers(0, 7))
def test_one_altered_bit_locks(position: int, bit: int) -> None:
    sealed = bytearray(encrypt_rows(KEY, [b"ann"], place=PLACE, row_ids=[1])[0])
    assert len(sealed) == 48
    sealed[position] ^= 1 << bit
    with pytest.raises(Locked):
        decrypt_row(KEY, bytes(sealed), place=PLACE, row_id=1)


@pytest.mark.parametrize("length", [0, 1, 28, 29, 44, 47])
def test_a_cut_row_locks(length: int) -> None:
    (sealed,) = encrypt_rows(KEY, [b"ann"], place=PLACE, row_ids=[1])
    with pytest.raises(Locked):
        decrypt_row(KEY, sealed[:length], place=PLACE, row_id=1)


def test_every_row_needs_an_id() -> None:
    with pytest.raises(ValueError, match="shorter"):
        encrypt_rows(KEY, [b"ann", b"bob"], place=PLACE, row_ids=[1])
