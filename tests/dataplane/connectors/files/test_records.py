"""The record splitter: one answer however the bytes come, the line of each record, and nothing guessed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.dataplane.connectors.files import records as splitting
from apps.dataplane.connectors.files.records import Dialect, records
from apps.dataplane.errors import Refused

Found = list[tuple[str, int, int, bool]]


COMMAS = Dialect()


def split(blocks: list[bytes], dialect: Dialect = COMMAS) -> Found | str:
    found: Found = []
    try:
        for piece in records(blocks, dialect, name="f.csv"):
            found += [
                (piece.body[start:end].decode(), int(line), int(fields), bool(odd))
                for start, end, line, fields, odd in zip(
                    piece.starts, piece.ends, piece.lines, piece.fields, piece.odd, strict=True
                )
            ]
    except Refused as error:
        return error.sentence
    return found


def one_letter_at_a_time(text: str) -> Found | None:
    """The same by the simplest means: None where a quote is never closed."""
    if text and not text.endswith("\n"):
        text += "\n"
    found: Found = []
    place, line = 0, 1
    while place < len(text):
        start, first, fields, odd = place, line, 1, False
        while True:
            rest = place
            if text[place] == '"':
                rest = place + 1
                while True:
                    rest = text.find('"', rest)
                    if rest < 0:
                        return None
                    if text[rest + 1 : rest + 2] != '"':
                        break
                    rest += 2
                rest += 1
            quoted = rest > place
            place = rest
            while text[place] not in ",\n":
                place += 1
            tail = text[rest:place].removesuffix("\r") if text[place] == "\n" else text[rest:place]
            odd = odd or (bool(tail) if quoted else "\r" in tail)
            place += 1
            if text[place - 1] == "\n":
                break
            fields += 1
        record = text[start : place - 1].removesuffix("\r")
        found.append((record, first, fields, odd))
        line += text.count("\n", start, place)
    return found


@given(st.text('ab,"\n\r', max_size=60), st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=600, deadline=None)
def test_any_split_into_blocks_gives_the_same_records_and_lines(text: str, cuts: list[int]) -> None:
    body = text.encode()
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    blocks = [body[start:end] for start, end in pairwise(edges)]
    expected = one_letter_at_a_time(text)
    found = split(blocks)
    if expected is None:
        assert isinstance(found, str)
    else:
        assert found == expected


def test_a_quoted_line_end_stays_inside_and_counts_as_a_line() -> None:
    assert split([b'a,b\n1,"x\ny"\n2,z\n']) == [
        ("a,b", 1, 2, False),
        ('1,"x\ny"', 2, 2, False),
        ("2,z", 4, 2, False),
    ]


def test_a_quote_within_a_plain_field_is_a_letter() -> None:
    assert split([b'5" pipe,1\n6,2\n']) == [('5" pipe,1', 1, 2, False), ("6,2", 2, 2, False)]


def test_text_after_a_closing_quote_is_odd() -> None:
    assert split([b'"a"b,1\n']) == [('"a"b,1', 1, 2, True)]


def test_a_quote_that_is_never_closed_names_its_line() -> None:
    assert split([b'a\n"b\nc\n']) == "f.csv, line 2: a quote is opened there and not closed within 16 MiB."


def test_an_endless_record_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "LONGEST_RECORD", 1000)
    given_out = 0

    def endless():
        nonlocal given_out
        yield b'a\n"'
        while True:
            given_out += 1
            yield b"x" * 100

    with pytest.raises(Refused) as caught:
        list(records(endless(), Dialect(), name="f.csv"))
    assert caught.value.sentence.startswith("f.csv, line 2: a quote is opened there")
    assert given_out == 10


def test_another_delimiter_and_no_quotes() -> None:
    assert split([b'"a;b\n'], Dialect(";", "")) == [('"a;b', 1, 2, False)]
