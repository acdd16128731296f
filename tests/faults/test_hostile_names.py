"""Names that are meant to break something go through a whole governed run unharmed and harming nothing."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import sql

from apps.runs.models import Part, Run

from .browser import Browser
from .databases import READER, SOURCE
from .installation import Installation
from .organisation import World, check, rule

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

LONGEST = "ü" * 31 + "x"  # 63 bytes
SCHEMA = 'we"ird; DROP SCHEMA public CASCADE;--'
TABLE = "<script>alert('t')</script>\n\"quoted\""
COLUMNS = (
    'id"; DROP TABLE customers;--', "with 'quotes' and \\back\\slash", "line\nbreak\tand tab", LONGEST,
    "日本語 نص 🦊", "<script>alert(1)</script>", "%s %(name)s {0} $1", "select", "a.b", "MiXed",
)  # fmt: skip
HOSTILE_VALUES = ('"; DROP TABLE customers;--', "\\N", "", "<script>alert(2)</script>", "a\nb\tc", "ünï", None)


def test_hostile_names_pass_through_a_whole_run(installation: Installation, world: World) -> None:
    _make_table(world)
    world.discover(SOURCE)
    columns = {name: [] for name in COLUMNS[:5]} | {name: ["pii.text"] for name in COLUMNS[5:]}
    world.classify({TABLE: columns}, schema=SCHEMA)
    place = {"schema": SCHEMA, "table": TABLE}
    stream = {
        "name": "hostile", "source": place, "destination": place,
        "row_checks": [rule("present", "not_null", COLUMNS[0])],
        "settle": [{"id": "once", "kind": "unique", "columns": [COLUMNS[0]]}],
    }  # fmt: skip
    world.pipeline("hostile", [stream], [check("unique", "hostile", "column_values_to_be_unique", column=COLUMNS[0])])
    for _method in ("create", "delete_insert"):
        run = world.run("hostile", 120)
        assert run.state == Run.PUBLISHED, (run.sentence, run.refusals)
        assert (run.rows_read, run.rows_published, run.rows_quarantined) == (8, 6, 2)
        assert _published(world) == _wanted(world)
    assert world.databases.rows("public.customers") != []
    assert all("/fence-" in path and SCHEMA not in path for path in Part.objects.values_list("path", flat=True))
    _pages_escape(installation, world, run)


def _make_table(world: World) -> None:
    names = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in COLUMNS)
    place = sql.Identifier(SCHEMA, TABLE)
    with world.databases.source() as source:
        source.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
        source.execute(sql.SQL("CREATE TABLE {} ({})").format(place, names))
        values = sql.SQL(", ").join([sql.Placeholder()] * len(COLUMNS))
        insert = sql.SQL("INSERT INTO {} VALUES ({})").format(place, values)
        for value in (*HOSTILE_VALUES, HOSTILE_VALUES[0]):
            source.execute(insert, [value] * len(COLUMNS))
        source.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(SCHEMA), sql.Identifier(READER)))
        source.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(place, sql.Identifier(READER)))


def _wanted(world: World) -> list[tuple[Any, ...]]:
    kept = [value for value in HOSTILE_VALUES if value is not None]
    return sorted((*[value] * 5, *["[redacted]"] * 5) for value in kept)


def _published(world: World) -> list[tuple[Any, ...]]:
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    with world.databases.target() as target:
        query = sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(SCHEMA, TABLE))
        return sorted(target.execute(query).fetchall())


def _pages_escape(installation: Installation, world: World, run: Run) -> None:
    browser = Browser(installation.port)
    browser.sign_in("alice@acme.example", world.people.passwords["alice"])
    pages = [browser.get(f"/runs/{run.number}/{page}") for page in ("", "plan", "quarantine", "checks", "log")]
    assert [page.status for page in pages] == [200] * 5
    assert "<script>alert(1)</script>" not in "".join(page.text for page in pages)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[1].text
