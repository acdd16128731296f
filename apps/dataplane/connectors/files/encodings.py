"""Which encoding a file is in, and its text as UTF-8; bytes that are no text survive, to be found line by line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Protocol

from apps.dataplane.errors import Refused

from .settings import AUTO

LOOKED_AT = 4 * 1024 * 1024
BLOCK = 4 * 1024 * 1024
GUESS = "cp1252"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Bytes(Protocol):
    def read(self, size: int) -> bytes: ...


def detect(start: bytes, *, whole: bool) -> tuple[str, str]:
    """(encoding, how it was found out) from the first bytes of a file: a mark, UTF-8 if it is that, else a guess."""
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name, "its byte order mark says so"
    wide = _without_mark(start[:4096])
    if wide:
        return wide, "every other byte is zero"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start, final=whole)
    except UnicodeDecodeError:
        return GUESS, "a guess: it is not UTF-8"
    return "utf-8", "all of it is valid" if whole else f"valid in the first {LOOKED_AT >> 20} MiB"


def _without_mark(start: bytes) -> str:
    half = len(start) // 2
    if half < 2:
        return ""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd > half * 0.7 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.7 and odd < half * 0.1:
        return "utf-16-be"
    return ""


def blocks(stream: Bytes, encoding: str, *, path: str, size: int = BLOCK) -> Iterator[bytes]:
    """The text as UTF-8 without its mark, in blocks. What cannot be decoded comes out as bytes that are no UTF-8."""
    if encoding in ("utf-8", "ascii"):
        first = True
        while block := stream.read(size):
            yield block.removeprefix(codecs.BOM_UTF8) if first else block
            first = False
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    first = True
    try:
        while block := stream.read(size):
            text = decoder.decode(block)
            yield _again(text.removeprefix("\ufeff") if first else text)
            first = False
        yield _again(decoder.decode(b"", final=True))
    except UnicodeDecodeError:
        raise Refused(
            f"{path} is not {encoding}: it holds bytes that mean nothing there.",
            remedy="Say its encoding under `Encoding`, or leave it to be found out.",
        ) from None


def _again(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def settled(said: str, start: bytes, *, whole: bool) -> tuple[str, str]:
    """`said` by somebody, or found out."""
    return (said, "as set") if said != AUTO else detect(start, whole=whole)
