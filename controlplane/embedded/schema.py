"""Brings the control database up to the code's migrations and grants, and does nothing when it is there already."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from .datadir import CannotStart
from .processes import ROOT

# What decides the tables and grants: the product's migrations and the versions of the libraries that bring their own.
SOURCES = ("apps/*/migrations/*.py", "controlplane/grants.py", "controlplane/roles.py", "controlplane/settings.py")
LOCK = "requirements.lock"
# Apps of libraries; their migrations come with them.
FOREIGN = ("auth", "contenttypes", "sessions", "axes", "knox", "admin", "sites")


def fingerprint(root: Path = ROOT) -> str:
    """A hash that changes whenever migrations or grants could."""
    digest = hashlib.sha256()
    for path in sorted(_files(root)):
        digest.update(f"{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(root: Path) -> Iterable[Path]:
    yield from (path for pattern in SOURCES for path in root.glob(pattern))
    if (root / LOCK).exists():
        yield root / LOCK


def is_current(owner_url: str) -> bool:
    """Whether this database, not a file beside it, says that it was brought up to this code."""
    with psycopg.connect(owner_url) as owner:
        row = owner.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    return row is not None and row[0] == f"lockgate schema {fingerprint()}"


def known(root: Path = ROOT) -> set[str]:
    """The product's own migrations in this code, as `app/name`."""
    return {f"{path.parent.parent.name}/{path.stem}" for path in root.glob("apps/*/migrations/[0-9]*.py")}


def applied(owner: psycopg.Connection) -> set[str]:
    """The product's own migrations in this database; empty for one that was never migrated."""
    if owner.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
        return set()
    rows = owner.execute("SELECT app || '/' || name FROM django_migrations WHERE app <> ALL(%s)", [list(FOREIGN)])
    return {str(name) for (name,) in rows.fetchall()}


def refuse_downgrade(owner_url: str) -> None:
    """Raise CannotStart when the database was brought up to a later version than this code."""
    try:
        with psycopg.connect(owner_url) as owner:
            later = sorted(applied(owner) - known())
    except psycopg.OperationalError:
        return  # no such role or database yet
    if later:
        raise CannotStart(
            f"This database belongs to a later version of Lockgate: it has {later[0]}, which this one does not know. "
            "Nothing was changed. Start the later version again, or restore the backup that its upgrade made."
        )


def migrate(owner_url: str, environment: Mapping[str, str], log: Path) -> None:
    """Run the migrations as the owner in a process of their own, then apply the grants. Raises CannotStart."""
    before = fingerprint()
    with log.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "1"],
            cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    if done.returncode != 0:
        raise CannotStart(f"The database could not be brought up to this version; the reason is at the end of {log}.")
    from controlplane import roles

    with psycopg.connect(owner_url) as owner:
        roles.apply(owner)
        statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
        name = sql.Identifier(owner.info.dbname)
        owner.execute(statement.format(name, sql.Literal(f"lockgate schema {before}")))
