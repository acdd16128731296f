"""Every service of docker-compose.yml starts by its own command line, against a real database and a real broker."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml

from controlplane import service
from controlplane.embedded import broker, ports, postgres, supervisor, up
from controlplane.embedded.children import Child, Spec
from controlplane.embedded.datadir import DataDirectory
from tests.controlplane.test_supervisor import eventually

pytestmark = pytest.mark.fault

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = {name: SERVICES[name]["command"] for name in SERVICES if name not in ("postgres", "rabbitmq", "migrate")}


@dataclass(frozen=True)
class Host:
    """What Compose would provide: a database, a broker, and the secrets as files."""

    data: DataDirectory
    settings: dict[str, str]
    server: postgres.Server

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, *command[1:]]
        return subprocess.run(program, cwd=ROOT, env=self.settings, capture_output=True, text=True, check=False)

    def start(self, name: str, command: list[str]) -> Child:
        spec = Spec(name, (sys.executable, *command[1:]), supervisor.STOP_WORKER, self.settings, ROOT)
        return Child(spec, logs=self.data.logs, run=self.data.run)

    def wait_until_well(self, name: str, child: Child) -> None:
        check = SERVICES[name]["healthcheck"]["test"]
        eventually(lambda: self.run(check[1:]).returncode == 0 or not child.alive(), child.log, seconds=120)

    def connections(self, role: str) -> int:
        with psycopg.connect(self.server.admin_url) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
            row = connection.execute(query, [f"lockgate_{role}"]).fetchone()
        return int(row[0]) if row else 0


@pytest.fixture
def host(data: DataDirectory, bare_environment: dict[str, str]) -> Iterator[Host]:
    secrets = data.root / "secrets"
    service.make_secrets(secrets)
    password = (secrets / "admin_password").read_text().strip()
    server = postgres.prepare(data, password=password, say=lambda _: None)
    messages = broker.choose(data, given="", fallback_url="postgresql://")
    specs = (
        Spec(
            "postgres",
            server.command(),
            supervisor.STOP_POSTGRES,
            up.plain_environment(),
            server.directory,
            server.account,
        ),
        Spec("broker", messages.command, supervisor.STOP_BROKER, up.plain_environment(), data.broker),
    )
    running = [Child(spec, logs=data.logs, run=data.run) for spec in specs]
    eventually(lambda: server.answers() and messages.answers(), data.logs)
    settings = {
        **bare_environment,
        "LOCKGATE_DATA": str(data.root),
        "LOCKGATE_PORT": str(ports.unused()),
        "LOCKGATE_BOOT_SECRETS": str(secrets),
        "LOCKGATE_BOOT_DATABASE": f"127.0.0.1:{server.port}/lockgate",
        "LOCKGATE_BOOT_BROKER": messages.url,
    }
    yield Host(data, settings, server)
    for child in reversed(running):
        child.stop()


def test_every_service_starts_is_well_and_stops(host: Host) -> None:
    migrated = host.run(SERVICES["migrate"]["command"])
    assert (migrated.returncode, migrated.stdout) == (0, ""), migrated.stderr
    assert host.run(SERVICES["migrate"]["command"]).returncode == 0  # a second time changes nothing
    started = {name: host.start(name, command) for name, command in OURS.items()}
    try:
        for name, child in started.items():
            host.wait_until_well(name, child)
        time.sleep(3)
        assert [name for name, child in started.items() if not child.alive()] == []
        eventually(lambda: all(host.connections(role) for role in ("scheduler", "applier", "notary")), "control")
        assert titles(started["gate"].pid) == ["celery"]
    finally:
        for child in started.values():
            child.ask_to_stop()
        for child in started.values():
            child.stop()
    # uvicorn stops in order and then lets the signal end it.
    assert {name: child.process.returncode for name, child in started.items()} == {
        **dict.fromkeys(OURS, 0),
        "web": -signal.SIGTERM,
    }


def titles(pid: int) -> list[str]:
    """The module that a service has become: `service` replaces itself, so that signals reach the process itself."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return [words[words.index(b"-m") + 1].decode()] if b"-m" in words else []


def test_a_service_without_its_database_is_not_well(host: Host) -> None:
    environment = {**host.settings, "LOCKGATE_BOOT_DATABASE": f"127.0.0.1:{ports.unused()}/lockgate"}
    command = [sys.executable, "manage.py", "health", "gate"]
    assert subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 1
