"""A backup's archive is whole or refused by name, and its keys open with their passphrase alone."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from pathlib import Path

import pytest

from apps.dataplane.errors import Invalid, Refused
from controlplane import commands
from controlplane.embedded import archive, backup, restore, schema
from controlplane.embedded.datadir import CannotStart

PHRASE = "a passphrase of four words"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made.tar"
    with archive.writing(path, {"made_at": "now"}) as out:
        out.add_bytes("one", b"1" * 3000)
        (tmp_path / "two").write_bytes(b"2" * 10)
        assert out.add_file("deep/er/two", tmp_path / "two")
        assert not out.add_file("gone", tmp_path / "gone")
    return path


def rewritten(path: Path, change: dict[str, bytes | None], *, kind: bytes = tarfile.REGTYPE) -> Path:
    """The archive with members replaced (None: left out), its manifest as before."""
    other = path.with_name("other.tar")
    with tarfile.open(path) as old, tarfile.open(other, "w") as new:
        members = {about.name: old.extractfile(about).read() for about in old}  # type: ignore[union-attr]
        for name, content in (members | change).items():
            if content is not None:
                about = tarfile.TarInfo(name)
                about.size, about.type = len(content), kind if name in change else tarfile.REGTYPE
                new.addfile(about, io.BytesIO(content))
    return other


def test_what_was_written_is_verified_and_extracted(made: Path, tmp_path: Path) -> None:
    manifest = archive.verified(made)
    assert [member["name"] for member in manifest["members"]] == ["one", "deep/er/two"]
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert archive.extract(made, "deep/", tmp_path / "out") == 1
    file = tmp_path / "out" / "er" / "two"
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"2" * 10, 0o600)
    assert archive.member(made, "one") == b"1" * 3000


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"one": b"1" * 2999 + b"x"}, "one in the archive has another hash"),
        ({"one": b"1"}, "one in the archive has another hash"),
        ({"one": None}, "lacks one"),
        ({"three": b"3"}, "holds three, which its manifest does not name"),
        ({"../out": b"3"}, "which is no plain file below it"),
        ({"/etc/passwd": b"3"}, "which is no plain file below it"),
        ({"manifest.json": None}, "has no manifest"),
        ({"manifest.json": b"{}"}, "manifest cannot be read"),
        ({"manifest.json": b"not json"}, "manifest cannot be read"),
    ],
)
def test_every_difference_is_named(made: Path, change: dict[str, bytes | None], sentence: str) -> None:
    with pytest.raises(archive.Damaged, match=sentence):
        archive.verified(rewritten(made, change))


def test_a_link_is_no_file(made: Path) -> None:
    with pytest.raises(archive.Damaged, match="no plain file"):
        archive.verified(rewritten(made, {"one": b""}, kind=tarfile.SYMTYPE))


def test_an_archive_that_was_cut_short_is_refused(made: Path) -> None:
    whole = made.read_bytes()
    for length in (0, 100, 600, 2000, len(whole) // 2):
        made.write_bytes(whole[:length])
        with pytest.raises(archive.Damaged):
            archive.verified(made)


def test_a_later_format_is_for_a_later_version(made: Path) -> None:
    manifest = json.dumps({"format": 2, "members": []}).encode()
    with pytest.raises(Refused, match="later version"):
        archive.verified(rewritten(made, {"manifest.json": manifest}))


def test_an_attempt_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), archive.writing(tmp_path / "a.tar", {}) as out:
        out.add_bytes("one", bytes(1 // 0))
    assert list(tmp_path.iterdir()) == []


def test_keys_open_with_their_passphrase_alone() -> None:
    content = archive.sealed(b"the keys", PHRASE)
    assert b"the keys" not in content
    assert archive.opened(content, PHRASE) == b"the keys"
    with pytest.raises(Invalid, match="do not open"):
        archive.opened(content, PHRASE + " ")
    head, _, body = content.partition(b"\n")
    with pytest.raises(Invalid, match="do not open"):
        archive.opened(head.replace(b'"format": 1', b'"format": 2') + b"\n" + body, PHRASE)


def test_a_restore_writes_over_nothing(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine").write_text("mine")
    with pytest.raises(CannotStart, match="is not empty"):
        restore.restore(made, target, passphrase=None, say=print)
    assert [path.name for path in target.iterdir()] == ["mine"]


def test_a_backup_of_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "later.tar"
    facts = {"made_at": "now", "migrations": ["runs/0001_initial", "runs/9999_from_tomorrow"], "keys": "excluded"}
    with archive.writing(path, facts) as out:
        out.add_bytes("one", b"1")
    with pytest.raises(CannotStart, match="it has runs/9999_from_tomorrow"):
        restore.restore(path, tmp_path / "target", passphrase=None, say=print)
    assert not (tmp_path / "target").exists()


def test_keys_that_are_in_it_need_their_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "sealed.tar"
    with archive.writing(path, {"made_at": "now", "migrations": [], "keys": "encrypted"}) as out:
        out.add_bytes(backup.KEYS, archive.sealed(b"", PHRASE))
    with pytest.raises(Invalid, match="give the passphrase"):
        restore.restore(path, tmp_path / "target", passphrase=None, say=print)
    assert not (tmp_path / "target").exists()


def test_this_code_knows_its_own_migrations() -> None:
    assert {"core/0001_initial", "audit/0002_exports_and_walks", "runs/0001_initial"} <= schema.known()


@pytest.mark.parametrize("arguments", [["backup"], ["upgrade"], ["recover", "a@b.c", "--password-file", "/dev/null"]])
def test_commands_name_the_directory_that_holds_no_installation(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCKGATE_DATABASE_URL")
    keys = ["--without-keys"] if arguments == ["backup"] else []
    assert commands.run(["manage.py", *arguments, "--data", str(tmp_path), *keys]) == 1
    assert f"There is no installation in {tmp_path}" in capsys.readouterr().err


def test_a_short_passphrase_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "phrase").write_text("short")
    given = ["--data", str(tmp_path), "--passphrase-file", str(tmp_path / "phrase")]
    assert commands.run(["manage.py", "backup", *given]) == 1
    assert "at least 12 characters" in capsys.readouterr().err
