"""Planted credentials and personal data, looked for wherever they must not be after everything else has happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from apps.accounts import services as accounts
from apps.runs.models import Quarantine, Run

from . import addresses
from .browser import FORM_TOKEN, Browser
from .conftest import as_role
from .databases import READER, SOURCE, TARGET, WRITER
from .expected import treatment_key
from .installation import Installation
from .organisation import World, check, table
from .planted import Needles, files
from .registering import ask_for_test, steps

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1500)]

PEOPLE = ("alice", "charlie", "bob", "dora", "admin")
SHOWN = {
    "accounts:person", "accounts:tokens", "api-schema", "audit-api:events", "audit:events", "alerts:notices",
    "changes-api:change", "changes:change", "incidents-api:incident", "incidents:incident", "pipelines:pipeline",
    "policies:policy", "policies:why", "runs-api:checks", "runs-api:log", "runs-api:manifest", "runs-api:plan",
    "runs:checks", "runs:events", "runs:log_file", "runs:manifest_file", "runs:plan", "runs:quarantine", "runs:run",
    "sources-api:connection", "sources-api:test_result", "sources:connection", "sources:dataset", "sources:edit",
    "sources:test",
}  # fmt: skip
STREAM = [{"name": "customers", "source": table("customers"), "destination": table("never_filled")}]


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return {}


@pytest.fixture
def planted(installation: Installation, world: World, kept: dict[str, Any]) -> dict[str, str]:
    """The twelve values by name, planted and used: a run with quarantine, one that is blocked, one that is refused."""
    if not kept:
        values = _values(installation, world)
        _use(world, installation, values)
        kept["values"] = values
    return kept["values"]  # type: ignore[no-any-return]


def _values(installation: Installation, world: World) -> dict[str, str]:
    token = accounts.create_token(actor=world.people.actor("alice"), name="nightly", scopes=["read", "write"], days=9)
    keys = installation.data.keys
    return {
        "read password": world.databases.passwords[READER],
        "write password": world.databases.passwords[WRITER],
        "key file": (keys / "extract.kek").read_text().strip(),
        "session secret": (keys / "secret.key").read_text().strip(),
        "password of a person": world.people.passwords["alice"],
        "API token": token.secret,
        **world.databases.planted.values,
    }


def _use(world: World, installation: Installation, values: dict[str, str]) -> None:
    """Everything that could let a value slip: rows turned away, a closed gate, refusals, tests, forms sent back."""
    run = world.run("customers-to-target", 180)
    assert run.state == Run.PUBLISHED, run.sentence
    assert Quarantine.objects.filter(run=run, rule="email-valid", rows__gte=1).exists()
    shut = check("nobody-is-masked", "customers", "column_values_to_be_in_set", column="phone", value_set=["x"])
    world.pipeline("blocked", STREAM, [shut])
    assert world.run("blocked", 120).state == Run.BLOCKED
    _break_constraint(world)
    with world.databases.source() as source:
        source.execute(b"CREATE TABLE unlooked AS SELECT id, note, email FROM customers WHERE id > 700000")
        source.execute(sql.SQL("GRANT SELECT ON unlooked TO {}").format(sql.Identifier(READER)))
    world.discover(SOURCE)
    world.pipeline("refused", [{**STREAM[0], "source": table("unlooked")}], [])
    assert world.run("refused", 120).state == Run.REFUSED
    for name, purpose, user in ((SOURCE, "read", READER), (TARGET, "write", WRITER)):
        where = world.databases.settings(name)
        sealed = world.sealed(purpose, user, settings=where)
        assert all(step["ok"] for step in steps(ask_for_test(world, name, purpose, sealed)))
    browser = Browser(installation.port, bearer=values["API token"])
    assert browser.get("/api/v1/accounts/me", "application/json").status == 200


def _break_constraint(world: World) -> None:
    """PostgreSQL's own message would show the whole row."""
    with world.databases.target() as target:
        target.execute(b"CREATE TABLE strict (id bigint CHECK (id < 700000), note text)")
        target.execute(sql.SQL("ALTER TABLE strict OWNER TO {}").format(sql.Identifier(WRITER)))
    with world.databases.source() as source:
        source.execute(b"CREATE TABLE noted AS SELECT id, note AS remark FROM customers WHERE id > 700000")
        source.execute(sql.SQL("GRANT SELECT ON noted TO {}").format(sql.Identifier(READER)))
    world.discover(SOURCE)
    world.classify({"noted": {"id": [], "remark": []}})
    with world.databases.target() as target:
        target.execute(b"ALTER TABLE strict RENAME COLUMN note TO remark")
    world.pipeline("strict", [{"name": "noted", "source": table("noted"), "destination": table("strict")}], [])
    run = world.run("strict", 120)
    assert run.state in (Run.REFUSED, Run.FAILED), run.sentence


def test_the_search_finds_what_is_there(installation: Installation, world: World, planted: dict[str, str]) -> None:
    """Where the values belong, each of them is found: so finding nothing elsewhere means something."""
    needles = Needles(planted)
    found = needles.names_in(_dump(installation, SOURCE))
    for name, content in files([installation.data.keys]):
        found |= needles.names_in(content)
        assert needles.names_in(content) <= {"extract.kek": {"key file"}, "secret.key": {"session secret"}}.get(
            name.name, set()
        )
    assert found == set(world.databases.planted.values) | {"key file", "session secret"}
    assert len(planted) == 12


def test_no_file_of_the_installation_holds_one(installation: Installation, planted: dict[str, str]) -> None:
    """Parts, quarantine, temporary files, logs, broker, mail, and all that the processes said."""
    hits, seen = {}, set()
    needles = _with_key(installation, planted)
    elsewhere = [path for path in installation.place.iterdir() if path.name not in ("data", "expected")]
    inside = [path for path in installation.data.root.iterdir() if path.name not in ("pg", "keys")]
    for path, content in files([*inside, *elsewhere]):
        place = path.relative_to(installation.place).parts
        if {"pg", "keys"} & set(place):
            continue  # Those of an installation that was restored beside this one.
        seen.add(place[1] if place[0] == "data" else place[0])
        # `noted.remark` was classified as not sensitive: its rows were staged as they are.
        found = needles.names_in(content) - ({"note"} if path.name.startswith("noted.") else set())
        if found:
            hits["/".join(place)] = found
    assert hits == {}
    assert {"broker", "logs", "parts", "run", "up.log"} <= seen


def test_no_row_of_the_control_database_holds_one(installation: Installation, planted: dict[str, str]) -> None:
    """The audit log, messages, jobs, shapes, manifests, results, sessions: every table, with the owner's eyes."""
    content = _dump(installation, "lockgate")
    assert b"run.published" in content
    assert _with_key(installation, planted).names_in(content) == set()


def test_the_target_holds_masked_columns_only(
    installation: Installation, world: World, planted: dict[str, str]
) -> None:
    assert _with_key(installation, planted).names_in(_dump(installation, TARGET)) == set()
    with world.databases.target() as target:
        assert target.execute(b"SELECT count(*) FROM customers WHERE id = 700001").fetchone() == (1,)


def test_no_page_and_no_answer_shows_one_to_anybody(
    installation: Installation, world: World, planted: dict[str, str]
) -> None:
    needles = _with_key(installation, planted)
    with as_role(installation, "owner"):
        paths = addresses.every()
    hits, broken, shown, refusing = {}, [], set(), set()
    for who, browser in _browsers(installation, world, planted):
        for view, path in paths:
            # What answers no GET to an engineer, answers none to anybody.
            for accept in () if view in refusing else _accepted(who, view):
                answer = browser.get(path, accept)
                if answer.status >= 500:
                    broken.append((who, path, answer.status))
                if (who, answer.status) == ("alice", 405):
                    refusing.add(view)
                if answer.status == 200:
                    shown.add(view)
                found = needles.names_in(f"{answer.headers} {answer.text}".encode())
                if found:
                    hits[who, view, accept] = found
    assert hits == {}
    assert broken == []
    assert shown >= SHOWN


def _accepted(who: str, view: str) -> tuple[str, ...]:
    """A page has no JSON form; what it answers to who asks for one all the same is looked at for two of them."""
    html, json = "text/html", "application/json"
    if view == "api-schema":
        return ("*/*",)
    if "-api" in view:
        return (json,)
    return (html, json) if who in ("alice", "anonymous") else (html,)


def test_a_form_that_is_sent_back_keeps_the_password_to_itself(
    installation: Installation, world: World, planted: dict[str, str]
) -> None:
    needles = Needles(planted)
    browser = Browser(installation.port)
    answer = browser.sign_in("nobody@acme.example", planted["password of a person"])
    assert (answer.status, needles.names_in(answer.text.encode())) == (422, set())
    browser.sign_in("alice@acme.example", planted["password of a person"])
    form = browser.get("/sources/new?kind=postgresql").text
    values = {
        "csrfmiddlewaretoken": _form_token(form), "name": "Typed", "host": "127.0.0.1", "port": "not a port",
        "read_user": READER, "read_password": planted["read password"],
        "write_user": WRITER, "write_password": planted["write password"],
    }  # fmt: skip
    answer = browser.post("/sources/new", values)
    assert answer.status in (200, 422)
    assert "not a port" in answer.text
    assert needles.names_in(answer.text.encode()) == set()


def _form_token(page: str) -> str:
    found = FORM_TOKEN.search(page)
    assert found, "the page has no form"
    return found.group(1)


def _browsers(installation: Installation, world: World, planted: dict[str, str]) -> Iterator[tuple[str, Browser]]:
    for name in PEOPLE:
        browser = Browser(installation.port)
        assert browser.sign_in(f"{name}@acme.example", world.people.passwords[name]).status == 302
        assert browser.get("/profile/").status == 200
        yield name, browser
    yield "anonymous", Browser(installation.port)
    yield "program", Browser(installation.port, bearer=planted["API token"])


def _with_key(installation: Installation, planted: dict[str, str]) -> Needles:
    """The key that tokens are made with as well, in any form."""
    with as_role(installation, "owner"):
        key = treatment_key(_Places(installation))  # type: ignore[arg-type]
    return Needles({**planted, "treatment key": key})


class _Places:
    def __init__(self, installation: Installation) -> None:
        self.installation = installation


def _dump(installation: Installation, database: str) -> bytes:
    """Every row of every table as text."""
    lines: list[str] = []
    with psycopg.connect(installation.admin_url(database)) as admin:
        tables = admin.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
            " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for place in tables:
            rows = admin.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(*place)))
            lines += [row for (row,) in rows]
    return "\n".join(lines).encode()
