"""Ports on the loopback address: is one free, and which one does a service keep."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from .datadir import CannotStart

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether this process could listen on the port now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(1)
        except OSError:
            return False
    return True


def require(port: int) -> None:
    """Raise CannotStart when somebody else listens on the port of the pages."""
    if not 0 < port < 65536:
        raise CannotStart(f"{port} is no port; choose one between 1 and 65535 with --port.")
    if not is_free(port):
        raise CannotStart(
            f"Port {port} is taken by another program on this machine; stop that program or choose another port, "
            f"for example --port {port + 1}."
        )


def unused() -> int:
    """A port that is free at this moment."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
    return port


def kept(path: Path, say: Callable[[str], None]) -> int:
    """The port that was chosen on the first start; people may have written it into a connection, so it stays."""
    before = int(path.read_text()) if path.exists() else 0
    if before and is_free(before):
        return before
    port = unused()
    if before:
        say(f"port {before}, which PostgreSQL had before, is taken: it listens on {port} from now on")
    path.write_text(str(port))
    return port
