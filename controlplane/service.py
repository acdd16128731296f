"""One process of a production installation: its secrets come as files, its command from the table of processes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

import psycopg

from apps.dataplane.errors import Invalid

from . import roles
from .embedded import keyfiles, ports, schema, supervisor
from .embedded.datadir import CannotStart, write_private
from .embedded.processes import ROOT, Installation, Process, environment, named
from .embedded.up import OWNER

SECRETS = "/run/secrets"
MIGRATE = "migrate"


def become(name: str) -> int:
    """Replace this process by the named one; `migrate` makes roles, tables and grants and ends."""
    if name != MIGRATE:
        _step_into(named(name))
    return _migrate()


def _step_into(process: Process) -> NoReturn:
    installation = _installation(process)
    command = process.command(host=os.environ.get("LOCKGATE_BOOT_HOST", ports.LOOPBACK), port=installation.port)
    os.chdir(ROOT)
    os.execve(command[0], command, environment(process, installation))  # noqa: S606  no shell is wanted


def health(name: str) -> int:
    """0 when the named process can work: the pages answer; any other reaches its database, under its own role."""
    process = named(name)
    if process.name == "web":
        return 0 if supervisor.answers(int(os.environ.get("LOCKGATE_PORT", "8420"))) else 1
    try:
        for role in process.loops or (process.role,):
            psycopg.connect(_installation(process).database_url(role), connect_timeout=5).close()
    except psycopg.OperationalError:
        return 1
    return 0


def make_secrets(directory: Path) -> int:
    """Write every secret file that docker-compose.yml names, once; what exists stays.

    The directory is closed to others; the files in it are readable, because a container reads them as another user.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)
    files: dict[str, bytes] = {f"{role}_password": _password() for role in ("admin", *roles.ROLES)}
    files |= {f"{name}_kek": keyfiles.new_key_text() for name in keyfiles.KEKS}
    files["secret_key"] = keyfiles.new_key_text()
    broker = _password()
    files["broker_password"] = broker
    files["broker_conf"] = b"default_user = lockgate\ndefault_pass = " + broker
    made = [name for name in files if not (directory / name).exists()]
    if len({"broker_password", "broker_conf"} & set(made)) == 1:
        raise CannotStart(
            f"{directory} holds only one of broker_password and broker_conf: remove it, they belong together."
        )
    for name in made:
        write_private(directory / name, files[name])
        (directory / name).chmod(0o444)
    print(f"{len(made)} secret files made in {directory}; {len(files) - len(made)} were there already.")
    return 0


def _migrate() -> int:
    passwords = {role: _secret(f"{role}_password") for role in ("admin", *roles.ROLES)}
    installation = _installation(OWNER, passwords)
    host, _, name = installation.database.rpartition("/")
    admin_url = f"postgresql://lockgate_admin:{quote(passwords['admin'])}@{host}/postgres"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        roles.create(admin, passwords, database=name)
    url = installation.database_url("owner")
    if not schema.is_current(url):
        schema.migrate(url, environment(OWNER, installation), Path("/dev/stderr"))
    return 0


def _installation(process: Process, passwords: Mapping[str, str] | None = None) -> Installation:
    """The installation as this one process may know it: no other role's password, no other class's key."""
    place = Path(os.environ.get("LOCKGATE_BOOT_SECRETS", SECRETS))
    port = int(os.environ.get("LOCKGATE_PORT", "8420"))
    return Installation(
        data=Path(os.environ.get("LOCKGATE_DATA", "/var/lib/lockgate")),
        database=_needed("LOCKGATE_BOOT_DATABASE", "host:port/name of the control database"),
        passwords=passwords or {role: _secret(f"{role}_password") for role in process.roles},
        broker_url=_broker(),
        secret_key=place / "secret_key",
        keks={process.kek: place / f"{process.kek}_kek"} if (place / f"{process.kek}_kek").exists() else {},
        port=port,
        url=os.environ.get("LOCKGATE_URL", f"http://127.0.0.1:{port}"),
    )


def _broker() -> str:
    parts = urlsplit(_needed("LOCKGATE_BOOT_BROKER", "the broker's address without a password"))
    if parts.username is None:
        return parts.geturl()
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(_secret('broker_password'))}@{host}").geturl()


def _needed(name: str, meaning: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Invalid(f"{name} is not set; it is {meaning}.")
    return value


def _secret(name: str) -> str:
    path = Path(os.environ.get("LOCKGATE_BOOT_SECRETS", SECRETS)) / name
    try:
        return path.read_text().strip()
    except OSError as error:
        raise CannotStart(f"The secret {name} cannot be read from {path}: {error.strerror}.") from error


def _password() -> bytes:
    return secrets.token_urlsafe(24).encode() + b"\n"
