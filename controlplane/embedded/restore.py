"""`manage.py restore`: a backup becomes an installation in an empty data directory, whole or not at all.

Everything is verified before anything is written, and made beside the target, which appears by one renaming at the end.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg

from apps.dataplane.errors import Invalid
from controlplane import roles
from controlplane.config import DEMO_MARK

from . import archive, backup, database, datadir, keyfiles, postgres, schema
from .datadir import CannotStart, DataDirectory, write_private
from .postgres import Server
from .processes import ROOT, Installation, environment
from .up import OWNER, PASSWORDS

Say = Callable[[str], None]


def restore(source: Path, root: Path, *, passphrase: str | None, say: Say) -> None:
    """Raises Damaged, Invalid, Refused, CannotStart; nothing is left behind then."""
    target = root.absolute()
    _require_empty(target)
    manifest = archive.verified(source)
    say(f"{source} agrees with its manifest: {len(manifest['members'])} members, made {manifest['made_at']}")
    _require_known(manifest)
    keys = _keys(source, manifest, passphrase)
    beside = target.with_name(f".{target.name}.restoring")
    _clear(beside)
    try:
        data = datadir.prepare(beside)
        with datadir.held(data, url="a restore"):
            _fill(data, source, manifest, keys, say)
        _clear_run(data)
        _put_in_place(beside, target)
    except BaseException:
        _clear(beside)
        raise
    say(f"restored into {target}; start it with `python3 manage.py up --data {target}`")
    if not keys:
        say(f"it starts locked: put the key files back into {target / 'keys'} first")


def _require_empty(target: Path) -> None:
    with datadir.explained(target):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise CannotStart(
                f"{target} is not empty, and a restore never writes over anything: name another with --data, "
                "or move this one away. Nothing was written."
            )


def _require_known(manifest: Mapping[str, Any]) -> None:
    later = sorted(set(manifest["migrations"]) - schema.known())
    if later:
        raise CannotStart(
            f"This backup was made by a later version of Lockgate: it has {later[0]}, which this one does not know. "
            "Restore it with that version or a later one. Nothing was written."
        )


def _keys(source: Path, manifest: Mapping[str, Any], passphrase: str | None) -> dict[str, bytes]:
    """The key files by name, and `roles.sql`; nothing when the backup was made without."""
    if manifest["keys"] != "encrypted":
        return {}
    if not passphrase:
        raise Invalid("This backup holds its keys encrypted: give the passphrase. Nothing was written.")
    content = archive.opened(archive.member(source, backup.KEYS), passphrase)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = [about for about in tar if about.isfile()]
        return {about.name: (tar.extractfile(about) or io.BytesIO()).read() for about in members}


def _fill(data: DataDirectory, source: Path, manifest: Mapping[str, Any], keys: dict[str, bytes], say: Say) -> None:
    for name, content in keys.items():
        if name.startswith("keys/") and "/" not in name.removeprefix("keys/"):
            write_private(data.keys / name.removeprefix("keys/"), content)
    if not keys:
        _without_keys(data)
    (data.run / "postgres.port").write_text(str(manifest["port"]))
    if manifest.get("demo"):
        (data.root / DEMO_MARK).touch(mode=0o600)
    for kind in backup.FILES:
        archive.extract(source, f"files/{kind}/", data.root / kind)
    loaded = keyfiles.load(data, PASSWORDS)
    with database.started(data, loaded, say) as server:
        _load(data, server, source, manifest, loaded.passwords, keys.get("roles.sql"), say)
        _settle(data, server, loaded, manifest, say)


def _without_keys(data: DataDirectory) -> None:
    """New passwords of the database, and no key: the installation starts locked until its key files are put back."""
    write_private(data.keys / "secret.key", keyfiles.new_key_text())
    write_private(data.keys / "roles.json", keyfiles.new_passwords(PASSWORDS, {}))


def _load(
    data: DataDirectory, server: Server, source: Path, manifest: Mapping[str, Any], passwords: Mapping[str, str],
    logins: bytes | None, say: Say,
) -> None:  # fmt: skip
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        roles.create(admin, passwords, database=postgres.DATABASE)
    backup.client(server, "psql", "-qX", "postgres", content=logins or archive.member(source, "database/roles.sql"))
    dumps = data.run / "dumps"
    archive.extract(source, "database/", dumps)
    for name in manifest["databases"]:
        say(f"loading the database {name}")
        options = ["--exit-on-error", "--no-password"]
        where = [f"--dbname={name}"] if name == postgres.DATABASE else ["--create", "--dbname=postgres"]
        backup.client(server, "pg_restore", *options, *where, str(dumps / f"{name}.dump"))
    shutil.rmtree(dumps)


def _settle(
    data: DataDirectory, server: Server, keys: keyfiles.KeyFiles, manifest: Mapping[str, Any], say: Say
) -> None:  # fmt: skip
    """Bring tables and grants up to this version, end what was under way, raise the fences, verify the log."""
    installation = Installation(
        data.root, f"127.0.0.1:{server.port}/{postgres.DATABASE}", keys.passwords, "", keys.secret_key, keys.keks, 8420,
        "http://127.0.0.1:8420",
    )  # fmt: skip
    its = {name: value for name, value in environment(OWNER, installation, {}).items() if value}
    its = {"PATH": os.environ.get("PATH", ""), **its}
    its.pop("LOCKGATE_BROKER_URL", None)
    schema.migrate(installation.database_url("owner"), its, data.logs / "migrate.log")
    done = subprocess.run(
        [sys.executable, "manage.py", "settle_restore"], cwd=ROOT, env=its, input=json.dumps(dict(manifest)).encode(),
        capture_output=True,
    )  # fmt: skip
    for line in done.stdout.decode().splitlines():
        say(line)
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        raise CannotStart(f"The restored installation was not settled: {lines[-1] if lines else 'no reason was given'}")


def _clear_run(data: DataDirectory) -> None:
    for path in data.run.iterdir():
        if path.name != "postgres.port":
            path.unlink()


def _put_in_place(beside: Path, target: Path) -> None:
    if target.exists():
        target.rmdir()  # it is empty: rmdir refuses otherwise
    beside.rename(target)


def _clear(beside: Path) -> None:
    """Forget an attempt that did not end, and its cluster where that lies elsewhere."""
    pointer = beside / "pg" / "elsewhere.json"
    if pointer.exists():
        shutil.rmtree(json.loads(pointer.read_text())["directory"], ignore_errors=True)
    shutil.rmtree(beside, ignore_errors=True)
