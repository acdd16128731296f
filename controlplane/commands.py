"""The commands of manage.py: up, test, service, health and secrets are ours, everything else goes to Django."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from apps.dataplane.errors import LockgateError

from .embedded.processes import ROOT
from .embedded.terminal import fail

DEFAULT_DATA = ROOT / "var"


def run(argv: list[str]) -> int:
    """Run the command of the argument list; returns the exit status."""
    command = argv[1] if len(argv) > 1 else ""
    ours = {"up": _up, "test": _test, "service": _service, "health": _health, "secrets": _secrets}
    try:
        if command in ours:
            return ours[command](argv[2:])
        return _django(argv)
    except LockgateError as error:
        return fail(error.sentence)


def _up(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start Lockgate and everything that it needs.")
    parser.add_argument("--data", type=Path, default=_data(), help="where everything is kept (default: var/)")
    parser.add_argument("--port", type=int, default=8420, help="the port of the pages (default: 8420)")
    parser.add_argument("--demo", action="store_true", help="make a demo organisation and run a governed pipeline")
    parser.add_argument("--exit", action="store_true", dest="leave", help="stop after the demo, with its status")
    given = parser.parse_args(arguments)
    from .embedded.up import Options, up

    return up(Options(given.data, given.port, given.demo, given.leave))


def _test(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py test", description="Run every check and test.")
    parser.add_argument("--require-browser", action="store_true", help="fail when no browser can be had")
    parser.add_argument("paths", nargs="*", help="only the tests in these files and folders")
    given = parser.parse_args(arguments)
    from . import testing

    return testing.run(paths=tuple(given.paths), require_browser=given.require_browser)


def _service(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py service", description="Be one process of an installation.")
    parser.add_argument("name")
    from . import service

    return service.become(parser.parse_args(arguments).name)


def _health(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py health", description="Ask whether one process can do its work.")
    parser.add_argument("name")
    from . import service

    return service.health(parser.parse_args(arguments).name)


def _secrets(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py secrets", description="Make the files docker-compose.yml wants.")
    parser.add_argument("directory", type=Path)
    from . import service

    return service.make_secrets(parser.parse_args(arguments).directory)


def _django(argv: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    if "LOCKGATE_DATABASE_URL" not in os.environ:
        _as_owner(_data())
    from django.core.management import execute_from_command_line

    execute_from_command_line(_without_data(argv))
    return 0


def _as_owner(data: Path) -> None:
    """Let a command at the terminal work on the installation that `up` runs, as the owner of its database."""
    passwords, port = data / "keys" / "roles.json", data / "run" / "postgres.port"
    if not (passwords.exists() and port.exists()):
        return
    from .embedded.up import owner_environment

    os.environ.update(owner_environment(data))


def _without_data(argv: list[str]) -> list[str]:
    if "--data" not in argv[:-1]:
        return argv
    at = argv.index("--data")
    return argv[:at] + argv[at + 2 :]


def _data() -> Path:
    if "--data" in sys.argv[:-1]:
        return Path(sys.argv[sys.argv.index("--data") + 1])
    return Path(os.environ.get("LOCKGATE_DATA") or DEFAULT_DATA)
