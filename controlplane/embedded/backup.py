"""`manage.py backup`: one archive of a running or stopped installation, consistent as of one moment.

The database is dumped under one exported snapshot, and the manifest's facts (head of the audit log, migrations, runs
under way) are read under the same. Key files never change once made. Parts and quarantine are immutable files, copied
after the dump: what the dump names is there, unless it was being cleaned away.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from controlplane.config import DEMO_MARK

from . import archive, database, datadir, keyfiles, postgres, schema
from .datadir import CannotStart, DataDirectory
from .postgres import Server
from .up import PASSWORDS

Say = Callable[[str], None]
KEYS = "keys.sealed"
FILES = ("parts", "quarantine")
# Made anew at each start, or of no use elsewhere: letters in mail/ hold links that let somebody in.
LEFT_OUT = "open sessions, logs, letters in mail/, exports of the audit log and messages under way"
OWN = (postgres.DATABASE, "postgres", "template0", "template1", "lockgate_broker")


@dataclass(frozen=True)
class Made:
    """A finished backup."""

    path: Path
    sha256: str
    manifest: dict[str, Any]


def name(at: datetime) -> str:
    """What a backup made at this moment is called."""
    return f"lockgate-{at:%Y%m%dT%H%M%SZ}.tar"


def back_up(root: Path, target: Path, *, passphrase: str | None, parts: bool = True, say: Say) -> Made:
    """Write the archive to `target`; without a passphrase it holds no keys. Raises CannotStart."""
    data = database.existing(root)
    if target.exists():
        raise CannotStart(f"{target} exists already; choose another name. Nothing was written.")
    with database.at_hand(data, say) as server:
        return write(data, server, target, passphrase=passphrase, parts=parts, say=say)


def write(data: DataDirectory, server: Server, target: Path, *, passphrase: str | None, parts: bool, say: Say) -> Made:
    """The archive of an installation whose database answers."""
    keys = keyfiles.load(data, PASSWORDS)
    with _enough_room(target), tempfile.TemporaryDirectory(prefix="lockgate-backup-", dir=target.parent) as folder:
        with psycopg.connect(database.owner_url(server, keys.passwords)) as owner:
            facts = _facts(owner, data, server, bool(passphrase))
            say(f"dumping the database as of event {facts['audit']['events']} of the audit log")
            dump = Path(folder) / "lockgate.dump"
            _dump(server, postgres.DATABASE, dump, snapshot=facts.pop("snapshot"))
        others = _others(server)
        facts["databases"] = [postgres.DATABASE, *others]
        with archive.writing(target, facts) as out:
            out.add_file("database/lockgate.dump", dump)
            for other in others:
                say(f"dumping {other}, which lies in the same cluster")
                _dump(server, other, dump)
                out.add_file(f"database/{other}.dump", dump)
            out.add_bytes("database/roles.sql", _roles(server, passwords=False))
            if passphrase:
                out.add_bytes(KEYS, archive.sealed(_keys(data, server), passphrase))
            files = sum(_copy(out, data, kind) for kind in FILES) if parts else 0
    return _finish(data, target, facts, files, say)


def _finish(data: DataDirectory, target: Path, facts: dict[str, Any], files: int, say: Say) -> Made:
    manifest = archive.verified(target)
    digest = _digest(target)
    target.with_name(target.name + ".sha256").write_text(f"{digest}  {target.name}\n")
    say(f"{target} holds {len(manifest['members'])} members, {target.stat().st_size >> 10} KiB; read back and verified")
    say(f"its SHA-256 is {digest}, also in {target.name}.sha256")
    said = "the keys are in it, encrypted under the passphrase" if facts["keys"] == "encrypted" else _no_keys(data)
    say(said)
    say(f"{files} staged and quarantined files are in it" if files else "no staged or quarantined files are in it")
    say("everything else in it is as readable as the database itself: names, addresses, wrapped keys; keep it closed")
    say(f"left out: {LEFT_OUT}")
    return Made(target, digest, manifest)


def _no_keys(data: DataDirectory) -> str:
    return f"the keys are NOT in it, as you chose: without a copy of {data.keys} it restores, but nothing in it opens"


@contextmanager
def _enough_room(target: Path) -> Iterator[None]:
    with datadir.explained(target.parent):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            yield
        except archive.Damaged:
            target.unlink(missing_ok=True)
            raise


def _facts(owner: psycopg.Connection, data: DataDirectory, server: Server, keys: bool) -> dict[str, Any]:
    owner.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    owner.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # the dump may take longer
    head = owner.execute(
        "SELECT number, encode(chain_hash, 'hex') FROM audit_sequenced ORDER BY number DESC LIMIT 1"
    ).fetchone()
    under_way = owner.execute(
        "SELECT number FROM runs_run WHERE state IN ('QUEUED', 'RUNNING') ORDER BY number"
    ).fetchall()
    (snapshot,) = owner.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "snapshot": snapshot,
        "postgresql": server.version,
        "port": server.port,
        "migrations": sorted(schema.applied(owner)),
        "audit": {"events": head[0] if head else 0, "chain_hash": head[1] if head else ""},
        "runs_under_way": [number for (number,) in under_way],
        "keys": "encrypted" if keys else "excluded",
        "demo": (data.root / DEMO_MARK).exists(),
    }


def environment(server: Server) -> dict[str, str]:
    """Of PostgreSQL's client programs: the password stands in no list of processes."""
    place = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": postgres.ADMIN}
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "PGPASSWORD": server.password, **place}


def client(server: Server, *command: str, content: bytes | None = None) -> bytes:
    """Run one of PostgreSQL's own programs. Raises CannotStart with the last line that it said."""
    program = server.binaries / command[0]
    if not program.exists():
        raise CannotStart(
            f"{command[0]} is missing beside {server.binaries / 'postgres'}: install PostgreSQL's clients."
        )
    done = subprocess.run([str(program), *command[1:]], env=environment(server), input=content, capture_output=True)
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        raise CannotStart(f"{command[0]} failed: {lines[-1] if lines else 'it gave no reason'}")
    return done.stdout


def _dump(server: Server, name: str, target: Path, *, snapshot: str = "") -> None:
    target.unlink(missing_ok=True)
    options = ["--format=custom", "--compress=6", f"--file={target}", "--no-password"]
    if snapshot:
        # Sessions are keys to accounts, and end with a restore anyway.
        options += [f"--snapshot={snapshot}", "--exclude-table-data=django_session"]
    else:
        options.append("--create")
    client(server, "pg_dump", *options, name)


def _others(server: Server) -> list[str]:
    """Databases that people, or the demo, made in our cluster."""
    with psycopg.connect(server.admin_url) as admin:
        rows = admin.execute(
            "SELECT datname FROM pg_database WHERE datname <> ALL(%s) AND datallowconn ORDER BY 1", [list(OWN)]
        ).fetchall()
    return [str(found) for (found,) in rows]


def _roles(server: Server, *, passwords: bool) -> bytes:
    """Logins beside the product's own, which each start makes by itself."""
    options = ["--roles-only", "--no-password", *([] if passwords else ["--no-role-passwords"])]
    lines = client(server, "pg_dumpall", *options).decode().splitlines()
    ours = ("CREATE ROLE lockgate_", "ALTER ROLE lockgate_", "CREATE ROLE postgres", "ALTER ROLE postgres")
    return ("\n".join(line for line in lines if not line.startswith(ours)) + "\n").encode()


def _keys(data: DataDirectory, server: Server) -> bytes:
    """Everything in keys/ as a small tar, and the passwords of the other logins."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path in sorted(data.keys.iterdir()):
            if path.is_file():
                tar.add(path, arcname=f"keys/{path.name}", recursive=False)
        text = _roles(server, passwords=True)
        about = tarfile.TarInfo("roles.sql")
        about.size = len(text)
        tar.addfile(about, io.BytesIO(text))
    return out.getvalue()


def _copy(out: archive.Writer, data: DataDirectory, kind: str) -> int:
    folder = data.root / kind
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(out.add_file(f"files/{kind}/{path.relative_to(folder)}", path) for path in found)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(archive.PIECE):
            digest.update(piece)
    return digest.hexdigest()
