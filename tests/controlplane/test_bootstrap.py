"""manage.py sets itself up, says what is missing in one sentence, and does nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from venv import EnvBuilder

import pytest

from controlplane import bootstrap

ROOT = bootstrap.ROOT
LOCK = "requirements.lock"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout whose locks name nothing, so that setting up needs no network."""
    for name in (LOCK, bootstrap.DEVELOPMENT_LOCK, bootstrap.INSTALLER_LOCK):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The locks that were installed, into a virtual environment that has no pip because that takes seconds to make."""
    installed: list[str] = []
    monkeypatch.setattr(bootstrap, "_make_venv", lambda venv: EnvBuilder(symlinks=True).create(venv))
    monkeypatch.setattr(bootstrap, "_install_lock", lambda root, venv, lock: installed.append(lock.name))
    return installed


def test_an_old_python_gets_one_sentence() -> None:
    program = "import sys, runpy; sys.version_info = (3, 9, 1); runpy.run_path('manage.py', run_name='__main__')"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert said.stderr == (
        "Lockgate needs Python 3.11, 3.12 or 3.13, and this is Python 3.9: start it with one of these, "
        "for example `python3.12 manage.py up --demo`.\n"
    )


def test_manage_py_can_be_read_by_a_very_old_python() -> None:
    # Annotations, f-strings and walrus would end in a syntax error before the sentence.
    source = (ROOT / "manage.py").read_text()
    compile(source, "manage.py", "exec", dont_inherit=True)
    assert not any(new in source for new in ('f"', ":=", "->", "match "))


def test_bootstrap_needs_the_standard_library_alone() -> None:
    program = "import sys; sys.path.insert(0, '.'); import controlplane.bootstrap; print(len(sys.modules))"
    done = subprocess.run([sys.executable, "-ISc", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_venv_module_is_named_with_its_remedy(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(bootstrap.SetupFailed) as failed:
        bootstrap.ensure(clone, development=False)
    assert str(failed.value) == (
        "This Python has no working venv module, so the virtual environment cannot be made: install it "
        "(on Debian and Ubuntu: `apt-get install python3-venv`) and start again."
    )


def test_an_installation_is_made_once(clone: Path, installs: list[str]) -> None:
    python = bootstrap.ensure(clone, development=False)
    bootstrap.ensure(clone, development=False)
    assert installs == [LOCK]
    assert python == clone / ".venv" / "bin" / "python"


def test_a_changed_lock_is_installed_again(clone: Path, installs: list[str]) -> None:
    bootstrap.ensure(clone, development=False)
    (clone / LOCK).write_text("# another\n")
    bootstrap.ensure(clone, development=False)
    assert installs == [LOCK, LOCK]


def test_the_test_command_installs_the_development_lock_which_serves_both(clone: Path, installs: list[str]) -> None:
    bootstrap.ensure(clone, development=True)
    bootstrap.ensure(clone, development=False)
    assert installs == [bootstrap.DEVELOPMENT_LOCK]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_half_finished_installation_is_done_again(
    clone: Path, installs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.ensure(clone, development=False)
    (clone / LOCK).write_text("# another\n")
    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "_install_lock", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bootstrap.ensure(clone, development=False)
    assert not (clone / ".venv" / "lockgate-stamp.json").exists()
    bootstrap.ensure(clone, development=False)
    assert installs == [LOCK, LOCK]


def test_a_broken_virtual_environment_is_made_anew(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_install_lock", lambda *_: None)
    EnvBuilder(symlinks=True).create(clone / ".venv")
    (clone / ".venv" / "bin" / "python").unlink()
    python = bootstrap.ensure(clone, development=False)
    assert subprocess.run([str(python), "-m", "pip", "--version"], check=False).returncode == 0
    assert json.loads((clone / ".venv" / "lockgate-stamp.json").read_text()).keys() == {LOCK}


def test_what_cannot_be_installed_is_one_sentence(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clone / LOCK).write_text("lockgate-no-such-package==1 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(bootstrap.SetupFailed) as failed:
        bootstrap.ensure(clone, development=False)
    sentence = str(failed.value)
    assert sentence.startswith("What requirements.lock names could not be installed (ERROR: ")
    assert sentence.endswith("check the network and the disk and start again; the installation will be taken up anew.")
    assert not (clone / ".venv" / "lockgate-stamp.json").exists()


def test_no_file_of_the_setup_names_a_registry() -> None:
    names = ("manage.py", "controlplane/bootstrap.py", *(path.name for path in ROOT.glob("requirements*.lock")))
    assert [name for name in names if "://" in (ROOT / name).read_text()] == []


def test_every_requirement_is_pinned_by_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock"):
        pinned = [line for line in (ROOT / name).read_text().splitlines() if line[:1].isalnum()]
        assert pinned
        assert [line for line in pinned if "==" not in line or not line.endswith("\\")] == []


def test_the_development_lock_holds_the_whole_runtime_lock() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {line.split(";")[0].strip(" \\") for line in lines if line[:1].isalnum()}

    assert pins(LOCK) - pins(bootstrap.DEVELOPMENT_LOCK) == set()


def test_bytecode_is_compiled_at_install_whatever_the_environment_says(
    clone: Path, installs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bring_a_library(root: Path, venv: Path, lock: Path) -> None:
        (library(venv) / "brought.py").write_text("VALUE = 1\n")

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(bootstrap, "_install_lock", bring_a_library)
    bootstrap.ensure(clone, development=False)
    compiled = library(clone / ".venv") / "__pycache__" / f"brought.{sys.implementation.cache_tag}.pyc"
    assert compiled.exists()


def library(venv: Path) -> Path:
    (found,) = venv.glob("lib/python*/site-packages")
    return found


def test_both_installers_check_every_hash(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        given.append(command)
        return subprocess.CompletedProcess(command, int("uv" in command), "", "")

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    bootstrap._install_lock(clone, clone / ".venv", clone / LOCK)
    assert [command[2:4] == ["uv", "pip"] for command in given] == [False, True, False]
    assert all("--require-hashes" in command for command in given)


def test_an_image_with_its_own_libraries_makes_no_environment(bare_environment: dict[str, str]) -> None:
    program = (
        "from pathlib import Path; from controlplane import bootstrap\n"
        "bootstrap._enter_environment(Path('/nonexistent'), ['manage.py'], development=False)"
    )
    environment = {**bare_environment, "LOCKGATE_BOOT_ENVIRONMENT": "ready"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
