"""`manage.py recover`: an administrator who lost the password sets a new one, at the machine and on record."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from apps.dataplane.errors import Refused

from . import database
from .processes import ROOT
from .up import owner_environment

Say = Callable[[str], None]


def recover(root: Path, email: str, password: str, *, say: Say) -> None:
    """Raises Refused with the reason of the installation, CannotStart."""
    data = database.existing(root)
    with database.at_hand(data, say):
        done = subprocess.run(
            [sys.executable, "manage.py", "recover_account", email], cwd=ROOT, env=owner_environment(data.root),
            input=password.encode(), capture_output=True,
        )  # fmt: skip
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        raise Refused(lines[-1].removeprefix("CommandError: ") if lines else "It was refused without a reason.")
    say(done.stdout.decode().strip())
