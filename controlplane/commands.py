"""The commands of manage.py: those in `run` are ours, everything else goes to Django."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path

from apps.dataplane.errors import Invalid, LockgateError

from .embedded.processes import ROOT
from .embedded.terminal import fail

DEFAULT_DATA = ROOT / "var"
SHORTEST_PASSPHRASE = 12


def run(argv: list[str]) -> int:
    """Run the command of the argument list; returns the exit status."""
    command = argv[1] if len(argv) > 1 else ""
    ours = {
        "up": _up, "test": _test, "service": _service, "health": _health, "secrets": _secrets,
        "backup": _backup, "restore": _restore, "upgrade": _upgrade, "recover": _recover,
    }  # fmt: skip
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


def _backup(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py backup", description="Write one archive of an installation.")
    _where(parser)
    parser.add_argument("--to", type=Path, help="the archive, or a directory for it (default: backups/ of the data)")
    parser.add_argument("--without-parts", action="store_true", help="leave staged and quarantined files out")
    _passphrase(parser).add_argument("--without-keys", action="store_true", help="leave the keys out")
    given = parser.parse_args(arguments)
    from .embedded import backup

    made_at = backup.name(datetime.now(UTC))
    target = given.to or given.data / "backups"
    target = target / made_at if target.is_dir() or given.to is None else target
    phrase = None if given.without_keys else _phrase(given, new=True)
    backup.back_up(given.data, target.absolute(), passphrase=phrase, parts=not given.without_parts, say=print)
    return 0


def _restore(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py restore", description="Make an installation from a backup.")
    parser.add_argument("archive", type=Path)
    _where(parser, "an empty directory, or one that does not exist yet")
    _passphrase(parser)
    given = parser.parse_args(arguments)
    from .embedded import archive, restore

    sealed = archive.verified(given.archive)["keys"] == "encrypted"
    restore.restore(given.archive, given.data, passphrase=_phrase(given) if sealed else None, say=print)
    return 0


def _upgrade(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py upgrade", description="Bring an installation to this version.")
    _where(parser)
    parser.add_argument("--no-start", action="store_true", help="do not start it again afterwards")
    given = parser.parse_args(arguments)
    from .embedded import upgrade

    return upgrade.upgrade(given.data, start=not given.no_start, say=print)


def _recover(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py recover", description="Set an administrator's password.")
    parser.add_argument("email")
    _where(parser)
    parser.add_argument("--password-file", type=Path, help="read the new password from here instead of the terminal")
    given = parser.parse_args(arguments)
    from .embedded import recover

    password = _secret_line(given.password_file) if given.password_file else _asked("New password: ", twice=True)
    recover.recover(given.data, given.email, password, say=print)
    return 0


def _where(parser: argparse.ArgumentParser, text: str = "where everything is kept (default: var/)") -> None:
    parser.add_argument("--data", type=Path, default=_data(), help=text)


def _passphrase(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--passphrase-file", type=Path, help="the keys' passphrase; asked for at the terminal otherwise")
    return group


def _phrase(given: argparse.Namespace, *, new: bool = False) -> str:
    if given.passphrase_file:
        phrase = _secret_line(given.passphrase_file)
    else:
        phrase = _asked("Passphrase for the keys: ", twice=new)
    if new and len(phrase) < SHORTEST_PASSPHRASE:
        raise Invalid(f"A passphrase for keys has at least {SHORTEST_PASSPHRASE} characters. Nothing was written.")
    return phrase


def _asked(question: str, *, twice: bool) -> str:
    if not sys.stdin.isatty():
        raise Invalid(
            "Nobody can be asked here: name a file with --passphrase-file or --password-file, or, for a backup, "
            "leave the keys out with --without-keys. Nothing was written."
        )
    said = getpass(question)
    if twice and getpass("Again: ") != said:
        raise Invalid("The two differ. Nothing was written.")
    return said


def _secret_line(path: Path) -> str:
    try:
        return path.read_text().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read. Nothing was written.") from error


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
