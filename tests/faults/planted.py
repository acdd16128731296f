"""Twelve values that must not be found where they do not belong, and the forms in which they are looked for."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

FEWEST_BYTES = 12


@dataclass(frozen=True)
class Person:
    """A customer who exists in the source alone: one row that passes and one that a rule turns away."""

    mark: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def digits(self) -> str:
        return str(int(self.mark, 16)).zfill(15)

    @property
    def values(self) -> dict[str, str]:
        return {
            "e-mail": f"canary.mail.{self.mark}",
            "phone": f"+49 30 {self.digits}",
            "iban": f"DE{self.digits[::-1]}00042",
            "card": f"4000{self.digits[:12]}",
            "note": f"canary note about {self.mark}",
            "turned away": f"canary turned away {self.mark}",
        }

    def rows(self) -> list[tuple[object, ...]]:
        """(id, name, email, phone, iban, card, birth_date, country, note, tags, preferences, created_at)"""
        own = self.values
        fixed = ("DE", own["note"], [], "{}", "2024-01-01 00:00:00+00")
        kept = (700001, "Canary", f"{own['e-mail']}@mail.example", own["phone"], own["iban"], own["card"], "1980-02-03")
        away = (700002, "Canary", own["turned away"], own["phone"], own["iban"], own["card"], "1980-02-03")
        return [(*kept, *fixed), (*away, *fixed)]


class Needles:
    """Finds any of the values in bytes: as they are, as hex digits, in base64 at any offset, as part of an address."""

    def __init__(self, values: Mapping[str, str | bytes]) -> None:
        self._of: dict[bytes, str] = {}
        for name, value in values.items():
            raw = value if isinstance(value, bytes) else value.encode()
            assert len(raw) >= FEWEST_BYTES, f"{name} is too short to be found for certain"
            for form in _forms(raw):
                self._of[form.lower()] = name

    def names_in(self, content: bytes) -> set[str]:
        lowered = content.lower()
        return {name for form, name in self._of.items() if form in lowered}


def _forms(raw: bytes) -> Iterator[bytes]:
    yield raw
    yield raw.hex().encode()
    yield quote(raw).encode()
    for before in range(3):
        # Characters of base64 that hold bits of what stands before or after are left out.
        text = base64.b64encode(bytes(before) + raw)
        yield text[(0, 2, 3)[before] : len(text) - 4]


def files(places: Iterable[Path]) -> Iterator[tuple[Path, bytes]]:
    """Every file's name and content beneath the places, of Parquet the cells as well; the same content once."""
    seen = set()
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                known = hashlib.sha256(content).digest()
                yield path, str(path).encode() + (b"" if known in seen else b"\n" + content + _cells(path))
                seen.add(known)


def _cells(path: Path) -> bytes:
    if path.suffix != ".parquet":
        return b""
    try:
        return b"\n".join(_values(column) for column in pq.read_table(path).columns)
    except (OSError, pa.ArrowException):
        return b""  # A test altered it.


def _values(column: pa.ChunkedArray) -> bytes:
    if not pa.types.is_string(column.type):
        return str(column.to_pylist()).encode()
    # The bytes of all values, one behind the other, as Arrow holds them.
    return b"\n".join(chunk.buffers()[2].to_pybytes() for chunk in column.chunks if chunk.buffers()[2])
