"""AES-CMAC (RFC 4493, NIST SP 800-38B) of a whole text column: every cipher round is one AES call over all values.

Values are ordered by their number of blocks, longest first, so the values that still have a block left are always a
prefix of the state and nothing is padded to the longest value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from numpy.typing import NDArray

BLOCK = 16
TAG_BYTES = 16
# State of this many values stays in the processor's cache; the result does not depend on it.
VALUES_AT_ONCE = 1 << 15
# Beyond 1 KiB the rounds outnumber the values that share them, and one value at a time is cheaper.
MOST_BLOCKS = 64

# A block as two words for arithmetic, and as one opaque item for moving: numpy moves items many times faster than rows.
Words = NDArray[np.uint64]
Blocks = NDArray[np.void]
_WHOLE = np.dtype("V16")
Counts = NDArray[np.int64]


class ColumnMac:
    """AES-CMAC under one key (16, 24 or 32 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._aes = algorithms.AES(key)
        # ECB is the bare block cipher here: CMAC's chaining is done by `_chain`. RFC 4493 is built on it.
        self._encryptor = Cipher(self._aes, modes.ECB()).encryptor()  # noqa: S305
        zero = self._encrypt(np.zeros((1, 2), np.uint64)).tobytes()
        first = _double(zero)
        self._keep, self._finish = _tail_tables(first, _double(first))

    def tags(self, column: pa.Array) -> NDArray[np.uint8]:
        """One tag per value of a string or binary array without nulls: shape (len(column), 16)."""
        if column.null_count:
            raise ValueError("nulls have no tag")
        starts, lengths, content = _layout(column)
        windows = _windows(content)
        tags = np.empty(len(column), _WHOLE)
        for first in range(0, len(column), VALUES_AT_ONCE):
            part = slice(first, first + VALUES_AT_ONCE)
            tags[part] = self._tags(starts[part], lengths[part], content, windows)
        return tags.view(np.uint8).reshape(-1, TAG_BYTES)

    def _tags(self, starts: Counts, lengths: Counts, content: NDArray[np.uint8], windows: Blocks) -> Blocks:
        blocks = np.maximum(1, (lengths + BLOCK - 1) // BLOCK)
        tags = np.empty(len(starts), _WHOLE)
        for row in np.flatnonzero(blocks > MOST_BLOCKS):
            value = content[starts[row] : starts[row] + lengths[row]].tobytes()
            tags[row] = np.frombuffer(self._tag_of_one(value), _WHOLE)[0]
        rows = np.flatnonzero(blocks <= MOST_BLOCKS)
        rows = rows[np.argsort((MOST_BLOCKS - blocks[rows]).astype(np.uint8), kind="stable")]
        tags[rows] = self._chain(starts[rows], lengths[rows], blocks[rows], windows).view(_WHOLE).reshape(-1)
        return tags

    def _chain(self, starts: Counts, lengths: Counts, blocks: Counts, windows: Blocks) -> Words:
        """The CBC chain over values in descending order of `blocks`."""
        state = np.zeros((len(starts), 2), np.uint64)
        last = self._last_blocks(starts, lengths, blocks, windows)
        longest = int(blocks[0]) if len(blocks) else 0
        with_more_than = len(blocks) - np.cumsum(np.bincount(blocks, minlength=longest + 2))
        for done in range(longest):
            active, inner = int(with_more_than[done]), int(with_more_than[done + 1])
            state[:inner] ^= _gather(windows, starts[:inner] + BLOCK * done)
            state[inner:active] ^= last[inner:active]
            state[:active] = self._encrypt(state[:active])
        return state

    def _last_blocks(self, starts: Counts, lengths: Counts, blocks: Counts, windows: Blocks) -> Words:
        before = (blocks - 1) * BLOCK
        left = lengths - before
        last = _gather(windows, starts + before)
        last &= self._keep.take(left, axis=0)
        last ^= self._finish.take(left, axis=0)
        return last

    def _encrypt(self, state: Words) -> Words:
        out = np.empty(state.nbytes + BLOCK - 1, np.uint8)
        written = self._encryptor.update_into(state.view(np.uint8).reshape(-1).data, out.data)
        return out[:written].view(np.uint64).reshape(-1, 2)

    def _tag_of_one(self, value: bytes) -> bytes:
        mac = CMAC(self._aes)
        mac.update(value)
        return mac.finalize()


def _double(block: bytes) -> bytes:
    """Multiplication by x in GF(2^128), RFC 4493 section 2.3."""
    doubled = int.from_bytes(block, "big") << 1
    if doubled >> 128:
        doubled = (doubled & ((1 << 128) - 1)) ^ 0x87
    return doubled.to_bytes(BLOCK, "big")


def _tail_tables(full: bytes, padded: bytes) -> tuple[Words, Words]:
    """By number of bytes left in the last block (0 to 16): which bytes to keep, and padding and subkey to add."""
    keep = b"".join(b"\xff" * left + b"\0" * (BLOCK - left) for left in range(BLOCK + 1))
    padding = b"".join((b"\0" * left + b"\x80").ljust(BLOCK, b"\0") for left in range(BLOCK)) + b"\0" * BLOCK
    subkeys = padded * BLOCK + full
    words = [np.frombuffer(table, np.uint64).reshape(-1, 2) for table in (keep, padding, subkeys)]
    return words[0], words[1] ^ words[2]


def _layout(column: pa.Array) -> tuple[Counts, Counts, NDArray[np.uint8]]:
    """Where each value starts in the content, its length, and the content with a block of zeros behind it."""
    large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    if not len(column):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.zeros(BLOCK, np.uint8)
    _, offset_buffer, content_buffer = column.buffers()
    written: NDArray[Any] = np.frombuffer(offset_buffer, np.int64 if large else np.int32)
    offsets = written[column.offset : column.offset + len(column) + 1].astype(np.int64)
    content = np.frombuffer(content_buffer or b"", np.uint8)[offsets[0] : offsets[-1]]
    return offsets[:-1] - offsets[0], np.diff(offsets), np.concatenate([content, np.zeros(BLOCK, np.uint8)])


def _windows(content: NDArray[np.uint8]) -> Blocks:
    """The sixteen bytes at every position of `content`, as a view."""
    return np.ndarray((len(content) - BLOCK + 1,), _WHOLE, buffer=content.data, strides=(1,))


def _gather(windows: Blocks, positions: Counts) -> Words:
    """The sixteen bytes at each position."""
    return windows[positions].view(np.uint64).reshape(-1, 2)
