"""Rows that pass through Arrow strings arrive exactly as they left, whatever their type, value or name."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.dataplane.plan import TableRef

from .conftest import Side, copy

TYPES = """
CREATE TYPE public.mood AS ENUM ('calm', 'it''s "odd"', '', 'a,b');
CREATE TYPE public.pair AS (label text, amount numeric);
CREATE DOMAIN public.short AS varchar(5) CHECK (value <> 'never');
"""
# Column type -> values as SQL; every row of the table takes the next value of each column, in turn.
HOSTILE: dict[str, tuple[str, ...]] = {
    "numeric": ("12345678901234567890123456789.000000000100", "'NaN'", "'-Infinity'", "0.10", "1e-30", "NULL"),
    "numeric(29,9)": ("12345678901234567890.123456789", "'NaN'", "-0.000000001", "NULL"),
    "smallint": ("-32768", "NULL"),
    "bigint": ("9223372036854775807", "-9223372036854775808", "NULL"),
    "real": ("'NaN'", "3.4028235e38", "1e-45", "-0.0", "NULL"),
    "double precision": ("0.1::float8 + 0.2", "5e-324", "'Infinity'", "-0.0", "NULL"),
    "boolean": ("true", "false", "NULL"),
    "money": ("'-92233720368547758.08'", "12.34", "NULL"),
    "text": (
        "''", "NULL", r"'\N'", r"E'\\.'", r"E'\n'", r"E'\r\n'", "'\"'", "'\"\"'", "','", "' '", r"E'\t'", "'NULL'",
        "'null'", r"E'a\nb\"c,d\\N\r'", "'😀 👩‍👩‍👧 ﷺ e\u0301 \u202e'",
        "repeat('x\"\n,', 250000)", r"'\x00'", "U&'\\FEFF'",
        "'#N/A'", "'NaN'", "'-'", "'1e5'", r"E'\x01\x1f\x7f'",
    ),
    "character varying(40)": ("'  both  '", "NULL"),
    "character(4)": ("'ab'", "''", "NULL"),
    "\"char\"": ("'x'", "''", "NULL"),
    "bytea": (r"'\x00ff0a225c2c'", "''", "NULL"),
    "date": ("'infinity'", "'-infinity'", "'0044-03-15 BC'", "'5874897-12-31'", "'2024-02-29'", "NULL"),
    "timestamp": ("'infinity'", "'0044-03-15 01:02:03.000004 BC'", "'2024-01-01 00:00:00.1'", "NULL"),
    "timestamptz(3)": ("'-infinity'", "'2024-07-01 12:00:00.123+05:45'", "'294276-12-31 23:59:59Z'", "NULL"),
    "time without time zone": ("'24:00:00'", "'00:00:00.000001'", "NULL"),
    "time with time zone": ("'12:00:00+14:59:59'", "NULL"),
    "interval": ("'-1 year 2 mons -3 days 04:05:06.789'", "'178000000 years'", "'00:00'", "NULL"),
    "interval day to second(3)": ("'1 day 00:00:00.123'", "NULL"),
    "uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "NULL"),
    "jsonb": (r"""'{"a": [1, 2.50, null, "\\N", "\u00e9\n"], "": {}}'""", "'null'", "'\"\"'", "'1e400'", "NULL"),
    "json": ("""'{"b" :  1,\n"b":2}'""", "'null'", "NULL"),
    "text[]": (r"""ARRAY['', NULL, 'NULL', '"', '\', ',', '{}', E'\n', '\N']""", "'{}'", "'[2:3]={a,b}'", "NULL"),
    "integer[]": ("'{{1,2},{3,NULL}}'", "'{}'", "NULL"),
    "timestamp with time zone[]": ("'{infinity,2024-01-01 00:00:00+02}'", "NULL"),
    "int4range": ("'empty'", "'[1,)'", "'(,)'", "NULL"),
    "tstzrange": ("'[2024-01-01 00:00+01,infinity)'", "NULL"),
    "int4multirange": ("'{[1,3),[5,9)}'", "'{}'", "NULL"),
    "inet": ("'192.168.0.1/24'", "'::1'", "NULL"),
    "macaddr": ("'08:00:2b:01:02:03'", "NULL"),
    "bit(5)": ("B'10101'", "NULL"),
    "bit varying": ("B''", "B'1'", "NULL"),
    "point": ("'(0.1,-1e-300)'", "NULL"),
    "tsvector": ("$$'a''b':1A,2 'c d'$$", "''", "NULL"),
    "pg_lsn": ("'16/B374D848'", "NULL"),
    "public.mood": ("'it''s \"odd\"'", "''", "'a,b'", "NULL"),
    "public.mood[]": ("ARRAY['', 'a,b']::public.mood[]", "NULL"),
    "public.pair": ("ROW('a\"b,(\\', 1.50)", "ROW('', NULL)", "ROW(NULL, NULL)", "NULL"),
    "public.pair[]": ("ARRAY[ROW('x,y', 1), NULL]::public.pair[]", "NULL"),
    "public.short": ("''", "'abcde'", "NULL"),
}  # fmt: skip
ROWS = max(len(values) for values in HOSTILE.values()) + 6
REF = TableRef("public", "hostile")


@pytest.fixture
def hostile(source: Side, destination: Side) -> tuple[Side, Side, list[str]]:
    names = [f"c{number}" for number in range(len(HOSTILE))]
    definitions = ", ".join(f"{name} {kind}" for name, kind in zip(names, HOSTILE, strict=True))
    source.run(TYPES + f"CREATE TABLE hostile ({definitions})")
    destination.run(TYPES)
    for row in range(ROWS):
        values = ", ".join(f"({of[row % len(of)]})::{kind}" for kind, of in HOSTILE.items())
        source.run(f"INSERT INTO hostile VALUES ({values})")
    return source, destination, names


def as_text(names: list[str]) -> str:
    """Types such as json cannot be compared, and -0 equals 0: so the text form is."""
    columns = ", ".join(f"{name}::text" for name in names)
    return f"SELECT {columns} FROM hostile"


def test_every_type_arrives_identical(hostile: tuple[Side, Side, list[str]]) -> None:
    source, destination, names = hostile
    assert copy(source, destination, REF, names) == ROWS
    for side in (source, destination):
        side.run(f"CREATE TABLE as_text AS {as_text(names)}")
    destination.run("CREATE TABLE original (LIKE as_text)")
    reading, writing = source.admin.cursor(), destination.admin.cursor()
    with reading.copy("COPY as_text TO STDOUT") as out, writing.copy("COPY original FROM STDIN") as into:
        for piece in out:
            into.write(piece)
    difference = "(TABLE {0} EXCEPT ALL TABLE {1})"
    assert destination.one("SELECT count(*) FROM original") == ROWS
    assert destination.rows(difference.format("original", "as_text")) == []
    assert destination.rows(difference.format("as_text", "original")) == []


def test_types_and_their_modifiers_arrive_identical(hostile: tuple[Side, Side, list[str]]) -> None:
    source, destination, names = hostile
    copy(source, destination, REF, names)
    types = (
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'hostile'::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert destination.rows(types) == source.rows(types)


def test_settings_of_the_role_and_database_change_nothing(hostile: tuple[Side, Side, list[str]]) -> None:
    source, destination, names = hostile
    for side, style in ((source, "SQL, DMY"), (destination, "German, MDY")):
        database = side.settings.database
        for setting in (
            f"datestyle TO '{style}'", "intervalstyle TO 'sql_standard'", "timezone TO 'Asia/Kathmandu'",
            "extra_float_digits TO -15", "bytea_output TO 'escape'", "client_encoding TO 'LATIN1'",
            "array_nulls TO off", "default_transaction_read_only TO on", "search_path TO pg_temp",
            "xmloption TO document", "synchronize_seqscans TO on", "row_security TO on", "lc_monetary TO 'C.UTF-8'",
        ):  # fmt: skip
            side.run(f"ALTER DATABASE {database} SET {setting}")
    assert copy(source, destination, REF, names) == ROWS
    text = as_text(names) + " ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert destination.rows(text) == source.rows(text)


def test_null_empty_text_and_a_literal_backslash_n_stay_three_things(source: Side) -> None:
    source.run(r"CREATE TABLE t (v text); INSERT INTO t VALUES (''), (NULL), ('\N'), ('\.'), (E'\n')")
    with source.reader() as reader:
        (batch,) = reader.read(TableRef("public", "t"), ("v",))
    assert batch.column("v").to_pylist() == ["", None, "\\N", "\\.", "\n"]


HOSTILE_NAMES = (
    'quote"quote', "it's", "a;DROP TABLE x;--", "line\nbreak", "ü" * 31 + "x", "<script>alert(1)</script>",
    "%s %(a)s %", "{} {0}", "select", " ", "\\N", "$1", "a.b", "/*", "E'\\''", "日本語", "😀", "c\tc",

    "CamelCase", "__row_id",
)  # fmt: skip


def test_hostile_names_of_schema_table_and_columns_are_only_names(source: Side, destination: Side) -> None:
    def quoted(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    definitions = ", ".join(f"{quoted(name)} text" for name in HOSTILE_NAMES)
    row = tuple(f"value of {name}" for name in HOSTILE_NAMES)
    for schema in HOSTILE_NAMES:
        ref = TableRef(schema, schema[::-1])
        name = f"{quoted(ref.schema)}.{quoted(ref.table)}"
        source.run(f"CREATE SCHEMA {quoted(schema)}; CREATE TABLE {name} ({definitions})")
        places = ", ".join(["%s"] * len(row))
        source.admin.execute(f"INSERT INTO {name.replace('%', '%%')} VALUES ({places})", row)  # type: ignore[arg-type]
        assert copy(source, destination, ref, HOSTILE_NAMES) == 1
        assert copy(source, destination, ref, HOSTILE_NAMES, create=False) == 1
        assert destination.rows(f"SELECT * FROM {name}") == [row]


def test_columns_are_read_in_the_order_asked_for(source: Side) -> None:
    source.run("CREATE TABLE t (a int, b int, c int); INSERT INTO t VALUES (1, 2, 3)")
    with source.reader() as reader:
        (batch,) = reader.read(TableRef("public", "t"), ("c", "a"))
    assert batch.schema == pa.schema([("c", pa.string()), ("a", pa.string())])
    assert batch.to_pylist() == [{"c": "3", "a": "1"}]


cells = (
    st.none() | st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")) | st.sampled_from(['"', "\\N"])
)


def test_any_text_survives_both_forms(source: Side) -> None:
    source.run("CREATE TABLE scratch (a text, b text)")
    ref = TableRef("public", "scratch")

    @settings(max_examples=60, deadline=None)
    @given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=20))
    def survives(rows: list[tuple[str | None, str | None]]) -> None:
        source.run("TRUNCATE scratch")
        arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, names=["a", "b"])
        with source.publisher() as publisher:
            publisher.load(ref, ("a", "b"), iter([batch]))
            publisher.record_state("p", "r", 1, "h")
            publisher.commit()
        with source.reader() as reader:
            assert pa.Table.from_batches(reader.read(ref, ("a", "b"))) == pa.Table.from_batches([batch])
        assert source.rows("SELECT a, b FROM scratch") == rows

    survives()
