"""Settle: rules on the whole set of staged rows, over every part at once, in DuckDB with bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import duckdb
import pyarrow as pa

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import SettleRule

from .staged import MEMORY_LIMIT, database, removed_table, rows_view

REMOVED = pa.schema([("row_id", pa.int64()), ("rule", pa.string())])


@dataclass(frozen=True)
class _Stream:
    """A stream in the database: its views are `<key>`, `<key>_removed`; `columns` its columns' names in the view."""

    name: str
    key: str
    columns: Mapping[str, str]
    rules: tuple[SettleRule, ...]


def validate(rules: Mapping[str, Sequence[SettleRule]], columns: Mapping[str, Sequence[str]]) -> None:
    """Raises Invalid when a rule names a stream or column that is not there. `columns`: those each stream writes."""
    for stream, own in rules.items():
        for rule in own:
            _require_columns(rule, stream, rule.columns, columns)
            if rule.kind == "references":
                _require_columns(rule, rule.target, rule.to, columns)
                if len(rule.to) != len(rule.columns):
                    raise Invalid(
                        f'The rule "{rule.id}" pairs {len(rule.columns)} columns with {len(rule.to)}.',
                        remedy="Name as many columns on both sides.",
                        field="to",
                    )
            elif rule.kind not in ("unique", "latest"):
                raise Invalid(
                    f'The rule "{rule.id}" is of no known kind.', remedy="Use unique or references.", field="kind"
                )


def settle(
    streams: Mapping[str, Sequence[Path]],
    rules: Mapping[str, Sequence[SettleRule]],
    *,
    scratch: Path | None = None,
    memory_limit: str = MEMORY_LIMIT,
) -> dict[str, pa.Table]:
    """The rows that fall, per stream: a table (row_id, rule) by row id, each row once, with the first rule it broke.

    First duplicates fall, in the order of the rules: of rows alike in all `columns` the one with the lowest row id
    stays (`unique`), or the one with the highest (`latest`). Then rows whose reference is not among the rows that
    remain, again and again until nothing more falls. NULLs are like nothing and refer to nothing. Values are compared
    as PostgreSQL writes them. A duplicate does not come back when the row it repeats falls. DuckDB spills below
    `scratch` (default: beside the first part).
    """
    held = [path for paths in streams.values() for path in paths]
    with database(held, scratch=scratch, memory_limit=memory_limit) as connection:
        known = _open(connection, streams, rules)
        for stream in known.values():
            for index, rule in enumerate(stream.rules):
                if rule.kind != "references":
                    _remove(connection, stream, index, _duplicates(stream, rule))
        _remove_orphans(connection, known)
        return {name: _removed(connection, known.get(name)) for name in streams}


def _require_columns(rule: SettleRule, stream: str, named: Sequence[str], columns: Mapping[str, Sequence[str]]) -> None:
    if stream not in columns:
        sentence = f'The rule "{rule.id}" refers to the stream "{stream}", which the pipeline does not have.'
        raise Invalid(sentence, remedy="Choose one of its streams.", field="target")
    if not named or len(set(named)) != len(named):
        raise Invalid(f'The rule "{rule.id}" needs different columns.', remedy="Name each once.", field="columns")
    for name in named:
        if name not in columns[stream]:
            sentence = f'The rule "{rule.id}" needs the column "{name}", which "{stream}" does not write.'
            raise Invalid(sentence, remedy="Choose a column that reaches the destination.", field="columns")


def _open(
    connection: duckdb.DuckDBPyConnection,
    streams: Mapping[str, Sequence[Path]],
    rules: Mapping[str, Sequence[SettleRule]],
) -> dict[str, _Stream]:
    """A stream without parts has no rows: nothing of it can fall, and nothing can be found in it."""
    known = {}
    for index, (name, paths) in enumerate(streams.items()):
        if paths:
            key = f"s{index}"
            known[name] = _Stream(name, key, rows_view(connection, key, paths), tuple(rules.get(name, ())))
            removed_table(connection, f"{key}_removed", ())
            connection.execute(f"ALTER TABLE {key}_removed ADD COLUMN rule INTEGER")
    columns = {name: tuple(known[name].columns) if name in known else _named(name, rules) for name in streams}
    validate({name: own for name, own in rules.items() if name in known or name not in streams}, columns)
    return known


def _named(stream: str, rules: Mapping[str, Sequence[SettleRule]]) -> tuple[str, ...]:
    """The columns that rules expect in a stream without parts, which cannot tell its own."""
    return tuple(name for own in rules.values() for rule in own if rule.target == stream for name in rule.to)


def _remove(connection: duckdb.DuckDBPyConnection, stream: _Stream, rule: int, falling: str) -> int:
    """Records the rows that `falling` selects; returns how many. The row ids are the only thing that leaves DuckDB."""
    added = connection.execute(f"INSERT INTO {stream.key}_removed SELECT row_id, {rule} FROM ({falling})").fetchall()  # noqa: S608
    return cast(int, added[0][0])


def _remaining(stream: _Stream) -> str:
    return f"(SELECT * FROM {stream.key} ANTI JOIN {stream.key}_removed USING (row_id))"  # noqa: S608


def _duplicates(stream: _Stream, rule: SettleRule) -> str:
    # GROUP BY … HAVING and a join: half the cost of a window over all rows.
    columns = ", ".join(stream.columns[name] for name in rule.columns)
    present = " AND ".join(f"{stream.columns[name]} IS NOT NULL" for name in rule.columns)
    rows, stays = _remaining(stream), "max" if rule.kind == "latest" else "min"
    return (
        f"SELECT one.row_id FROM {rows} AS one JOIN (SELECT {columns}, {stays}(row_id) AS kept FROM {rows} "  # noqa: S608
        f"WHERE {present} GROUP BY {columns} HAVING count(*) > 1) AS many USING ({columns}) "
        "WHERE one.row_id <> many.kept"
    )


def _remove_orphans(connection: duckdb.DuckDBPyConnection, known: Mapping[str, _Stream]) -> None:
    """A stream that lost rows is looked up again by those that refer to it, until a round removes nothing."""
    changed = set(known) | {rule.target for stream in known.values() for rule in stream.rules}
    while changed:
        lost: set[str] = set()
        for stream in known.values():
            for index, rule in enumerate(stream.rules):
                if rule.kind == "references" and rule.target in changed:
                    falling = _orphans(stream, rule, known.get(rule.target))
                    if _remove(connection, stream, index, falling):
                        lost.add(stream.name)
        changed = lost


def _orphans(stream: _Stream, rule: SettleRule, target: _Stream | None) -> str:
    present = " AND ".join(f"one.{stream.columns[name]} IS NOT NULL" for name in rule.columns)
    found = f"SELECT one.row_id FROM {_remaining(stream)} AS one"  # noqa: S608
    if target is None:
        return f"{found} WHERE {present}"
    pairs = zip(rule.columns, rule.to, strict=True)
    alike = " AND ".join(f"one.{stream.columns[name]} = other.{target.columns[to]}" for name, to in pairs)
    return f"{found} ANTI JOIN {_remaining(target)} AS other ON {alike} WHERE {present}"


def _removed(connection: duckdb.DuckDBPyConnection, stream: _Stream | None) -> pa.Table:
    if stream is None:
        return REMOVED.empty_table()
    listed = connection.sql(f"SELECT row_id, rule FROM {stream.key}_removed ORDER BY row_id").to_arrow_table()  # noqa: S608
    names = pa.array([rule.id for rule in stream.rules], pa.string())
    rule = names.take(listed.column("rule").combine_chunks()) if listed.num_rows else pa.array([], pa.string())
    return pa.table({"row_id": listed.column("row_id"), "rule": rule}, schema=REMOVED)
