"""The unprivileged user that services run as when Lockgate is started by root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .datadir import CannotStart

# An administrator may make a user `lockgate`; otherwise the one that every system has.
CANDIDATES = ("lockgate", "nobody")


@dataclass(frozen=True)
class Account:
    """A user that a service steps down to."""

    name: str
    uid: int
    gid: int

    def can_enter(self, directory: Path) -> bool:
        """Whether this user can pass through every parent of the directory and the directory itself."""
        asked = subprocess.run(["test", "-x", str(directory)], cwd="/", check=False, **stepping_down(self))
        return asked.returncode == 0


def for_services() -> Account | None:
    """The user to step down to; None when this process is unprivileged already."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise CannotStart(
        "PostgreSQL refuses to run as root and this system has no user `nobody`: "
        "make one with `useradd --system lockgate` or start Lockgate as an ordinary user."
    )


def stepping_down(account: Account | None) -> dict[str, Any]:
    """Arguments of subprocess that start a program as the account."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": ()}


def give(account: Account | None, path: Path) -> None:
    """Hand a file or directory of ours over to the account."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
