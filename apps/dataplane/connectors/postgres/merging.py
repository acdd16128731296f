"""Writes a delta over the rows with the same key, and proves rules on a whole table, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from apps.dataplane.plan import SettleRule

from .session import Connection

DELTA = sql.Identifier("pg_temp", "lockgate_delta")


def make_room(connection: Connection, table: sql.Identifier, columns: Sequence[str]) -> None:
    """An empty temporary table with these columns of `table`, and none of its constraints."""
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(DELTA))
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE lockgate_delta ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            _listed(columns), table
        )
    )


def carry_over(connection: Connection, table: sql.Identifier, columns: Sequence[str], key: Sequence[str]) -> int:
    """Updates the rows that are there and inserts the others; how many that were.

    Not INSERT … ON CONFLICT: it refuses keys that may wait until the commit. The table is locked against other writers.
    """
    connection.execute(sql.SQL("ANALYZE {}").format(DELTA))
    same = sql.SQL(" AND ").join(sql.SQL("there.{0} = delta.{0}").format(sql.Identifier(name)) for name in key)
    others = [name for name in columns if name not in key]
    updated = 0
    if others:
        values = sql.SQL(", ").join(sql.SQL("{0} = delta.{0}").format(sql.Identifier(name)) for name in others)
        updated = connection.execute(
            sql.SQL("UPDATE {} AS there SET {} FROM {} AS delta WHERE {}").format(table, values, DELTA, same)
        ).rowcount
    else:
        # Rows that are nothing but their key are there already, or they are new.
        query = sql.SQL("SELECT count(*) FROM {} AS there JOIN {} AS delta ON {}").format(table, DELTA, same)
        updated = int(connection.execute(query).fetchall()[0][0])
    inserted = connection.execute(
        sql.SQL(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {delta} AS delta"
            " WHERE NOT EXISTS (SELECT FROM {table} AS there WHERE {same})"
        ).format(table=table, columns=_listed(columns), delta=DELTA, same=same)
    ).rowcount
    connection.execute(sql.SQL("DROP TABLE {}").format(DELTA))
    return updated + inserted


def breaks(connection: Connection, table: sql.Identifier, rule: SettleRule, target: sql.Identifier) -> bool:
    """Whether the table holds rows alike in all the rule's columns, or rows that refer to none; NULLs do neither."""
    present = sql.SQL(" AND ").join(sql.SQL("one.{} IS NOT NULL").format(sql.Identifier(name)) for name in rule.columns)
    if rule.kind == "references":
        pairs = zip(rule.columns, rule.to, strict=True)
        found = sql.SQL(" AND ").join(
            sql.SQL("one.{} = other.{}").format(sql.Identifier(name), sql.Identifier(to)) for name, to in pairs
        )
        query = sql.SQL(
            "SELECT EXISTS (SELECT FROM {} AS one WHERE {} AND NOT EXISTS (SELECT FROM {} AS other WHERE {}))"
        ).format(table, present, target, found)
    else:
        alike = sql.SQL(", ").join(sql.SQL("one.{}").format(sql.Identifier(name)) for name in rule.columns)
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} AS one WHERE {} GROUP BY {} HAVING count(*) > 1)").format(
            table, present, alike
        )
    return bool(connection.execute(query).fetchall()[0][0])


def _listed(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
