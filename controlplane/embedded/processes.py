"""The one table of Lockgate's processes; the supervisor and the production containers both start them from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from apps.dataplane.errors import Invalid

ROOT = Path(__file__).resolve().parent.parent.parent
CONTROL_LOOPS = ("scheduler", "applier", "notary")


@dataclass(frozen=True)
class Process:
    """One kind of process: its command after the interpreter, its database role and the key class that it may open."""

    name: str
    role: str
    arguments: tuple[str, ...]
    kek: str = ""
    loops: tuple[str, ...] = ()

    def command(self, *, host: str, port: int) -> tuple[str, ...]:
        places = {"host": host, "port": str(port)}
        return (sys.executable, *(argument.format_map(places) for argument in self.arguments))

    @property
    def roles(self) -> tuple[str, ...]:
        """Every database role whose password this process is given."""
        return tuple(dict.fromkeys((self.role, *self.loops)))


def _worker(queue: str, pool: str) -> tuple[str, ...]:
    return (
        *("-m", "celery", "--quiet", "-A", "controlplane", "worker", "-Q", queue, "-n", f"{queue}@%h"),
        *("-P", pool, "-c", "1", "--loglevel", "WARNING"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )


_WEB = (
    *("-m", "uvicorn", "controlplane.asgi:application", "--host", "{host}", "--port", "{port}", "--no-access-log"),
    *("--log-level", "warning", "--timeout-graceful-shutdown", "3", "--no-server-header", "--lifespan", "off"),
)

# Pages of the demo, acts at its sources, and the hand that kills a worker.
DEMO_PROCESSES = ("web", "extract", "publish")

# Sessions are the web process's; links in mail are signed when the general worker sends them.
SIGNS_LINKS = ("web", "general")

PROCESSES: tuple[Process, ...] = (
    Process("web", "web", _WEB),
    Process("extract", "worker", _worker("extract", "threads"), kek="extract"),
    Process("gate", "gate", _worker("gate", "prefork")),
    Process("publish", "publisher", _worker("publish", "threads"), kek="publish"),
    Process("general", "general", _worker("general", "threads"), kek="general"),
    Process("control", "notary", ("manage.py", "control"), kek="notary", loops=CONTROL_LOOPS),
)


def named(name: str) -> Process:
    """The process of that name. Raises Invalid."""
    for process in PROCESSES:
        if process.name == name:
            return process
    raise Invalid(f"There is no process {name!r}; there are {', '.join(process.name for process in PROCESSES)}.")


@dataclass(frozen=True)
class Installation:
    """What every process of one installation has in common, and the secrets that each gets its share of."""

    data: Path
    database: str
    passwords: Mapping[str, str] = field(repr=False)
    broker_url: str = field(repr=False)
    secret_key: Path
    keks: Mapping[str, Path]
    port: int
    url: str
    demo: bool = False

    def database_url(self, role: str) -> str:
        """The control database for a role; `database` is `host:port/name`."""
        return f"postgresql://lockgate_{role}:{quote(self.passwords[role])}@{self.database}"


def environment(process: Process, installation: Installation, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The whole environment of one process: its own role's password and its own key, and no other's."""
    mine = {name: value for name, value in outer.items() if _passes(name)}
    mine |= {
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "LOCKGATE_DATA": str(installation.data),
        "LOCKGATE_ROLE": process.role,
        "LOCKGATE_DATABASE_URL": installation.database_url(process.role),
        "LOCKGATE_BROKER_URL": installation.broker_url,
        "LOCKGATE_PORT": str(installation.port),
        "LOCKGATE_URL": installation.url,
        **_FRUGAL,
    }
    if installation.demo and process.name in DEMO_PROCESSES:
        mine["LOCKGATE_DEMO"] = "1"
    if process.name in SIGNS_LINKS:
        mine["LOCKGATE_SECRET_KEY_FILE"] = str(installation.secret_key)
    for loop in process.loops:
        mine[f"LOCKGATE_DATABASE_URL_{loop.upper()}"] = installation.database_url(loop)
    if process.kek in installation.keks:
        mine["LOCKGATE_KEK_FILE"] = str(installation.keks[process.kek])
    return mine


# Two malloc arenas and one thread per numeric library: the idle memory of seven processes counts more than their peak.
# Great Expectations would otherwise report its use to its makers, and Celery's workers load every page to check it.
_FRUGAL = {
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PYTHONUNBUFFERED": "1",
    "CELERY_SKIP_CHECKS": "1",
}
_PASSED = (
    *("LOCKGATE_MAIL_URL", "LOCKGATE_MAIL_FROM", "LOCKGATE_DEBUG", "LOCKGATE_LOG_LEVEL", "LOCKGATE_FILE_ROOTS"),
    *("LOCKGATE_WEBHOOK_NETWORKS", "LOCKGATE_WEBHOOK_HTTP_HOSTS", "LOCKGATE_DISK_FREE"),
)


def _passes(name: str) -> bool:
    if name == "PYTHONDONTWRITEBYTECODE":
        return False  # every start would compile the product again
    return not name.startswith("LOCKGATE_") or name in _PASSED or name.startswith(("LOCKGATE_TEST_", "LOCKGATE_BOOT_"))
