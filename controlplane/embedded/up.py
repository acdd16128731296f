"""`manage.py up`: from a data directory, empty or old, to a running Lockgate, and back to nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg

from apps.dataplane.errors import LockgateError
from controlplane import roles
from controlplane.config import DEMO_MARK

from . import broker, datadir, keyfiles, leftovers, ports, postgres, schema, supervisor
from .children import Spec, Stop, end_with
from .datadir import CannotStart, DataDirectory
from .keyfiles import KeyFiles
from .processes import PROCESSES, ROOT, Installation, Process, environment, named
from .supervisor import Stopped, Supervisor
from .terminal import Terminal, fail

PASSWORDS = ("admin", "broker", *roles.ROLES)
OWNER = Process("owner", "owner", ())


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    data: Path
    port: int = 8420
    demo: bool = False
    leave: bool = False


def up(options: Options) -> int:
    """Run until stopped, or with `leave` until the demo has ended. Returns the exit status."""
    url = os.environ.get("LOCKGATE_URL") or f"http://{ports.LOOPBACK}:{options.port}"
    try:
        data = datadir.prepare(options.data)
        with datadir.held(data, url=url):
            if options.demo:
                _mark_demo(data)
            return _run(options, data, url)
    except LockgateError as error:
        return fail(error.sentence)


def _mark_demo(data: DataDirectory) -> None:
    """An installation is a demo from its first start or never: what already holds something, or may, gets no mark."""
    if not postgres.clusters(data) and not os.environ.get("LOCKGATE_DATABASE_URL"):
        (data.root / DEMO_MARK).touch(mode=0o600)


def _run(options: Options, data: DataDirectory, url: str) -> int:
    terminal = Terminal(data.logs / "supervisor.log")
    keeper = Supervisor(data, terminal)
    status = 0
    with keeper.signals():
        try:
            installation, admin_url = _services(keeper, options, url)
            _processes(keeper, installation)
            terminal.say(f"Lockgate is running at {url} and keeps everything in {data.root}")
            if options.demo:
                status = _demo(keeper, installation, admin_url)
            if not options.leave:
                terminal.say(f"serving at {url}; Ctrl-C stops everything")
                keeper.serve()
        except Stopped:
            status = 1 if options.leave else 0
        except CannotStart as error:
            status = fail(error.sentence)
        except OSError as error:
            if not datadir.is_full(error):
                raise
            status = fail(datadir.full(data.root))
        finally:
            terminal.say("stopping ...")
            keeper.stop()
            terminal.say("stopped; nothing is left running")
    return status


def _services(keeper: Supervisor, options: Options, url: str) -> tuple[Installation, str]:
    """PostgreSQL, broker, roles, migrations: what has to be there before the first process."""
    data, say = keeper.data, keeper.terminal.say
    leftovers.end(data, postgres.clusters(data), say)
    ports.require(options.port)
    mark = {leftovers.MARK: leftovers.new_mark(data)}
    os.environ.update(mark)
    keys = keyfiles.load(data, PASSWORDS)
    for name in keys.missing:
        say(f"{name} starts locked: its key {data.keys / (name + '.kek')} is missing, put it back and start again")
    admin_url, database = _database(keeper, keys)
    place = f"{quote(roles.BROKER)}:{quote(keys.passwords['broker'])}@{database.rpartition('/')[0]}/{roles.BROKER}"
    given = os.environ.get("LOCKGATE_BROKER_URL", "")
    messages = broker.choose(data, given=given, fallback_url=f"postgresql://{place}")
    if messages.sentence:
        say(messages.sentence)
        with psycopg.connect(admin_url, autocommit=True) as admin:
            roles.create_broker(admin, keys.passwords["broker"])
    if messages.command:
        keeper.start(
            [Spec("broker", messages.command, supervisor.STOP_BROKER, plain_environment(), data.broker)], needed=True
        )
    installation = Installation(
        data.root,
        database,
        keys.passwords,
        messages.url,
        keys.secret_key,
        keys.keks,
        options.port,
        url,
        demo=options.demo and (data.root / DEMO_MARK).exists(),
    )
    _schema(keeper, installation, admin_url)
    keeper.wait(messages.answers, seconds=60, what="the broker did not answer")
    return installation, admin_url


def _database(keeper: Supervisor, keys: KeyFiles) -> tuple[str, str]:
    """A given PostgreSQL or our own, running: the address for making roles, and `host:port/name`."""
    given = os.environ.get("LOCKGATE_DATABASE_URL", "")
    if given:
        parts = urlsplit(given)
        return given, f"{parts.hostname}:{parts.port or 5432}/{parts.path.lstrip('/') or postgres.DATABASE}"
    server = postgres.prepare(keeper.data, password=keys.passwords["admin"], say=keeper.terminal.say)
    spec = Spec(
        "postgres", server.command(), supervisor.STOP_POSTGRES, plain_environment(), server.directory, server.account
    )
    keeper.start([spec], needed=True)
    keeper.wait(server.answers, seconds=120, what="PostgreSQL did not answer")
    keeper.terminal.say(f"PostgreSQL {server.version} answers")
    return server.admin_url, f"{ports.LOOPBACK}:{server.port}/{postgres.DATABASE}"


def plain_environment() -> dict[str, str]:
    """What programs that are not ours are started with."""
    kept = ("PATH", "LANG", "LC_ALL", "TZ", leftovers.MARK)
    return {name: value for name, value in os.environ.items() if name in kept}


def _schema(keeper: Supervisor, installation: Installation, admin_url: str) -> None:
    owner_url = installation.database_url("owner")
    try:
        if schema.is_current(owner_url):
            return
    except psycopg.OperationalError:
        pass  # no such role or database yet
    schema.refuse_downgrade(owner_url)
    keeper.terminal.say("bringing the database up to this version")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        roles.create(admin, installation.passwords, database=urlsplit(owner_url).path.lstrip("/"))
    schema.migrate(owner_url, environment(OWNER, installation), keeper.data.logs / "migrate.log")
    keeper.terminal.say("database roles and tables are in place")


def _processes(keeper: Supervisor, installation: Installation) -> None:
    """Workers, control, web: each phase outlives the later ones when stopping."""
    stops = {"control": supervisor.STOP_CONTROL, "web": supervisor.STOP_WEB}
    workers = [process for process in PROCESSES if process.name not in stops]
    keeper.start([_spec(process, installation, supervisor.STOP_WORKER) for process in workers])
    for name, stop in stops.items():
        keeper.start([_spec(named(name), installation, stop)])
    keeper.wait(lambda: supervisor.answers(installation.port), seconds=180, what="the web process did not answer")


def _spec(process: Process, installation: Installation, stop: Stop) -> Spec:
    command = process.command(host=ports.LOOPBACK, port=installation.port)
    return Spec(process.name, command, stop, environment(process, installation), ROOT)


def _demo(keeper: Supervisor, installation: Installation, admin_url: str) -> int:
    """Run `manage.py demo` on this terminal: with the web process's rights, and where it may make databases."""
    its = environment(named("web"), installation) | {"LOCKGATE_BOOT_ADMIN_URL": admin_url}
    us = os.getpid()
    child = subprocess.Popen(
        [sys.executable, "manage.py", "demo"],
        cwd=ROOT,
        env=its,
        stdin=subprocess.DEVNULL,
        process_group=0,  # Ctrl-C reaches us alone, and we end it in order
        preexec_fn=lambda: end_with(us, signal.SIGTERM),
    )
    try:
        keeper.wait(lambda: child.poll() is not None, seconds=1800, what="the demo did not end")
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
    return 1 if child.returncode else 0


def owner_environment(root: Path) -> dict[str, str]:
    """The environment of a command that works as the owner on the installation in `root`, which `up` keeps running."""
    data = DataDirectory(root.absolute())
    keys = keyfiles.load(data, PASSWORDS)
    port = (data.run / "postgres.port").read_text()
    place = f"{ports.LOOPBACK}:{port}/{postgres.DATABASE}"
    web = urlsplit(datadir.holder(data))
    installation = Installation(
        data.root, place, keys.passwords, "", keys.secret_key, keys.keks, web.port or 8420, web.geturl()
    )
    wanted = environment(OWNER, installation, {})
    return {name: value for name, value in wanted.items() if value and not name.startswith("LOCKGATE_BROKER")}
