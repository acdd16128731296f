"""The column's MAC is AES-CMAC: published vectors, `cryptography` on random input, and every batch size alike."""

from __future__ import annotations

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from apps.dataplane.crypto import cmac
from apps.dataplane.crypto.cmac import ColumnMac

MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
RFC_4493 = (
    "2b7e151628aed2a6abf7158809cf4f3c",
    "bb1d6929e95937287fa37d129b756746",
    "070a16b46b4d4144f79bdd9dd04a287c",
    "dfa66747de9ae63030ca32611497c827",
    "51f0bebf7e3b9d92fc49741779363cfe",
)
NIST_AES_256 = (
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
    "028962f61b7bf89efc6b551f4667d983",
    "28a7023f452e8f82bd4bf28d8c37c35c",
    "aaf3d8f1de5640c232f5b169b9c911e6",
    "e1992190549f6ed5696a2c056c315410",
)
LENGTHS = (0, 16, 40, 64)
AROUND_THE_LIMITS = [b"x" * length for length in (0, 1, 15, 16, 17, 31, 32, 33, 1023, 1024, 1025, 1040, 5000)]


def one_at_a_time(key: bytes, values: list[bytes]) -> list[str]:
    def tag(value: bytes) -> str:
        mac = CMAC(algorithms.AES(key))
        mac.update(value)
        return mac.finalize().hex()

    return [tag(value) for value in values]


def hexes(key: bytes, column: pa.Array) -> list[str]:
    return [row.tobytes().hex() for row in ColumnMac(key).tags(column)]


@pytest.mark.parametrize("vector", [RFC_4493, NIST_AES_256], ids=["RFC 4493", "NIST SP 800-38B AES-256"])
def test_published_vectors(vector: tuple[str, ...]) -> None:
    column = pa.array([MESSAGE[:length] for length in LENGTHS], pa.binary())
    assert hexes(bytes.fromhex(vector[0]), column) == list(vector[1:])


@given(key=st.binary(min_size=32, max_size=32), values=st.lists(st.binary(max_size=200), max_size=60))
def test_equals_the_library_on_random_columns(key: bytes, values: list[bytes]) -> None:
    assert hexes(key, pa.array(values, pa.binary())) == one_at_a_time(key, values)


@pytest.mark.parametrize("type_", [pa.binary(), pa.large_binary(), pa.string(), pa.large_string()], ids=str)
def test_every_length_around_a_block_and_around_the_longest(type_: pa.DataType) -> None:
    key = bytes(range(32))
    assert hexes(key, pa.array(AROUND_THE_LIMITS, pa.binary()).cast(type_)) == one_at_a_time(key, AROUND_THE_LIMITS)


@pytest.mark.parametrize("at_once", [1, 2, 7, 1 << 15])
def test_the_values_worked_on_at_once_do_not_matter(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(cmac, "VALUES_AT_ONCE", at_once)
    key = bytes(range(32))
    assert hexes(key, pa.array(AROUND_THE_LIMITS)) == one_at_a_time(key, AROUND_THE_LIMITS)


def test_a_column_larger_than_one_round_of_work() -> None:
    values = [f"{number}@example.com".encode() for number in range(cmac.VALUES_AT_ONCE + 3)]
    key = bytes(range(32))
    assert hexes(key, pa.array(values)) == one_at_a_time(key, values)


def test_a_slice_gives_the_tags_of_its_own_values() -> None:
    values = [b"a", b"bb", b"", b"c" * 40, b"d"]
    column = pa.array(values)
    assert hexes(bytes(32), column.slice(1, 3)) == one_at_a_time(bytes(32), values[1:4])
    assert hexes(bytes(32), column.slice(5)) == []


def test_empty_columns_have_no_tags() -> None:
    assert ColumnMac(bytes(32)).tags(pa.array([], pa.string())).shape == (0, 16)
    assert ColumnMac(bytes(32)).tags(pa.array([""])).shape == (1, 16)


def test_a_null_has_no_tag() -> None:
    with pytest.raises(ValueError, match="nulls have no tag"):
        ColumnMac(bytes(32)).tags(pa.array(["a", None]))
