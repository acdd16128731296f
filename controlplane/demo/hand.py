"""The demo's own hand at its generated source: a login of its own, kept in a file beside the keys, used by jobs alone.

No connection of the product knows this login, and it opens nothing but the two databases that the demo made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

from apps.dataplane.errors import Refused

from .databases import HAND, Databases
from .governed import DESTINATION, SOURCE

HERE = Path(__file__).parent
NEW_COLUMN = "passport_no"
SHOWN = 8
ORDERS, ORDERS_BEFORE_THE_BREAK = 10_000, 4_100
CITIES = ("Berlin", "Graz", "Bern", "Lyon", "Utrecht", "Gdańsk")


def keep(made: Databases) -> None:
    """Write the login down, for its owner's eyes alone."""
    path = _file()
    path.touch(mode=0o600)
    path.write_text(json.dumps({"host": made.host, "port": made.port, "user": HAND, "password": made.hand}))


def _file() -> Path:
    return Path(settings.LOCKGATE.data) / "keys" / "demo-hand.json"


@contextmanager
def at(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to one of the demo's databases; commits at the end. Raises Refused outside a demo."""
    if not settings.LOCKGATE.demo or not _file().exists():
        raise Refused("This is no demo installation.")
    with psycopg.connect(**json.loads(_file().read_text()), dbname=database, connect_timeout=10) as connection:
        yield connection


def add_column() -> None:
    """What people of a source system do without asking: a column appears, filled."""
    name = sql.Identifier(NEW_COLUMN)
    with at(SOURCE) as source:
        source.execute(sql.SQL("ALTER TABLE customers ADD COLUMN IF NOT EXISTS {} varchar(12)").format(name))
        number = "'C' || lpad((id * 7919 % 100000000)::text, 8, '0')"
        filled = sql.SQL("UPDATE customers SET {0} = {1} WHERE {0} IS NULL")
        source.execute(filled.format(name, sql.SQL(number)))


def add_room() -> None:
    """What the people of a warehouse do when they are asked: a column for the tokens."""
    with at(DESTINATION) as destination:
        add = sql.SQL("ALTER TABLE public.customers ADD COLUMN IF NOT EXISTS {} text")
        destination.execute(add.format(sql.Identifier(NEW_COLUMN)))


def write_orders(*, broken: bool) -> None:
    """The partner's file. Broken, its later lines have lost a field: somebody cut a column out of half an export."""
    folder = Path(settings.LOCKGATE.data) / "files" / "partner"
    folder.mkdir(mode=0o700, exist_ok=True)
    lines = ["order_id,customer_email,city,amount,ordered_on"]
    for n in range(1, ORDERS + 1):
        city, day = CITIES[n % len(CITIES)], f"2026-{n % 9 + 1:02}-{n % 27 + 1:02}"
        lost = broken and n > ORDERS_BEFORE_THE_BREAK
        fields = [
            str(n),
            f"buyer{n}@shop{n % 40}.example",
            *([] if lost else [city]),
            f"{n * 37 % 20000 / 100:.2f}",
            day,
        ]
        lines.append(",".join(fields))
    new = folder / ".orders.new"
    new.write_text("\n".join(lines) + "\n")
    os.replace(new, folder / "orders.csv")


def compare() -> dict[str, Any]:
    """The same customers on both sides, and what the fraud query finds on each."""
    query = (HERE / "fraud.sql").read_bytes()
    with at(SOURCE) as source, at(DESTINATION) as destination:
        before, after = (side.execute(query).fetchall() for side in (source, destination))
        chosen = sorted({id for _kind, ids in before for id in ids})[:SHOWN]
        rows = {name: _rows(side, chosen) for name, side in (("source", source), ("destination", destination))}
    same = sum(1 for ring in before if ring in after)
    return {**rows, "rings": {"source": len(before), "destination": len(after), "same": same}}


def _rows(side: psycopg.Connection[Any], ids: list[int]) -> dict[str, Any]:
    asked = side.execute("SELECT * FROM public.customers WHERE id = ANY(%s) ORDER BY id", [ids])
    names = [column.name for column in asked.description or ()]
    return {"columns": names, "rows": [[None if v is None else str(v) for v in row] for row in asked.fetchall()]}


def write_private(name: str, document: object) -> None:
    """Keep what a job found for the demo's pages: a file that only its owner reads, replaced whole."""
    place = Path(settings.LOCKGATE.data) / "demo"
    place.mkdir(mode=0o700, exist_ok=True)
    new = place / f"{name}.new"
    new.touch(mode=0o600)
    new.write_text(json.dumps(document))
    os.replace(new, place / f"{name}.json")


def read_private(name: str) -> Any:
    """What a job kept; None before it did."""
    path = Path(settings.LOCKGATE.data) / "demo" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None
