"""Makes the virtual environment from the hash-pinned lock and hands over to the command; standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME_LOCK = "requirements.lock"
DEVELOPMENT_LOCK = "requirements-dev.lock"
INSTALLER_LOCK = "requirements-uv.lock"
NEVER_IMPORTED = r"/(tests?|geodata|carrierdata|tzdata|pip|setuptools)/"
MISSING_VENV = (
    "This Python has no working venv module, so the virtual environment cannot be made: install it "
    "(on Debian and Ubuntu: `apt-get install python3-venv`) and start again."
)


class SetupFailed(Exception):
    """The environment could not be made; the message is one sentence with the remedy."""


def main(argv: Sequence[str]) -> int:
    """Run one command of manage.py. Does not return when it has to step into the virtual environment first."""
    command = argv[1] if len(argv) > 1 else ""
    try:
        _enter_environment(ROOT, argv, development=command == "test")
    except SetupFailed as error:
        print(error, file=sys.stderr)
        return 1
    from controlplane import commands

    return commands.run(list(argv))


def _enter_environment(root: Path, argv: Sequence[str], *, development: bool) -> None:
    if os.environ.get("LOCKGATE_BOOT_ENVIRONMENT") == "ready":
        return  # an image or a package that brings its own dependencies
    python = ensure(root, development=development)
    if Path(sys.prefix).resolve() != (root / ".venv").resolve():
        os.execv(python, [str(python), str(root / "manage.py"), *argv[1:]])  # noqa: S606  that is the point


def ensure(root: Path, *, development: bool) -> Path:
    """Bring root/.venv up to its lock and return its Python; quick when nothing changed. Raises SetupFailed."""
    venv = root / ".venv"
    if not _is_current(root, venv, development):
        with _one_at_a_time(root):
            if not _is_current(root, venv, development):
                _install(root, venv, development)
    return venv / "bin" / "python"


def _is_current(root: Path, venv: Path, development: bool) -> bool:
    try:
        stamp = json.loads((venv / "lockgate-stamp.json").read_text())
    except (OSError, ValueError):
        return False
    wanted = [RUNTIME_LOCK] + [DEVELOPMENT_LOCK] * development
    return (venv / "bin" / "python").exists() and all(stamp.get(lock) == _digest(root / lock) for lock in wanted)


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    # Two commands started together in a fresh clone would otherwise install over each other.
    with (root / RUNTIME_LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(root: Path, venv: Path, development: bool) -> None:
    started = time.monotonic()
    stamp = venv / "lockgate-stamp.json"
    stamp.unlink(missing_ok=True)
    _say("Making the virtual environment .venv (once) ...")
    _make_venv(venv)
    # The development lock holds everything of the runtime lock as well.
    lock = DEVELOPMENT_LOCK if development else RUNTIME_LOCK
    _say(f"Installing what {lock} names, each file checked against its hash ...")
    _install_lock(root, venv, root / lock)
    _compile(venv)
    done = {RUNTIME_LOCK: _digest(root / RUNTIME_LOCK)}
    if development:
        done[DEVELOPMENT_LOCK] = _digest(root / DEVELOPMENT_LOCK)
    stamp.write_text(json.dumps(done))
    _say(f"Ready to run after {time.monotonic() - started:.0f} s.")


def _make_venv(venv: Path) -> None:
    if _works(venv / "bin" / "python"):
        return
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupFailed(MISSING_VENV)
    if shutil.disk_usage(venv.parent).free < 1 << 30:
        raise SetupFailed(
            f"The disk that holds {venv.parent} has less than the 1 GiB free that setting up needs: free some."
        )
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], capture_output=True, text=True)
    if made.returncode == 0 and _works(venv / "bin" / "python"):
        return
    said = made.stdout + made.stderr
    if "ensurepip" in said:
        raise SetupFailed(MISSING_VENV)
    raise SetupFailed(f"The virtual environment {venv} could not be made: {_last_line(said)}")


def _works(python: Path) -> bool:
    try:
        asked = subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True)
    except OSError:
        return False
    return asked.returncode == 0


def _install_lock(root: Path, venv: Path, lock: Path) -> None:
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--require-hashes", "-r"]
    uv = [python, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "-r"]
    environment = {**os.environ, "VIRTUAL_ENV": str(venv)}
    steps = ([*pip, str(root / INSTALLER_LOCK)], [*uv, str(lock)])
    if all(subprocess.run(step, env=environment, capture_output=True).returncode == 0 for step in steps):
        return
    _say("Installing with pip, which takes some minutes, because uv could not be had or could not install ...")
    installed = subprocess.run([*pip, str(lock)], env=environment, capture_output=True, text=True)
    if installed.returncode != 0:
        raise SetupFailed(
            f"What {lock.name} names could not be installed ({_last_line(installed.stderr)}): "
            "check the network and the disk and start again; the installation will be taken up anew."
        )


def _compile(venv: Path) -> None:
    # Not left to the first import: a variable that forbids writing bytecode would make every start pay for it again.
    # A file that cannot be compiled (a template for another Python) is nobody's failure.
    command = [
        str(venv / "bin" / "python"),
        "-m",
        "compileall",
        "-q",
        "-j",
        "0",
        "-x",
        NEVER_IMPORTED,
        str(venv / "lib"),
    ]
    subprocess.run(command, capture_output=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
