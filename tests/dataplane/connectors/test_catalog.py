"""Discovery and inspection tell tables as they are now."""

from __future__ import annotations

from apps.dataplane.connectors.postgres import discover, inspect, known_types
from apps.dataplane.plan import ColumnSchema, TableRef, TableSchema

from .conftest import Side

T = TableRef("public", "t")


def found(side: Side) -> list[str]:
    return [str(schema.ref) for schema in discover(side.settings, side.credentials)]


def test_a_table_is_told_in_full(source: Side) -> None:
    source.run("""
        CREATE TYPE mood AS ENUM ('calm');
        CREATE DOMAIN given AS text NOT NULL;
        CREATE TABLE t (
            id bigint GENERATED ALWAYS AS IDENTITY, name varchar(40) NOT NULL, email text DEFAULT '', gone int,
            m mood, tags text[], g given, born timestamp(3) with time zone,
            upper text GENERATED ALWAYS AS (upper(name)) STORED,
            CONSTRAINT b CHECK (name <> ''), CONSTRAINT a CHECK (id > 0),
            PRIMARY KEY (name, id), UNIQUE (email), UNIQUE (born, m));
        ALTER TABLE t DROP gone;
        CREATE UNIQUE INDEX ON t (lower(name));
        CREATE UNIQUE INDEX ON t (email) WHERE name = 'x';
        CREATE UNIQUE INDEX ON t (m) INCLUDE (g);
        CREATE VIEW v AS SELECT name FROM t;
        CREATE MATERIALIZED VIEW w AS SELECT * FROM v JOIN t USING (name);
        CREATE TABLE child (email text CONSTRAINT to_t REFERENCES t (email), self int);
        INSERT INTO t (name, g) VALUES ('n', 'g');
        ANALYZE t;
    """)
    (schema,) = inspect(source.settings, source.credentials, [T]).values()
    assert schema == TableSchema(
        ref=T,
        columns=(
            ColumnSchema("id", "bigint", not_null=True, has_default=True),
            ColumnSchema("name", "character varying(40)", not_null=True),
            ColumnSchema("email", "text", has_default=True),
            ColumnSchema("m", "public.mood"),
            ColumnSchema("tags", "text[]"),
            ColumnSchema("g", "public.given", not_null=True),
            ColumnSchema("born", "timestamp(3) with time zone"),
            ColumnSchema("upper", "text", generated=True, has_default=True),
        ),
        primary_key=("name", "id"),
        unique=(("born", "m"), ("email",), ("m",)),
        checks=("CHECK ((id > 0))", "CHECK (((name)::text <> ''::text))"),
        dependents=("public.v", "public.w"),
        incoming=("public.child.to_t",),
        estimated_rows=1,
    )


def test_settings_of_the_database_do_not_change_a_tables_hash(source: Side) -> None:
    source.run("CREATE TYPE mood AS ENUM ('calm'); CREATE TABLE t (a mood, b text CHECK (b <> ''))")
    before = inspect(source.settings, source.credentials, [T])[T]
    source.run(f"ALTER DATABASE {source.settings.database} SET search_path TO public, pg_catalog")
    source.run(f"ALTER DATABASE {source.settings.database} SET quote_all_identifiers TO on")
    after = inspect(source.settings, source.credentials, [T])[T]
    assert before is not None
    assert after is not None
    assert after.hash == before.hash


def test_an_absent_table_is_none_and_order_is_kept(source: Side) -> None:
    source.run("CREATE TABLE t (a int)")
    refs = [TableRef("public", "absent"), T, TableRef("absent", "t")]
    schemas = inspect(source.settings, source.credentials, refs)
    assert list(schemas) == refs
    assert [schema is not None for schema in schemas.values()] == [False, True, False]


def test_only_readable_tables_are_discovered_in_order_of_name(source: Side) -> None:
    role = source.server.create_role()
    source.run(f"""
        CREATE TABLE closed (a int); CREATE TABLE b (a int); CREATE VIEW "A" AS SELECT 1 AS x;
        CREATE TABLE partly (a int, b int); GRANT SELECT (b) ON partly TO {role.name};
        CREATE SCHEMA hidden; CREATE TABLE hidden.t (a int); GRANT SELECT ON hidden.t TO {role.name};
        CREATE SCHEMA lockgate; CREATE TABLE lockgate.state (a int); GRANT SELECT ON lockgate.state TO {role.name};
        CREATE TABLE parted (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);
        GRANT SELECT ON b, "A", parted, part TO {role.name};
    """)
    assert found(source.acting(role)) == ["public.A", "public.b", "public.parted", "public.partly"]


def test_the_estimate_of_a_partitioned_table_is_that_of_its_parts(source: Side) -> None:
    source.run("""
        CREATE TABLE t (a int) PARTITION BY LIST (a);
        CREATE TABLE one PARTITION OF t FOR VALUES IN (1); CREATE TABLE two PARTITION OF t FOR VALUES IN (2);
        INSERT INTO t SELECT 1 + v % 2 FROM generate_series(1, 90) AS v; ANALYZE one, two;
    """)
    assert [schema.estimated_rows for schema in discover(source.settings, source.credentials)] == [90]


def test_an_empty_database_has_no_tables(source: Side) -> None:
    assert discover(source.settings, source.credentials) == ()
    assert inspect(source.settings, source.credentials, []) == {}


def test_types_are_known_by_the_servers_own_spelling_only(source: Side) -> None:
    source.run("CREATE TYPE mood AS ENUM ('calm'); CREATE TYPE \"a(1)\" AS (x int)")
    known = {
        "integer", "text", "character varying(40)", "character varying", "character(1)", "bpchar", '"char"',
        "numeric(10,2)", "numeric(3,-2)", "numeric(10,2)[]", "timestamp(3) with time zone", "bit(3)", '"bit"',
        "time without time zone", "interval day to second(3)", "interval(2)", "interval year to month", "public.mood",
        "public.mood[]", 'public."a(1)"',
    }  # fmt: skip
    unknown = {
        "int", "varchar(40)", "mood", "public.absent", "text; DROP TABLE t", "text NOT NULL", "text --", "text/**/",
        "interval); DROP TABLE t; --", "text COLLATE \"C\"", "", " ", "serial", "setof text", "text(",
        "public.mood%TYPE", "integer DEFAULT (1)", "'", '"', "\n",
    }  # fmt: skip
    assert known_types(source.settings, source.credentials, known | unknown) == known
