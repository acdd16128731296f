"""A throw-away PostgreSQL 18 for tests: one server for each test process, fresh databases and roles in milliseconds."""

from __future__ import annotations

import ctypes
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from controlplane.embedded import account as accounts
from controlplane.embedded import postgres as launcher

SUPERUSER = "postgres"
NOT_DURABLE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")
SMALL = ("shared_buffers=32MB", "max_connections=100", "max_wal_size=256MB", "logging_collector=off")
# A server that sends cleartext passwords exists only to prove that the product refuses to answer it.
CLEARTEXT_ROLE = "cleartext"
ACCESS = f"""\
local all all scram-sha-256
host all {CLEARTEXT_ROLE} 127.0.0.1/32 password
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Role:
    """A login role; `password` never shows in a repr."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Server:
    """A running throw-away server. Everything in it dies with the test session."""

    host: str
    port: int
    superuser: Role
    directory: Path
    pid: int

    def connect(self, database: str = "postgres", role: Role | None = None, **options: Any) -> psycopg.Connection[Any]:
        """An autocommit connection, as the superuser unless told."""
        who = role or self.superuser
        return psycopg.connect(
            host=self.host, port=self.port, dbname=database, user=who.name, password=who.password,
            autocommit=True, **options,
        )  # fmt: skip

    def url(self, database: str = "postgres", role: Role | None = None) -> str:
        who = role or self.superuser
        return f"postgresql://{who.name}:{who.password}@{self.host}:{self.port}/{database}"

    def create_role(self, name: str = "", *, password: str = "", options: str = "") -> Role:
        """A new login role without rights; `options` is raw SQL such as `CREATEDB`."""
        role = Role(name or f"role_{secrets.token_hex(4)}", password or secrets.token_hex(8))
        with self.connect() as connection:
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} ").format(sql.Identifier(role.name), role.password)
            connection.execute(statement + sql.SQL(options))  # type: ignore[arg-type]
        return role

    def create_database(self, name: str = "", *, owner: Role | None = None, template: str = "template1") -> str:
        """A new database, copied from `template`; returns its name."""
        name = name or f"db_{secrets.token_hex(4)}"
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY").format(
            sql.Identifier(name), sql.Identifier((owner or self.superuser).name), sql.Identifier(template)
        )
        with self.connect() as connection:
            connection.execute(statement)
        return name

    def drop_database(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server of this test process."""
    with running() as server:
        yield server


@contextmanager
def running() -> Iterator[Server]:
    """A server for the block; benchmarks use it as well."""
    directory = Path(tempfile.mkdtemp(prefix="lockgate-pg-"))
    accounts.give(accounts.for_services(), directory)
    try:
        superuser = _initialise(directory)
        with (directory / "log").open("wb") as log:
            port = _free_port()
            process = _start(directory, port, log)
            try:
                yield _wait_until_ready(process, directory, port, superuser)
            finally:
                _stop(process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def new_database(postgres: Server) -> Iterator[Callable[..., str]]:
    """Creates databases (arguments of `Server.create_database`) that are dropped when the test ends."""
    created: list[str] = []

    def create(name: str = "", **options: Any) -> str:
        created.append(postgres.create_database(name, **options))
        return created[-1]

    yield create
    for name in created:
        postgres.drop_database(name)


def binaries() -> Path:
    """PostgreSQL's programs as the product finds them, where the account of the server can run them."""
    return launcher.programs(accounts.for_services())


def _stepping_down() -> dict[str, Any]:
    return accounts.stepping_down(accounts.for_services())


def _initialise(directory: Path) -> Role:
    superuser = Role(SUPERUSER, secrets.token_hex(16))
    password_file = directory / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(superuser.password)
    accounts.give(accounts.for_services(), password_file)
    command = [
        binaries() / "initdb", "--pgdata", directory / "data", "--username", SUPERUSER, "--auth=scram-sha-256",
        "--pwfile", password_file, "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync", "--no-instructions",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory, **_stepping_down())
    password_file.unlink()
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stderr.strip()}")
    (directory / "data" / "pg_hba.conf").write_text(ACCESS)
    return superuser


def _start(directory: Path, port: int, log: Any) -> subprocess.Popen[bytes]:
    sockets = directory / "sockets"
    sockets.mkdir(mode=0o700)
    accounts.give(accounts.for_services(), sockets)
    options = (f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={sockets}")
    command = [str(binaries() / "postgres"), "-D", str(directory / "data")]
    for option in (*options, *NOT_DURABLE, *SMALL):
        command += ["-c", option]
    return subprocess.Popen(
        command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=directory, start_new_session=True,
        preexec_fn=_die_with_parent, **_stepping_down(),
    )  # fmt: skip


def _die_with_parent() -> None:
    """A test session that is killed leaves no server behind (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _wait_until_ready(process: subprocess.Popen[bytes], directory: Path, port: int, superuser: Role) -> Server:
    server = Server("127.0.0.1", port, superuser, directory, process.pid)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.connect().close()
            return server
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {(directory / 'log').read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
