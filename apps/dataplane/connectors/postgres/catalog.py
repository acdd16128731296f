"""Reads table definitions from PostgreSQL's catalogs: what exists, and what a table looks like right now."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

from apps.dataplane.plan import ColumnSchema, TableRef, TableSchema

from .session import Connection, looking
from .settings import Credentials, PostgresSettings

RELATIONS = """
SELECT c.oid, n.nspname, c.relname,
       CASE WHEN c.relkind = 'p' THEN (
           SELECT coalesce(sum(greatest(leaf.reltuples, 0)), 0)::bigint
             FROM pg_catalog.pg_partition_tree(c.oid) AS part
             JOIN pg_catalog.pg_class AS leaf ON leaf.oid = part.relid
            WHERE part.isleaf)
       ELSE greatest(c.reltuples, 0)::bigint END
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
"""
READABLE = (
    RELATIONS
    + """
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
   AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockgate')
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
   AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
 ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""
)
NAMED = (
    RELATIONS
    + """
  JOIN unnest(%s::text[], %s::text[]) AS wanted(schema, name)
    ON wanted.schema = n.nspname AND wanted.name = c.relname
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
)
COLUMNS = """
SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull OR t.typnotnull,
       a.attgenerated <> '', a.atthasdef OR a.attidentity <> ''
  FROM pg_catalog.pg_attribute AS a
  JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
 WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
"""
KEYS = """
SELECT i.indrelid, i.indisprimary, (
           SELECT pg_catalog.array_agg(a.attname::text ORDER BY key.place)
             FROM pg_catalog.unnest(i.indkey) WITH ORDINALITY AS key(attnum, place)
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = key.attnum
            WHERE key.place <= i.indnkeyatts)
  FROM pg_catalog.pg_index AS i
 WHERE i.indrelid = ANY(%s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
"""
CHECKS = """
SELECT conrelid, pg_catalog.pg_get_constraintdef(oid)
  FROM pg_catalog.pg_constraint
 WHERE conrelid = ANY(%s) AND contype = 'c'
 ORDER BY conname COLLATE "C"
"""
DEPENDENTS = """
SELECT DISTINCT d.refobjid, n.nspname || '.' || v.relname
  FROM pg_catalog.pg_depend AS d
  JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
  JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class
  JOIN pg_catalog.pg_namespace AS n ON n.oid = v.relnamespace
 WHERE d.refobjid = ANY(%s) AND v.oid <> d.refobjid
   AND d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
"""
INCOMING = """
SELECT f.confrelid, n.nspname || '.' || c.relname || '.' || f.conname
  FROM pg_catalog.pg_constraint AS f
  JOIN pg_catalog.pg_class AS c ON c.oid = f.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE f.contype = 'f' AND f.confrelid = ANY(%s) AND f.conrelid <> f.confrelid AND f.conparentid = 0
"""
# What follows a type's name in brackets: 40, or 10,2, or Point,4326.
MODIFIER = re.compile(r"\([A-Za-z0-9_, -]*\)")
INTERVAL = re.compile(r"interval( (year|month|day|hour|minute|second)( to (month|hour|minute|second))?)?(\([0-6]\))?")


def discover(settings: PostgresSettings, credentials: Credentials) -> tuple[TableSchema, ...]:
    """Every table, view and foreign table that this user may read, in order of name; of a partitioned table the parent.

    System schemas and Lockgate's own are left out.
    """
    with looking(settings, credentials, purpose="discover", doing="list the tables") as connection:
        return tuple(_schemas(connection, connection.execute(READABLE).fetchall()))


def inspect(
    settings: PostgresSettings, credentials: Credentials, refs: Iterable[TableRef]
) -> dict[TableRef, TableSchema | None]:
    """The named tables as they are now; None for one that does not exist."""
    with looking(settings, credentials, purpose="inspect", doing="look at the tables") as connection:
        return schemas_of(connection, tuple(refs))


def known_types(settings: PostgresSettings, credentials: Credentials, types: Iterable[str]) -> frozenset[str]:
    """Those of `types` (format_type() texts) that a column could be created with in this database."""
    with looking(settings, credentials, purpose="inspect", doing="look at the types") as connection:
        return frozenset(name for name in set(types) if is_type(connection, name))


def schemas_of(connection: Connection, refs: Sequence[TableRef]) -> dict[TableRef, TableSchema | None]:
    """`inspect` within a transaction that is already open."""
    names = ([ref.schema for ref in refs], [ref.table for ref in refs])
    found = {schema.ref: schema for schema in _schemas(connection, connection.execute(NAMED, names).fetchall())}
    return {ref: found.get(ref) for ref in refs}


def is_type(connection: Connection, name: str) -> bool:
    """Whether `name` is the server's own spelling of one type, which also makes it safe as a part of DDL."""
    if INTERVAL.fullmatch(name):
        return True
    return _spelled(connection, name, name) or _spelled(connection, name, MODIFIER.sub("", name, count=1))


def _spelled(connection: Connection, name: str, bare: str) -> bool:
    try:
        with connection.transaction():
            row = connection.execute(
                "SELECT %s IN (pg_catalog.format_type(oid, NULL), pg_catalog.format_type(oid, -1))"
                " FROM (SELECT pg_catalog.to_regtype(%s)::oid AS oid) AS t",
                (bare, bare),
            ).fetchone()
    except (psycopg.errors.SyntaxError, psycopg.DataError):
        return False
    return bool(row and row[0])


def _schemas(connection: Connection, relations: Sequence[Sequence[Any]]) -> Iterable[TableSchema]:
    oids = [oid for oid, *_ in relations]
    columns, keys, checks, dependents, incoming = (
        _by_table(connection, query, oids) for query in (COLUMNS, KEYS, CHECKS, DEPENDENTS, INCOMING)
    )
    for oid, schema, table, estimate in relations:
        yield TableSchema(
            ref=TableRef(schema, table),
            columns=tuple(ColumnSchema(*column) for column in columns[oid]),
            primary_key=next((tuple(names) for primary, names in keys[oid] if primary), ()),
            unique=tuple(sorted(tuple(names) for primary, names in keys[oid] if not primary)),
            checks=tuple(text for (text,) in checks[oid]),
            dependents=tuple(sorted(name for (name,) in dependents[oid])),
            incoming=tuple(sorted(name for (name,) in incoming[oid])),
            estimated_rows=estimate,
        )


def _by_table(connection: Connection, query: str, oids: Sequence[int]) -> Mapping[int, list[Sequence[Any]]]:
    rows: dict[int, list[Sequence[Any]]] = defaultdict(list)
    for oid, *rest in connection.execute(query, (list(oids),)):
        rows[oid].append(rest)
    return rows
