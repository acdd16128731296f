"""What a failing statement names stays out of PostgreSQL's log."""

from __future__ import annotations

import psycopg
import pytest

from controlplane.embedded import keyfiles, postgres, supervisor, up
from controlplane.embedded.children import Child, Spec
from controlplane.embedded.datadir import DataDirectory
from tests.controlplane.test_supervisor import eventually

CANARY = "canary-7d1f@example.test"


@pytest.fixture
def server(data: DataDirectory):  # type: ignore[no-untyped-def]
    keys = keyfiles.load(data, up.PASSWORDS)
    server = postgres.prepare(data, password=keys.passwords["admin"], say=lambda _: None)
    spec = Spec(
        "postgres", server.command(), supervisor.STOP_POSTGRES, up.plain_environment(), server.directory, server.account
    )
    child = Child(spec, logs=data.logs, run=data.run)
    eventually(server.answers, child.log)
    yield server
    child.stop()


def test_values_of_rows_do_not_reach_the_log(server: postgres.Server, data: DataDirectory) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (email text PRIMARY KEY, born date)")
        connection.execute("INSERT INTO people VALUES (%s)", [CANARY])
        for statement in (
            f"INSERT INTO people VALUES ('{CANARY}')",
            f"SELECT '{CANARY}'::date",
            f"SELECT broken '{CANARY}'",
            f"DO $$ BEGIN RAISE WARNING '{CANARY}'; RAISE EXCEPTION '{CANARY}'; END $$",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode())
    assert CANARY not in (data.logs / "postgres.log").read_text()


def test_passwords_are_scram_and_pages_have_checksums(server: postgres.Server) -> None:
    with psycopg.connect(server.admin_url) as connection:
        settings = "password_encryption", "data_checksums", "listen_addresses", "unix_socket_directories"
        assert [connection.execute(f"SHOW {name}".encode()).fetchone()[0] for name in settings] == [  # type: ignore[index]
            "scram-sha-256", "on", "127.0.0.1", "",
        ]  # fmt: skip
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]


def test_a_wrong_password_is_refused(server: postgres.Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url(postgres.ADMIN, "wrong", "postgres"))
