"""One file while it is read: what identifies it, and its bytes decompressed within bounds."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa

from apps.dataplane.errors import Refused

from . import paths
from .settings import AUTO

MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
CHUNK = 1024 * 1024
# What people compress comes to a fiftieth at most; a bomb comes to a thousandth and less.
MOST_RATIO = 250
RATIO_FROM = 64 * 1024 * 1024
MOST_BYTES = 256 * 1024**3
MOST_MEMORY = 256 * 1024 * 1024
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, ValueError)


@dataclass(frozen=True)
class Identity:
    """What tells one content of a file from another; `touched` also tells that it was written to meanwhile."""

    path: str
    size: int
    sha256: str
    touched: tuple[int, int, int]


class OpenedFile:
    """A regular file below a root. `stream` gives its bytes decompressed and hashes what it reads.

    >>> with OpenedFile(root, "a.csv.gz") as file:
    ...     content = file.stream("auto").read()
    ...     file.require_same(identity)
    """

    def __init__(self, root: Path, path: str) -> None:
        self.root, self.path = root, path
        self._raw: _Hashed | None = None

    def __enter__(self) -> Self:
        self._file = os.fdopen(paths.open_file(self.root, self.path), "rb", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def begins_with(self, length: int = 8) -> bytes:
        return os.pread(self._file.fileno(), length, 0)

    def compression(self, said: str) -> str:
        """`said`, or for `auto` what the first bytes say."""
        if said != AUTO:
            return said
        first = self.begins_with()
        return next((name for magic, name in MAGIC.items() if first.startswith(magic)), "none")

    def identity(self) -> Identity:
        """Reads the whole file once."""
        self._file.seek(0)
        digest = hashlib.sha256()
        while chunk := self._file.read(CHUNK):
            digest.update(chunk)
        return Identity(self.path, self.size, digest.hexdigest(), self._touched())

    def seekable(self) -> BinaryIO:
        """The raw bytes, for formats that jump about; `require_same` then hashes the file again."""
        self._file.seek(0)
        return self._file  # type: ignore[return-value]

    def stream(self, compression: str) -> Stream:
        """The bytes from the beginning. Its reads raise Refused for broken data and for bombs."""
        self._file.seek(0)
        self._raw = _Hashed(self._file)
        return Stream(self.path, self._raw, self.compression(compression))

    def require_same(self, before: Identity) -> None:
        """Refuses by name when the file is no longer, or was not while it was read, what it was `before`."""
        digest = self._raw.finish() if self._raw else self.identity().sha256
        named = os.stat(self._file.fileno())
        try:
            again = paths.open_file(self.root, self.path)
        except Exception:
            raise _changed(self.path) from None
        try:
            same_file = os.path.samestat(named, os.fstat(again))
        finally:
            os.close(again)
        if digest != before.sha256 or self._touched() != before.touched or not same_file:
            raise _changed(self.path)

    def _touched(self) -> tuple[int, int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns, status.st_ino


class _Hashed(io.RawIOBase):
    """Hashes and counts what is read through it."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        self._digest.update(memoryview(buffer)[:count])
        self.bytes += count
        return int(count)

    def finish(self) -> str:
        """The hash of the whole file, whatever the decompressor left unread."""
        while chunk := self._file.read(CHUNK):
            self._digest.update(chunk)
        return self._digest.hexdigest()


class Stream:
    """Bytes of a file after decompression."""

    def __init__(self, path: str, raw: _Hashed, compression: str) -> None:
        self.path, self.compression = path, compression
        self._raw = raw
        self.bytes = 0
        self._reader = self._open(io.BufferedReader(raw, CHUNK))

    def _open(self, raw: io.BufferedReader) -> Any:
        if self.compression == "gzip":
            return gzip.GzipFile(fileobj=raw)
        if self.compression == "bz2":
            return bz2.BZ2File(raw)
        if self.compression == "xz":
            return _Xz(raw)
        if self.compression == "zstd":
            return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
        return raw

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, fewer at the end only."""
        pieces, missing = [], size
        while missing and (piece := self._piece(min(missing, CHUNK))):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        try:
            piece = bytes(self._reader.read(size))
        except _BROKEN:
            if self.compression == "none":
                raise
            raise Refused(
                f"{self.path} cannot be decompressed: its {self.compression} data is broken or ends early.",
                remedy="Write the file again, and move it to its place when it is complete.",
            ) from None
        self.bytes += len(piece)
        self._require_no_bomb()
        return piece

    def _require_no_bomb(self) -> None:
        too_much = self.bytes > RATIO_FROM and self.bytes > MOST_RATIO * max(self._raw.bytes, 1)
        if (too_much and self.compression != "none") or self.bytes > MOST_BYTES:
            raise Refused(
                f"{self.path} is refused: it grows more than {MOST_RATIO} times when it is decompressed.",
                remedy="Decompress it yourself if it is meant to be so, and offer the plain file.",
            )


class _Xz:
    """xz with a bound on its memory, which lzma.LZMAFile lacks."""

    def __init__(self, raw: io.BufferedReader) -> None:
        self._raw = raw
        self._left = b""
        self._new()

    def _new(self) -> None:
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_MEMORY)

    def read(self, size: int) -> bytes:
        while True:
            if self._decompressor.eof:
                self._left = (self._decompressor.unused_data or self._raw.read(CHUNK)).lstrip(b"\0")
                if not self._left:
                    return b""
                self._new()
            if self._decompressor.needs_input and not self._left:
                self._left = self._raw.read(CHUNK)
                if not self._left:
                    raise EOFError
            piece = self._decompressor.decompress(self._left, size)
            self._left = b""
            if piece:
                return piece


def _changed(path: str) -> Refused:
    return Refused(
        f"{path} changed while it was read.",
        remedy="Write files under another name and rename them when they are complete; then run again.",
    )
