"""The data directory: closed folders, one holder, and a sentence for each way in which a disk says no."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controlplane.embedded import datadir, keyfiles, ports
from controlplane.embedded.datadir import CannotStart, DataDirectory

ROLES = ("admin", "owner", "web")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_folder_is_closed_to_others(data: DataDirectory) -> None:
    folders = {path.name: mode(path) for path in data.root.iterdir() if path.is_dir()}
    assert folders == dict.fromkeys(datadir.FOLDERS, 0o700)


def test_a_folder_that_was_opened_is_closed_again(data: DataDirectory) -> None:
    data.keys.chmod(0o755)
    datadir.prepare(data.root)
    assert mode(data.keys) == 0o700


def test_the_mode_of_a_parent_is_left_alone(place: Path) -> None:
    place.chmod(0o750)
    datadir.prepare(place / "data")
    assert mode(place) == 0o750


def test_an_unwritable_directory_is_one_sentence(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o555)
    with pytest.raises(CannotStart) as refused, unprivileged():
        datadir.prepare(closed / "data")
    assert str(refused.value) == (
        f"The data directory {closed}/data cannot be written (Permission denied); "
        "choose another with --data or give this user the right to write there."
    )
    assert list(closed.iterdir()) == []


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write everywhere, so root steps down for a moment."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_a_place_where_nothing_can_be_made_is_one_sentence() -> None:
    with pytest.raises(CannotStart, match="The data directory /proc/lockgate cannot be written"):
        datadir.prepare(Path("/proc/lockgate"))


def test_a_file_in_the_way_is_one_sentence(place: Path) -> None:
    (place / "data").write_text("")
    with pytest.raises(CannotStart) as refused:
        datadir.prepare(place / "data")
    assert str(refused.value) == f"{place}/data is no directory; choose another data directory with --data."


def test_a_full_disk_is_seen_before_anything_is_started(place: Path) -> None:
    with pytest.raises(CannotStart) as refused:
        datadir.prepare(place / "data", needed_bytes=1 << 60)
    assert str(refused.value).startswith(f"The disk that holds {place}/data is full: ")
    assert str(refused.value).endswith(
        f" MiB are free and Lockgate needs {1 << 40} MiB to start; free some space or choose another place with --data."
    )


def test_a_disk_that_fills_up_while_writing_is_one_sentence(place: Path) -> None:
    with pytest.raises(CannotStart) as refused, datadir.explained(place):
        Path("/dev/full").write_bytes(b"x")
    assert str(refused.value) == (
        f"The disk that holds {place} is full; free some space or choose another place with --data."
    )


def test_a_second_instance_is_told_where_the_first_one_runs(data: DataDirectory) -> None:
    program = (
        "import sys; from pathlib import Path; from controlplane.embedded import datadir as d\n"
        "data = d.prepare(Path(sys.argv[1]))\n"
        "with d.held(data, url='http://127.0.0.1:1'): pass"
    )
    with datadir.held(data, url="http://127.0.0.1:8420"):
        said = subprocess.run(
            [sys.executable, "-c", program, str(data.root)],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert datadir.holder(data) == "http://127.0.0.1:8420"
    assert said.returncode == 1
    assert said.stderr.strip().endswith(
        f"Lockgate is already running at http://127.0.0.1:8420 (process {os.getpid()}) on {data.root}."
    )
    assert datadir.holder(data) == ""


def test_a_taken_port_is_named_with_a_remedy() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStart) as refused:
            ports.require(port)
    assert str(refused.value) == (
        f"Port {port} is taken by another program on this machine; stop that program or choose another port, "
        f"for example --port {port + 1}."
    )


def test_a_number_that_is_no_port_is_named() -> None:
    with pytest.raises(CannotStart, match="70000 is no port; choose one between 1 and 65535 with --port"):
        ports.require(70000)


def test_the_database_keeps_its_port(data: DataDirectory) -> None:
    said: list[str] = []
    first = ports.kept(data.run / "postgres.port", said.append)
    assert ports.kept(data.run / "postgres.port", said.append) == first
    assert said == []


def test_the_first_start_makes_every_key(data: DataDirectory) -> None:
    keys = keyfiles.load(data, ROLES)
    assert keys.missing == ()
    assert sorted(path.name for path in data.keys.iterdir()) == [
        "extract.kek", "general.kek", "notary.kek", "publish.kek", "roles.json", "secret.key",
    ]  # fmt: skip
    assert {mode(path) for path in data.keys.iterdir()} == {0o600}
    assert len(bytes.fromhex(keys.keks["extract"].read_text())) == 32


def test_keys_stay_the_same_on_later_starts(data: DataDirectory) -> None:
    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in data.keys.iterdir()}

    keyfiles.load(data, ROLES)
    before = files()
    keyfiles.load(data, ROLES)
    assert files() == before


def test_a_lost_key_is_reported_and_never_replaced(data: DataDirectory) -> None:
    keyfiles.load(data, ROLES)
    (data.keys / "publish.kek").unlink()
    keys = keyfiles.load(data, ROLES)
    assert keys.missing == ("publish",)
    assert "publish" not in keys.keks
    assert not (data.keys / "publish.kek").exists()


def test_an_interrupted_first_start_is_a_first_start_again(data: DataDirectory) -> None:
    keyfiles.load(data, ROLES)
    kept = (data.keys / "extract.kek").read_bytes()
    (data.keys / "roles.json").unlink()
    (data.keys / "notary.kek").unlink()
    keys = keyfiles.load(data, ROLES)
    assert keys.missing == ()
    assert (data.keys / "extract.kek").read_bytes() == kept


def test_a_new_role_gets_a_password_and_the_others_keep_theirs(data: DataDirectory) -> None:
    before = dict(keyfiles.load(data, ROLES).passwords)
    after = keyfiles.load(data, (*ROLES, "gate")).passwords
    assert {role: after[role] for role in ROLES} == before
    assert json.loads((data.keys / "roles.json").read_text()).keys() == {*ROLES, "gate"}


def test_passwords_do_not_show_in_a_repr(data: DataDirectory) -> None:
    keys = keyfiles.load(data, ROLES)
    assert [role for role in ROLES if keys.passwords[role] in repr(keys)] == []
