"""A shape shows how a value looks and nothing of what it says."""

from __future__ import annotations

import string
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dataplane.classify import shape, shapes


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("Alice@example.org", "Aaaaa@aaaaaaa.aaa"),
        ("+49 (0)170 1234567", "+99 (9)999 9999999"),
        ("DE89370400440532013000", "AA99999999999999999999"),
        ("Zoë Ångström-Ünal", "Aaa Aaaaaaaa-Aaaa"),
        ("2024-02-29T10:00Z", "9999-99-99A99:99A"),
        ("日本語 ٣٤ Ⅷ ½", "aaa 99 9 9"),
        ("a\tb\nc\x00d\u200be", "a a a a a"),
        ("€5 → 😀", "?9 ? ?"),
        ("", ""),
    ],
)
def test_letters_digits_and_the_rest(value: str, wanted: str) -> None:
    assert shape(value) == wanted


def test_a_shape_has_at_most_64_characters() -> None:
    assert shape("x" * 64) == "a" * 64
    assert shape("x" * 65) == "a" * 63 + "…"
    assert shape("1" * 100_000) == "9" * 63 + "…"


def test_a_column_is_shaped_as_its_values_are() -> None:
    assert shapes(["Ab1", None, "", "x" * 70]) == ["Aa9", None, "", "a" * 63 + "…"]
    assert shapes([]) == []
    assert shapes([None, None]) == [None, None]
    assert shapes(["a\x1fb", "c"]) == ["a a", "a"]


@given(st.lists(st.none() | st.text(max_size=80), max_size=20))
def test_the_fast_way_and_the_plain_way_agree(values: list[str | None]) -> None:
    assert shapes(values) == [None if value is None else shape(value) for value in values]


@given(st.text(max_size=80))
def test_nothing_of_the_value_stays_but_ascii_punctuation(value: str) -> None:
    found = shape(value)

    assert set(found) <= set("Aa9 ?…") | set(string.punctuation)
    assert len(found) <= 64
    assert [key for key, _ in groupby(found)] == [key for key, _ in groupby(shape(found))] or "…" in found
