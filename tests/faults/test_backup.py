"""A used installation is backed up at work, restored elsewhere, upgraded and recovered; each says what it did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import psycopg
import pytest

from apps.runs.models import Run
from controlplane.embedded import archive
from controlplane.embedded.database import at_hand, existing
from controlplane.embedded.datadir import DataDirectory

from .browser import Browser
from .installation import ROOT, Installation, eventually
from .organisation import World

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]
PIPELINE = "customers-to-target"
PHRASE = "a passphrase of four words"
Said = subprocess.CompletedProcess[str]


def plain() -> dict[str, str]:
    """The environment of somebody at a terminal."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LOCKGATE_", "DJANGO_"))}


def manage(*arguments: object, status: int = 0) -> str:
    done: Said = subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)], cwd=ROOT, env=plain(), capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def phrase(installation: Installation) -> Path:
    path = installation.place / "phrase"
    path.write_text(PHRASE + "\n")
    return path


@pytest.fixture(scope="module")
def backup(installation: Installation, governed: World, phrase: Path) -> Path:
    """Taken by the first test, while a run is under way."""
    return installation.place / "backup.tar"


def read(path: Path) -> dict[str, object]:
    return json.loads(archive.member(path, archive.MANIFEST))  # type: ignore[no-any-return]


def test_a_backup_is_taken_while_a_run_is_under_way_and_the_run_goes_on(
    installation: Installation, world: World, backup: Path, phrase: Path
) -> None:
    with installation.frozen("extract"):
        run = world.start(PIPELINE)
        said = manage("backup", "--data", installation.data.root, "--to", backup, "--passphrase-file", phrase)
    assert "read back and verified" in said
    assert "encrypted under the passphrase" in said
    manifest = read(backup)
    assert manifest["runs_under_way"] == [run.number]
    assert world.ended(run, 180).state == Run.PUBLISHED
    with tarfile.open(backup) as tar:
        names = tar.getnames()
    assert not [name for name in names if name.endswith((".kek", "roles.json")) or "mail" in name]
    for key in installation.data.keys.glob("*.kek"):
        assert key.read_bytes().strip() not in backup.read_bytes()
    assert manage("backup", "--data", installation.data.root, "--to", backup, "--without-keys", status=1).count(
        "exists"
    )


def test_nothing_is_asked_where_nobody_can_answer(installation: Installation) -> None:
    said = manage("backup", "--data", installation.data.root, "--to", installation.place / "none.tar", status=1)
    assert "--passphrase-file" in said
    assert not (installation.place / "none.tar").exists()


def test_a_restore_refuses_before_it_writes(installation: Installation, backup: Path, phrase: Path) -> None:
    target = installation.place / "restored"
    full = manage("restore", backup, "--data", installation.data.root, "--passphrase-file", phrase, status=1)
    assert "is not empty" in full
    other = installation.place / "other-phrase"
    other.write_text("another passphrase of words")
    assert "do not open" in manage("restore", backup, "--data", target, "--passphrase-file", other, status=1)
    damaged = installation.place / "damaged.tar"
    content = bytearray(backup.read_bytes())
    content[700] ^= 1
    damaged.write_bytes(content)
    assert "another hash" in manage("restore", damaged, "--data", target, "--passphrase-file", phrase, status=1)
    damaged.write_bytes(bytes(content[: len(content) // 2]))
    assert "Nothing was written" in manage("restore", damaged, "--data", target, "--passphrase-file", phrase, status=1)
    damaged.unlink()
    assert not target.exists()
    assert not list(installation.place.glob(".restored*"))


def test_what_was_restored_works_and_says_what_it_is(
    installation: Installation, world: World, backup: Path, phrase: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCKGATE_DATABASE_URL", raising=False)
    target = installation.place / "restored" / "data"
    target.parent.mkdir(mode=0o711)
    said = manage("restore", backup, "--data", target, "--passphrase-file", phrase)
    number = read(backup)["runs_under_way"][0]  # type: ignore[index]
    assert f"runs {number} were under way and end as failed" in said
    assert "Audit log verified to event" in said
    assert "Restored on" in said
    other = Installation(installation.place / "restored", installation.port + 1)
    other.temporary.mkdir()
    other.temporary.chmod(0o1777)
    try:
        other.start()
        _the_same_people_and_keys(installation, other, world)
        _the_run_ended_with_a_sentence(other, int(number))  # type: ignore[call-overload]
        _fences_begin_above_every_one_before(installation, other)
        assert "Restored on" in manage("verify", "--data", other.data.root)
        _upgraded_after_a_kill(other)
        _recovered(other)
    finally:
        if other.process is not None and other.process.poll() is None:
            other.stop()
        _forget(other)


def _the_same_people_and_keys(before: Installation, after: Installation, world: World) -> None:
    browser = Browser(after.port)
    answer = browser.sign_in("alice@acme.example", world.people.passwords["alice"])
    assert answer.status == 302
    assert after.admin("SELECT locked FROM core_processbeat WHERE locked") == []
    for name in ("accounts_user", "policies_policyversion", "sources_connectionversion", "keys_key"):
        count = f"SELECT count(*), md5(string_agg(id::text, ',' ORDER BY id)) FROM {name}"
        assert before.admin(count) == after.admin(count)


def _the_run_ended_with_a_sentence(after: Installation, number: int) -> None:
    ((state, sentence),) = after.admin("SELECT state, sentence FROM runs_run WHERE number = %s", [number])
    assert state == "FAILED"
    assert "under way when the backup" in str(sentence)
    assert after.admin("SELECT count(*) FROM core_job WHERE kind LIKE 'run.%%' AND state IN ('QUEUED', 'CLAIMED')") == [
        (0,)
    ]


def _fences_begin_above_every_one_before(before: Installation, after: Installation) -> None:
    ((base,),) = after.admin("SELECT fence_base FROM core_restoration")
    ((highest,),) = before.admin("SELECT max(fence) FROM runs_run")
    assert int(base) > int(highest)  # type: ignore[call-overload]


def _upgraded_after_a_kill(other: Installation) -> None:
    """The schema is made to look old; the command is killed after its backup, then goes on from there."""
    assert "at this version already" in manage("upgrade", "--data", other.data.root, "--no-start")
    assert other.process is not None
    assert other.process.wait(180) == 0
    other.start()
    other.admin("COMMENT ON DATABASE lockgate IS 'lockgate schema of long ago'")
    upgrading = subprocess.Popen(
        [sys.executable, "manage.py", "upgrade", "--data", str(other.data.root), "--no-start"], cwd=ROOT,
        env=plain(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    backups = other.data.root / "backups"
    eventually(lambda: bool(list(backups.glob("*.tar"))), "the backup of the upgrade", 300)
    time.sleep(0.2)
    os.kill(upgrading.pid, signal.SIGKILL)
    upgrading.wait()
    assert other.process.wait(180) == 0
    said = manage("upgrade", "--data", other.data.root, "--no-start")
    assert "the database is at this version" in said
    assert len(list(backups.glob("*.tar"))) == 1
    assert not (other.data.root / "upgrade.json").exists()
    _a_later_version_is_refused(other)


def _a_later_version_is_refused(other: Installation) -> None:
    other.start()
    other.admin("INSERT INTO django_migrations (app, name, applied) VALUES ('runs', '9999_from_tomorrow', now())")
    other.admin("COMMENT ON DATABASE lockgate IS 'lockgate schema of tomorrow'")
    said = manage("upgrade", "--data", other.data.root, "--no-start", status=1)
    assert "later version of Lockgate: it has runs/9999_from_tomorrow" in said
    assert other.process is not None
    assert other.process.wait(180) == 0
    refused = manage("up", "--data", other.data.root, "--port", other.port, status=1)
    assert "later version" in refused
    said = manage("recover", "nobody@acme.example", "--data", other.data.root, "--password-file", os.devnull, status=1)
    assert "no active administrator" in said


def _recovered(other: Installation) -> None:
    """With the installation stopped; the way back in is on record."""
    word = other.place / "word"
    word.write_text("an entirely new passphrase\n")
    said = manage("recover", "admin@acme.example", "--data", other.data.root, "--password-file", word)
    assert "has a new password" in said
    data = existing(other.data.root)
    with (
        at_hand(data, lambda _sentence: None) as server,
        psycopg.connect(server.url("lockgate_admin", server.password)) as admin,
    ):
        row = admin.execute("SELECT count(*) FROM audit_event WHERE action = 'person.recovered'").fetchone()
    assert row == (1,)


def _forget(other: Installation) -> None:
    from controlplane.embedded import leftovers, postgres

    leftovers.end(other.data, postgres.clusters(other.data), lambda _sentence: None)


def test_without_keys_it_restores_and_starts_locked(installation: Installation, world: World) -> None:
    bare = installation.place / "bare.tar"
    said = manage("backup", "--data", installation.data.root, "--to", bare, "--without-keys", "--without-parts")
    assert "the keys are NOT in it" in said
    target = installation.place / "bare"
    said = manage("restore", bare, "--data", target)
    assert "starts locked" in said
    data = DataDirectory(target)
    assert {path.name for path in data.keys.iterdir()} == {"secret.key", "roles.json"}
    assert (data.keys / "roles.json").read_text() != (installation.data.keys / "roles.json").read_text()


def test_a_backup_is_consistent_while_people_go_on(installation: Installation, world: World) -> None:
    """The manifest's head of the log is the dump's, though events go on being numbered meanwhile."""
    path = installation.place / "busy.tar"
    with psycopg.connect(installation.admin_url()) as connection:
        before = connection.execute("SELECT max(number) FROM audit_sequenced").fetchone()
    world.start(PIPELINE)
    manage("backup", "--data", installation.data.root, "--to", path, "--without-keys")
    manifest = read(path)
    assert manifest["audit"]["events"] >= before[0]  # type: ignore[index]
    target = installation.place / "busy"
    assert f"which held {manifest['audit']['events']} numbered events" in manage("restore", path, "--data", target)  # type: ignore[index]
