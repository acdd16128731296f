"""The files in keys/: database passwords, the web secret and the key-encryption keys, made on the first start only."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .datadir import DataDirectory, explained, write_private

# One key-encryption key for each class of process that may open something; web and gate have none.
KEKS = ("extract", "publish", "general", "notary")


@dataclass(frozen=True)
class KeyFiles:
    """What an installation's keys/ holds. `missing` names the classes that start locked."""

    passwords: Mapping[str, str] = field(repr=False)
    secret_key: Path
    keks: Mapping[str, Path]
    missing: tuple[str, ...]


def load(data: DataDirectory, roles: tuple[str, ...]) -> KeyFiles:
    """Read keys/, filling it on the first start. A key lost later is never replaced: its class starts locked."""
    with explained(data.keys):
        passwords = data.keys / "roles.json"
        if not passwords.exists():
            _make_keys(data)
            # Written last: an interrupted first start is a first start again.
            write_private(passwords, new_passwords(roles, {}))
        known = json.loads(passwords.read_text())
        if set(roles) - set(known):
            write_private(passwords, new_passwords(roles, known))
            known = json.loads(passwords.read_text())
    present = {name: _kek(data, name) for name in KEKS if _kek(data, name).exists()}
    missing = tuple(name for name in KEKS if name not in present)
    return KeyFiles(known, data.keys / "secret.key", present, missing)


def _make_keys(data: DataDirectory) -> None:
    for path in (data.keys / "secret.key", *(_kek(data, name) for name in KEKS)):
        if not path.exists():
            write_private(path, new_key_text())


def new_key_text() -> bytes:
    """32 random bytes as 64 hexadecimal characters and a newline."""
    return secrets.token_hex(32).encode() + b"\n"


def _kek(data: DataDirectory, name: str) -> Path:
    return data.keys / f"{name}.kek"


def new_passwords(roles: tuple[str, ...], known: Mapping[str, str]) -> bytes:
    """The file of database passwords; known ones stay."""
    return json.dumps({role: known.get(role) or secrets.token_urlsafe(24) for role in roles}, indent=1).encode()
