"""Makes the database roles and gives each exactly the privileges that `grants.GRANTS` lists, nothing else.

`create` runs as the superuser (or a role that may create roles) and is needed once per installation; `apply` runs as
the owner after every migration. Both are idempotent. What the table does not list is taken away.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from apps.dataplane.errors import Invalid

from .grants import GRANTS

ROLES: dict[str, str] = {
    "owner": "lockgate_owner",
    "web": "lockgate_web",
    "worker": "lockgate_worker",
    "gate": "lockgate_gate",
    "publisher": "lockgate_publisher",
    "general": "lockgate_general",
    "scheduler": "lockgate_scheduler",
    "applier": "lockgate_applier",
    "notary": "lockgate_notary",
}
# Only where messages go through PostgreSQL: a database of its own, so that the broker's tables are nobody else's.
BROKER = "lockgate_broker"
APPS = tuple(role for role in ROLES if role != "owner")
# A frozen process inside a transaction would otherwise block whoever takes its work over.
SETTINGS = {"idle_in_transaction_session_timeout": "60s", "lock_timeout": "10s"}
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")
_ITEM = re.compile(r"([A-Z]+)(?:\(([a-z0-9_, ]+)\))?")

Table = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, order=True)
class Grant:
    """One privilege on a whole table (no columns) or on some of its columns."""

    role: str
    table: str
    privilege: str
    columns: tuple[str, ...] = ()


def create(admin: psycopg.Connection, passwords: Mapping[str, str], *, database: str = "lockgate") -> None:
    """Make roles and database where they are missing and set the passwords. Needs an autocommit connection."""
    for role, name in ROLES.items():
        _make_role(admin, name, passwords[role])
        for setting, value in SETTINGS.items():
            statement = sql.SQL("ALTER ROLE {} SET {} = {}")
            admin.execute(statement.format(sql.Identifier(name), sql.Identifier(setting), sql.Literal(value)))
    _make_database(admin, database, owner=ROLES["owner"])
    for name in ROLES.values():
        statement = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        admin.execute(statement.format(sql.Identifier(database), sql.Identifier(name)))


def create_broker(admin: psycopg.Connection, password: str) -> None:
    """Make the role and database for messages that go through PostgreSQL. Needs an autocommit connection."""
    _make_role(admin, BROKER, password)
    _make_database(admin, BROKER, owner=BROKER)


def apply(owner: psycopg.Connection, grants: Table = GRANTS) -> None:
    """Make the privileges in the database equal to the table, in one transaction. Raises Invalid on a mistake in it."""
    columns = _columns(owner)
    wanted = list(_expand(grants, columns))
    with owner.transaction():
        # Two appliers at once would fail on each other's catalogue rows.
        owner.execute("SELECT pg_advisory_xact_lock(hashtext('lockgate.roles'))")
        _revoke_all(owner)
        for role in APPS:
            owner.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(ROLES[role])))
        for grant in wanted:
            owner.execute(_statement(grant))
        _grant_sequences(owner, wanted)


def golden(connection: psycopg.Connection) -> str:
    """What the database itself says each role may do, one line per role and table, sorted; for the golden file."""
    held: dict[tuple[str, str], list[str]] = {}
    for role, place, privilege, names in connection.execute(_HELD).fetchall():
        held.setdefault((role, place), []).append(f"{privilege}({', '.join(names)})" if names else privilege)
    return "".join(f"{role} {place}: {', '.join(sorted(items))}\n" for (role, place), items in sorted(held.items()))


def _expand(grants: Table, columns: Mapping[str, Sequence[str]]) -> Iterator[Grant]:
    for role, tables in grants.items():
        if role not in APPS:
            raise Invalid(f"The grants name the role {role!r}, which is none of {', '.join(APPS)}.")
        for table, text in _most_specific(role, tables, columns).items():
            for privilege, names in _parse(role, table, text):
                unknown = sorted(set(names) - set(columns[table]))
                if unknown:
                    raise Invalid(
                        f"The grants of {role} on {table} name the column {unknown[0]!r}, which it does not have."
                    )
                yield Grant(role, table, privilege, names)


def _most_specific(role: str, tables: Mapping[str, str], columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Each existing table with the text that counts for it: its own name's before the longest matching pattern's."""
    found: dict[str, str] = {}
    for pattern in sorted(tables, key=lambda pattern: ("*" not in pattern, len(pattern))):
        matches = fnmatch.filter(columns, pattern)
        if not matches:
            raise Invalid(f"The grants of {role} name {pattern}, and no table of the database is called so.")
        found.update(dict.fromkeys(matches, tables[pattern]))
    return found


def _parse(role: str, table: str, text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if _ITEM.sub("", text).strip(" ,"):
        raise Invalid(f"The grants of {role} on {table} cannot be read: {text!r}.")
    for privilege, names in _ITEM.findall(text):
        if privilege not in PRIVILEGES:
            raise Invalid(f"The grants of {role} on {table} name {privilege}; a role can have {', '.join(PRIVILEGES)}.")
        yield privilege, tuple(sorted(name.strip() for name in names.split(",") if name.strip()))


def _statement(grant: Grant) -> sql.Composed:
    names = (
        sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, grant.columns)))
        if grant.columns
        else sql.SQL("")
    )
    return sql.SQL("GRANT {}{} ON TABLE public.{} TO {}").format(
        sql.SQL(grant.privilege), names, sql.Identifier(grant.table), sql.Identifier(ROLES[grant.role])
    )


def _revoke_all(owner: psycopg.Connection) -> None:
    names = sql.SQL(", ").join([sql.SQL("PUBLIC"), *(sql.Identifier(ROLES[role]) for role in APPS)])
    for kind in ("TABLES", "SEQUENCES"):
        # Revoking a privilege on the table takes the same privilege on its columns along.
        owner.execute(sql.SQL("REVOKE ALL ON ALL {} IN SCHEMA public FROM {}").format(sql.SQL(kind), names))
    owner.execute(sql.SQL("REVOKE ALL ON SCHEMA public FROM {}").format(names))


def _grant_sequences(owner: psycopg.Connection, wanted: Sequence[Grant]) -> None:
    """Whoever may insert may draw numbers. Identity columns need no grant; a `serial` default does."""
    inserts = {(grant.role, grant.table) for grant in wanted if grant.privilege == "INSERT"}
    for table, sequence in owner.execute(_SERIALS).fetchall():
        for role in (role for role, inserted in inserts if inserted == table):
            statement = sql.SQL("GRANT USAGE ON SEQUENCE public.{} TO {}")
            owner.execute(statement.format(sql.Identifier(sequence), sql.Identifier(ROLES[role])))


def _columns(connection: psycopg.Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(_COLUMNS).fetchall():
        found.setdefault(table, []).append(column)
    return found


def _exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None


def _verifier(admin: psycopg.Connection, name: str, password: str) -> str:
    # The verifier instead of the password: the statement could end up in a log.
    made = admin.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    return made.decode()


def _make_role(admin: psycopg.Connection, name: str, password: str) -> None:
    if not _exists(admin, "SELECT FROM pg_roles WHERE rolname = %s", name):
        admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    admin.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(name), sql.Literal(_verifier(admin, name, password))
        )
    )


def _make_database(admin: psycopg.Connection, database: str, *, owner: str) -> None:
    if not _exists(admin, "SELECT FROM pg_database WHERE datname = %s", database):
        _may_give_away(admin, owner)
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        admin.execute(statement.format(sql.Identifier(database), sql.Identifier(owner)))
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))


def _may_give_away(admin: psycopg.Connection, owner: str) -> None:
    """Who creates a database for another role must be a member of that role, unless a superuser."""
    row = admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is None or not row[0]:
        admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))


_COLUMNS = b"""
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2
"""
_SERIALS = b"""
SELECT t.relname, s.relname FROM pg_depend d JOIN pg_class s ON s.oid = d.objid JOIN pg_class t ON t.oid = d.refobjid
WHERE d.classid = 'pg_class'::regclass AND s.relkind = 'S' AND d.deptype = 'a' AND t.relkind IN ('r', 'p')
  AND s.relnamespace = 'public'::regnamespace
"""
_HELD = b"""
WITH acl AS (
  SELECT c.relowner AS owner, c.relname AS place, x.grantee, x.privilege_type, NULL::text AS attname
  FROM pg_class c, aclexplode(c.relacl) x WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT c.relowner, c.relname, x.grantee, x.privilege_type, a.attname
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) x
  WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT n.nspowner, 'schema ' || n.nspname, x.grantee, x.privilege_type, NULL
  FROM pg_namespace n, aclexplode(n.nspacl) x WHERE n.nspname = 'public'
)
SELECT coalesce(r.rolname, 'PUBLIC'), place, privilege_type, array_remove(array_agg(attname ORDER BY attname), NULL)
FROM acl LEFT JOIN pg_roles r ON r.oid = grantee
WHERE grantee <> owner
  AND (r.rolname IS NULL OR r.rolname <> 'pg_database_owner')
GROUP BY 1, 2, 3, attname IS NULL ORDER BY 1, 2, 3
"""
