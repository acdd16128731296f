"""partial shows what it was told to show, and nothing of a value that is too short or is no address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dataplane.treatments.support import spec, texts

KEEP = st.integers(0, 5)


def by_hand(value: str, first: int, last: int) -> str:
    if not value:
        return "*"
    if first + last >= len(value):
        return "*" * len(value)
    return value[:first] + "*" * (len(value) - first - last) + (value[-last:] if last else "")


@given(values=st.lists(st.none() | st.text(max_size=12)), first=KEEP, last=KEEP)
def test_every_text_is_masked_as_by_hand(values: list[str | None], first: int, last: int) -> None:
    values = [value and value.encode("utf-8", "ignore").decode() for value in values]
    expected = [None if value is None else by_hand(value, first, last) for value in values]
    assert texts(spec("partial", keep_first=first, keep_last=last), values) == expected


@pytest.mark.parametrize("value", ["", "a", "12", "1234", "é", "😀", "\n", "****", " "])
def test_empty_and_short_text_never_comes_out_readable(value: str) -> None:
    masked = "*" * max(1, len(value))
    assert texts(spec("partial", keep_last=4), [value]) == [masked]
    assert texts(spec("partial", keep_first=2, keep_last=2), [value]) == [masked]
    assert texts(spec("partial", keep_first=4, keep_domain=True), [value]) == [masked]


def test_the_ends_stay_readable() -> None:
    assert texts(spec("partial", keep_last=4), ["4111111111111111", "12345"]) == ["************1111", "*2345"]
    assert texts(spec("partial", keep_first=1, keep_last=1), ["Zoë 😀"]) == ["Z***😀"]
    assert texts(spec("partial"), ["two\nlines"]) == ["*********"]


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("ann@example.com", "***@example.com"),
        ("a@b@mail.example.com", "***@mail.example.com"),
        ("ann@büro.example", "***@büro.example"),
        ("ann@localhost", "***@localhost"),
        ("two\nlines@example.com", "*********@example.com"),
        ("@example.com", "************"),
        ("ann@", "****"),
        ("ann", "***"),
        ("@", "*"),
        ("ann@example.com, bob", "********************"),
        ("call me @ +49 171 1234567", "*************************"),
        ("pin@1234", "********"),
        ("ann@192.168.0.1", "***************"),
        ("ann@example.com\n", "****************"),
    ],
)
def test_only_a_host_after_the_last_at_stays_readable(value: str, masked: str) -> None:
    assert texts(spec("partial", keep_domain=True), [value]) == [masked]


def test_with_the_domain_the_ends_are_those_of_the_part_before_it() -> None:
    values = ["annabel@example.com", "an@example.com", "annabel", None]
    expected = ["a*****l@example.com", "**@example.com", "*******", None]
    assert texts(spec("partial", keep_first=1, keep_last=1, keep_domain=True), values) == expected
