"""A backup's one file: a tar whose last member, the manifest, names every other with its size and SHA-256."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from apps.dataplane.errors import Invalid, Refused

FORMAT = 1
MANIFEST = "manifest.json"
PIECE = 1 << 20
_COST = {"n": 2**15, "r": 8, "p": 1}
_PLACE = b"lockgate backup keys 1"


class Damaged(Refused):
    """The archive is not what its manifest says; nothing was written."""

    code = "damaged"


class _Hashed:
    """Reads a file for tarfile and hashes what passes."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self.file.read(size)
        self.digest.update(piece)
        return piece


class Writer:
    """Adds members; the archive appears under its name when the manifest has been written."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar = tar
        self.members: list[dict[str, Any]] = []

    def add_bytes(self, name: str, content: bytes) -> None:
        self._add(name, io.BytesIO(content), len(content))

    def add_file(self, name: str, path: Path) -> bool:
        """False when the file has gone meanwhile."""
        try:
            with path.open("rb") as file:
                self._add(name, file, os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            return False
        return True

    def _add(self, name: str, file: IO[bytes], size: int) -> None:
        about = _about(name, size)
        hashed = _Hashed(file)
        self.tar.addfile(about, hashed)  # type: ignore[arg-type]
        self.members.append({"name": name, "size": size, "sha256": hashed.digest.hexdigest()})


def _about(name: str, size: int) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.size, about.mode, about.mtime = size, 0o600, int(time.time())
    return about


@contextmanager
def writing(path: Path, facts: Mapping[str, Any]) -> Iterator[Writer]:
    """Write an archive, whole or not at all; `facts` stand in the manifest beside the members."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                writer = Writer(tar)
                yield writer
                manifest = json.dumps({"format": FORMAT, **facts, "members": writer.members}, indent=1).encode()
                tar.addfile(_about(MANIFEST, len(manifest)), io.BytesIO(manifest))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def verified(path: Path) -> dict[str, Any]:
    """The manifest, after every member was read and agreed with it. Raises Damaged, Invalid; writes nothing."""
    found: dict[str, tuple[int, str]] = {}
    manifest: dict[str, Any] | None = None
    with _opened(path) as tar:
        for about in tar:
            content = _content(tar, about)
            if about.name == MANIFEST:
                manifest = _parsed(content.read())
            else:
                found[about.name] = (about.size, _hash(content))
    if manifest is None:
        raise Damaged("The archive has no manifest: it was not written to its end. Nothing was written.")
    _compare(manifest["members"], found)
    return manifest


def _compare(members: Iterable[Mapping[str, Any]], found: Mapping[str, tuple[int, str]]) -> None:
    wanted = {str(member["name"]): (int(member["size"]), str(member["sha256"])) for member in members}
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise Damaged(f"The archive lacks {name}, which its manifest names. Nothing was written.")
        if name not in wanted:
            raise Damaged(f"The archive holds {name}, which its manifest does not name. Nothing was written.")
        if wanted[name] != found[name]:
            raise Damaged(f"{name} in the archive has another hash than its manifest says. Nothing was written.")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, mode="r:") as tar:
            yield tar
    except FileNotFoundError as error:
        raise Invalid(f"There is no file {path}.") from error
    except tarfile.TarError as error:
        raise Damaged(f"{path} is no archive of a backup, or is cut short. Nothing was written.") from error
    except OSError as error:
        raise Invalid(f"{path} cannot be read ({error.strerror}).") from error


def _content(tar: tarfile.TarFile, about: tarfile.TarInfo) -> IO[bytes]:
    parts = PurePosixPath(about.name).parts
    if not about.isreg() or about.name.startswith("/") or ".." in parts:
        raise Damaged(f"The archive holds {about.name!r}, which is no plain file below it. Nothing was written.")
    content = tar.extractfile(about)
    if content is None:
        raise Damaged(f"{about.name} in the archive cannot be read. Nothing was written.")
    return content


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
        if int(manifest["format"]) > FORMAT:
            raise Refused("This backup was made by a later version of Lockgate: restore it with that version.")
        manifest["members"] = list(manifest["members"])
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged("The archive's manifest cannot be read. Nothing was written.") from error
    return dict(manifest)


def _hash(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := content.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()


def extract(path: Path, prefix: str, folder: Path) -> int:
    """Write the members beneath `prefix` into the folder, 0600, and return how many; call after `verified`."""
    count = 0
    with _opened(path) as tar:
        for about in tar:
            if about.name.startswith(prefix):
                target = folder / about.name.removeprefix(prefix)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    content = _content(tar, about)
                    while piece := content.read(PIECE):
                        file.write(piece)
                count += 1
    return count


def member(path: Path, name: str) -> bytes:
    """One small member whole."""
    with _opened(path) as tar:
        for about in tar:
            if about.name == name:
                return _content(tar, about).read()
    raise Damaged(f"The archive lacks {name}. Nothing was written.")


def sealed(content: bytes, passphrase: str) -> bytes:
    """Encrypted under the passphrase (scrypt, RFC 7914; AES-256-GCM)."""
    salt, nonce = os.urandom(16), os.urandom(12)
    head = json.dumps({"format": 1, **_COST, "salt": salt.hex(), "nonce": nonce.hex()}).encode()
    return head + b"\n" + AESGCM(_key(passphrase, salt, _COST)).encrypt(nonce, content, _PLACE + head)


def opened(content: bytes, passphrase: str) -> bytes:
    """What `sealed` encrypted. Raises Invalid for another passphrase."""
    head, _newline, body = content.partition(b"\n")
    said = json.loads(head)
    cost = {name: int(said[name]) for name in _COST}
    try:
        key = _key(passphrase, bytes.fromhex(said["salt"]), cost)
        return AESGCM(key).decrypt(bytes.fromhex(said["nonce"]), body, _PLACE + head)
    except InvalidTag as error:
        raise Invalid("The keys in this backup do not open with this passphrase. Nothing was written.") from error


def _key(passphrase: str, salt: bytes, cost: Mapping[str, int]) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost["n"], r=cost["r"], p=cost["p"]).derive(passphrase.encode())
