"""The embedded database for a command at the terminal: the one that `up` runs, or started for as long as it takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from controlplane import roles

from . import datadir, keyfiles, leftovers, postgres, supervisor
from .children import Child, Spec
from .datadir import CannotStart, DataDirectory
from .keyfiles import KeyFiles
from .postgres import Server
from .up import PASSWORDS, plain_environment

SECONDS = 120


def existing(root: Path) -> DataDirectory:
    """The data directory of an installation that has been started before. Raises CannotStart."""
    data = DataDirectory(root.absolute())
    if os.environ.get("LOCKGATE_DATABASE_URL"):
        raise CannotStart(
            "This command works on the embedded database, and LOCKGATE_DATABASE_URL names another: "
            "back that one up with its own tools, and the keys directory with it."
        )
    if not (data.keys / "roles.json").exists() or not data.pg.exists():
        raise CannotStart(f"There is no installation in {data.root}: name its data directory with --data.")
    return data


@contextmanager
def at_hand(data: DataDirectory, say: Callable[[str], None]) -> Iterator[Server]:
    """The cluster, answering: as `up` runs it now, else started here and stopped again."""
    keys = keyfiles.load(data, PASSWORDS)
    running = _running(data, keys)
    if running is not None:
        yield running
        return
    with datadir.held(data, url="a command at the terminal"), started(data, keys, say) as server:
        yield server


@contextmanager
def started(data: DataDirectory, keys: KeyFiles, say: Callable[[str], None]) -> Iterator[Server]:
    """Start the cluster for the block, while holding the data directory."""
    leftovers.end(data, postgres.clusters(data), say)
    server = postgres.prepare(data, password=keys.passwords["admin"], say=say)
    spec = Spec(
        "postgres", server.command(), supervisor.STOP_POSTGRES, plain_environment(), server.directory, server.account
    )
    child = Child(spec, logs=data.logs, run=data.run)
    try:
        _wait(server, child, data)
        yield server
    finally:
        child.stop()
        (data.run / "postgres.pid").unlink(missing_ok=True)


def _wait(server: Server, child: Child, data: DataDirectory) -> None:
    limit = time.monotonic() + SECONDS
    while not server.answers():
        if not child.alive() or time.monotonic() > limit:
            raise CannotStart(f"PostgreSQL did not answer; its last words are in {data.logs / 'postgres.log'}.")
        time.sleep(0.1)


def _running(data: DataDirectory, keys: KeyFiles) -> Server | None:
    """The cluster of an installation that is up; None when nobody holds the data directory."""
    if not datadir.holder(data):
        return None
    server = postgres.running(data, password=keys.passwords["admin"])
    if server is None or not server.answers():
        return None
    return server


def owner_url(server: Server, passwords: Mapping[str, str]) -> str:
    """The control database for its owner."""
    return server.url(roles.ROLES["owner"], passwords["owner"])
