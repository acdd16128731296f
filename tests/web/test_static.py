"""What browsers load: the vendored files go out compressed, and each compressed copy is of the file beside it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from django.test import Client

STATIC = Path(__file__).parents[2] / "static"
LARGE = 30_000
PACKED = sorted(path.relative_to(STATIC) for path in STATIC.rglob("*.gz"))


def test_every_large_text_has_a_compressed_copy() -> None:
    texts = [path for path in STATIC.rglob("*") if path.suffix in (".css", ".js") and path.stat().st_size > LARGE]
    assert sorted(path.with_name(f"{path.name}.gz").relative_to(STATIC) for path in texts) == [
        path for path in PACKED if (STATIC / path.with_suffix("")).stat().st_size > LARGE
    ]


@pytest.mark.parametrize("packed", PACKED, ids=str)
def test_a_compressed_copy_is_of_the_file_beside_it(packed: Path) -> None:
    assert gzip.decompress((STATIC / packed).read_bytes()) == (STATIC / packed.with_suffix("")).read_bytes()


def test_a_browser_that_takes_gzip_gets_the_copy(client: Client) -> None:
    path = "/static/vendor/tabler-1.6.1/tabler.min.css"
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = client.get(path)
    assert (packed["Content-Encoding"], packed["Content-Type"]) == ("gzip", 'text/css; charset="utf-8"')
    assert len(b"".join(packed)) * 5 < len(b"".join(plain))  # type: ignore[arg-type]
