"""`manage.py upgrade`: stop, back up, migrate, start again; killed anywhere, the same command goes on from there."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from . import archive, backup, database, datadir, keyfiles, schema
from .datadir import CannotStart, DataDirectory, write_private
from .postgres import Server
from .processes import ROOT, Installation, environment
from .up import OWNER, PASSWORDS

Say = Callable[[str], None]
PROGRESS = "upgrade.json"
STOP_SECONDS = 120


def upgrade(root: Path, *, start: bool, say: Say) -> int:
    """Bring an installation to this code. Raises CannotStart; returns the exit status unless it starts it again."""
    data = database.existing(root)
    done = _progress(data)
    port = _stop(data, say) or done.get("port", 0)
    _remember(data, {**done, "port": port})
    with datadir.held(data, url="an upgrade"):
        keys = keyfiles.load(data, PASSWORDS)
        with database.started(data, keys, say) as server:
            _bring_up(data, server, keys, {**done, "port": port}, say)
    (data.root / PROGRESS).unlink()
    if start and port:
        say("starting it again")
        os.chdir(ROOT)
        command = [sys.executable, "manage.py", "up", "--data", str(data.root), "--port", str(port)]
        os.execv(command[0], command)  # noqa: S606  no shell is wanted
    say(f"start it with `python3 manage.py up --data {data.root}`")
    return 0


def _bring_up(data: DataDirectory, server: Server, keys: keyfiles.KeyFiles, done: dict[str, Any], say: Say) -> None:
    owner_url = database.owner_url(server, keys.passwords)
    schema.refuse_downgrade(owner_url)
    if schema.is_current(owner_url):
        say("the database is at this version already; nothing was changed")
        return
    with psycopg.connect(owner_url) as owner:
        pending = sorted(schema.known() - schema.applied(owner))
    _backed_up(data, server, done, say)
    say(
        f"{len(pending)} migrations to make"
        if pending
        else "no migration to make; rights and libraries are looked over"
    )
    installation = Installation(
        data.root, f"127.0.0.1:{server.port}/lockgate", keys.passwords, "", keys.secret_key, keys.keks, 8420,
        "http://127.0.0.1:8420",
    )  # fmt: skip
    its = {name: value for name, value in environment(OWNER, installation).items() if value}
    its.pop("LOCKGATE_BROKER_URL", None)
    schema.migrate(owner_url, its, data.logs / "migrate.log")
    say("the database is at this version; should anything be wrong, restore the backup with the version before")


def _backed_up(data: DataDirectory, server: Server, done: dict[str, Any], say: Say) -> None:
    """The backup from before the first migration: the one that an attempt before this one made, or a new one."""
    folder = data.root / "backups"
    before = Path(done.get("backup") or "/nowhere")
    if before.exists():
        archive.verified(before)
        say(f"{before} was made by an earlier attempt and is whole")
        return
    for unfinished in folder.glob("lockgate-backup-*"):
        shutil.rmtree(unfinished)  # of an attempt that was killed; nobody else works here while we hold the directory
    target = folder / backup.name(datetime.now(UTC))
    # Said before it is made: a kill between the two would otherwise make another one.
    _remember(data, {**done, "backup": str(target)})
    say("making a backup without keys first: an upgrade leaves the keys directory alone")
    backup.write(data, server, target, passphrase=None, parts=False, say=say)


def _progress(data: DataDirectory) -> dict[str, Any]:
    try:
        return dict(json.loads((data.root / PROGRESS).read_text()))
    except (OSError, ValueError):
        return {}


def _remember(data: DataDirectory, done: dict[str, Any]) -> None:
    write_private(data.root / PROGRESS, json.dumps(done).encode())


def _stop(data: DataDirectory, say: Say) -> int:
    """Stop the installation if it runs, in order; returns the port that it served, 0 when it did not run."""
    lock = data.run / "supervisor.lock"
    if not _is_held(lock):
        return 0
    said = json.loads(lock.read_text())
    say(f"stopping Lockgate at {said['url']} (process {said['pid']})")
    os.kill(int(said["pid"]), signal.SIGTERM)
    limit = time.monotonic() + STOP_SECONDS
    while _is_held(lock):
        if time.monotonic() > limit:
            raise CannotStart(f"Process {said['pid']} did not stop within {STOP_SECONDS} s; stop it and try again.")
        time.sleep(0.2)
    return _port(said)


def _port(said: dict[str, Any]) -> int:
    return int(said.get("port") or urlsplit(str(said["url"])).port or 8420)


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
