"""How fast a CSV file of 1,000,000 lines is read, against pyarrow.csv on the same file in the same run."""

from __future__ import annotations

import gzip
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from apps.dataplane.connectors.files import FileSettings, Reader, discover, roots
from apps.dataplane.plan import TableRef, TableSchema

LINES = 1_000_000
PEOPLE = TableRef(".", "people")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "people.csv"
        _write(plain)
        roots.allow({"files": Path(folder)})
        print(
            f"{LINES:,} lines, {plain.stat().st_size >> 20} MiB, 10 columns, a quoted text with commas in every fourth"
        )
        arrow = _timed("pyarrow.csv, all columns as text", lambda: _arrow(plain))
        typed = _timed("pyarrow.csv, types inferred", lambda: _arrow(plain, typed=True))
        looking = _timed("discovery: the whole file looked through", _discovered)
        (known,) = discover(FileSettings("files"))
        reader = _timed("Reader: lines, types, rejects, hash", lambda: _read(known))
        packed = Path(folder) / "people.csv.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes(), 6))
        plain.unlink()
        unpacked = _timed("Reader, gzip", lambda: _read(known))
        print(f"CPU of the Reader against pyarrow as text {reader / arrow:.1f}x, typed {reader / typed:.1f}x;")
        print(f"discovery {looking / arrow:.1f}x, gzip {unpacked / arrow:.1f}x")
        print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


def _write(path: Path) -> None:
    letters = random.Random(1)
    with path.open("w") as file:
        file.write("id,mail,name,born,at,amount,country,flag,note,code\n")
        for number in range(LINES):
            note = '"Doe, Jane ""JD"""' if number % 4 == 0 else "plain words without anything"
            file.write(
                f"{number},anna{number}@example.org,Anna {letters.randrange(9999)},1980-{number % 12 + 1:02}-17,"
                f"2024-01-01T10:{number % 60:02}:00Z,{letters.randrange(99999)}.{number % 100:02},DE,"
                f"{'true' if number % 2 else 'false'},{note},0{number % 1000:03}\n"
            )


def _arrow(path: Path, *, typed: bool = False) -> int:
    names = ["id", "mail", "name", "born", "at", "amount", "country", "flag", "note", "code"]
    options = csv.ConvertOptions() if typed else csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    reading = csv.open_csv(path, csv.ReadOptions(use_threads=False), convert_options=options)
    return sum(batch.num_rows for batch in reading)


def _read(known: TableSchema) -> int:
    """As a run reads: the columns are known."""
    with Reader(FileSettings("files")) as reader:
        schema = reader.schema(PEOPLE, known)
        assert schema is not None
        return sum(batch.num_rows for batch in reader.read(PEOPLE, [column.name for column in schema.columns]))


def _discovered() -> int:
    (schema,) = discover(FileSettings("files"))
    return schema.estimated_rows


def _timed(what: str, work: Callable[[], int]) -> float:
    wall, cpu = time.perf_counter(), time.process_time()
    rows = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert rows == LINES, rows
    print(f"{what:<42} {wall:6.2f} s {rows / wall:>10,.0f} rows/s   {cpu:6.2f} CPU s {rows / cpu:>10,.0f} rows/CPU s")
    return cpu


if __name__ == "__main__":
    main()
