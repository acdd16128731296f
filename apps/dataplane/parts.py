"""Parts: staged files of treated rows, signed by the worker that wrote them and refused by name when anything differs.

A part is two files beside each other. The body is Parquet; the header is JSON with the SHA-256 of the body's bytes and
the Ed25519 signature over `lockgate/part/1`, a newline and the header's canonical bytes. The header appears last and
once: without it there is no part, and a part is never overwritten. Where a part lies follows from its header, so a part
that was moved or renamed is refused as well.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from .canonical import canonical_bytes
from .crypto import signing
from .errors import Conflict, PartRejected, Refused

FORMAT = 1
ROW_ID = "__row_id"

PartKind = Literal["rows", "removed", "quarantine"]

_PURPOSE = b"lockgate/part/1\n"
_HEADER_BYTES = 4 * 1024 * 1024
_REMEDY = "Run the pipeline again; its parts are then staged anew."
_SCHEMAS = {
    "removed": pa.schema([("row_id", pa.int64()), ("rule", pa.string())]),
    "quarantine": pa.schema([("row_id", pa.int64()), ("rules", pa.list_(pa.string())), ("sealed", pa.binary())]),
}


@dataclass(frozen=True)
class PartHeader:
    """What a part says about itself, all of it signed.

    `treatments` maps each destination column to its treatment's implementation (`token/1`), `keys` the keyed ones to
    `domain/version`. `content_hash` is the SHA-256 of the body's bytes, in hex. `lane` says how the rows were moved.
    """

    format: int
    run: str
    plan_hash: str
    fence: int
    stream: str
    ordinal: int
    kind: PartKind
    treatments: Mapping[str, str]
    keys: Mapping[str, str]
    rows: int
    content_hash: str
    lane: str

    @property
    def path(self) -> str:
        """Where the body lies, relative to the root."""
        return str(_directory(self.run, self.fence) / f"{self.stream}.{self.kind}.{self.ordinal:06d}.parquet")


@dataclass(frozen=True)
class StagedPart:
    """A written part: its body's path relative to the root, its header, and the signature in hex."""

    path: str
    header: PartHeader
    signature: str


def part_directory(root: Path, run: str, fence: int) -> Path:
    """The directory of a run's parts under one fence, made with mode 0700 where it is missing."""
    directory = root
    _make_directory(root)
    for step in _directory(run, fence).parts:
        directory = directory / step
        _make_directory(directory)
    return directory


def write_part(
    root: Path,
    *,
    run: str,
    plan_hash: str,
    fence: int,
    stream: str,
    ordinal: int,
    kind: PartKind,
    treatments: Mapping[str, str],
    keys: Mapping[str, str],
    lane: str,
    table: pa.Table,
    sign: Callable[[bytes], bytes],
) -> StagedPart:
    """Writes and signs one part; it is on disk when this returns. Raises Conflict when it exists already.

    `table` of kind `rows` holds the destination's columns as strings, each with an entry in `treatments`, and
    `__row_id`; of `removed` row_id and rule; of `quarantine` row_id, rules and sealed.
    """
    problem = _schema_problem(kind, table.schema, treatments)
    if problem:
        raise ValueError(f"a part of kind {kind} {problem}")
    body = _parquet(table)
    header = PartHeader(
        format=FORMAT,
        run=run,
        plan_hash=plan_hash,
        fence=fence,
        stream=stream,
        ordinal=ordinal,
        kind=kind,
        treatments=dict(treatments),
        keys=dict(keys),
        rows=table.num_rows,
        content_hash=hashlib.sha256(body).hexdigest(),
        lane=lane,
    )
    signature = sign(_signed_bytes(header)).hex()
    _store(root, header, body, signature)
    return StagedPart(header.path, header, signature)


def open_part(
    root: Path,
    path: str,
    *,
    verify_key: bytes,
    run: str,
    plan_hash: str,
    fence: int,
    content_hash: str = "",
) -> tuple[PartHeader, pa.Table]:
    """The header and the rows of a part, parsed from the very bytes that were verified.

    `verify_key` is the worker's public key. With `content_hash` the part must be exactly the one that was seen before,
    e.g. by the gate. Raises PartRejected, saying what differs.
    """
    header, body = _verified(root, path, verify_key, run, plan_hash, fence, content_hash)
    table = pq.ParquetFile(pa.BufferReader(body)).read()
    problem = _schema_problem(header.kind, table.schema, header.treatments)
    if problem:
        raise _rejected(path, problem)
    if table.num_rows != header.rows:
        raise _rejected(path, f"holds {table.num_rows} rows and its header says {header.rows}")
    return header, table


def verify_part(
    root: Path,
    path: str,
    *,
    verify_key: bytes,
    run: str,
    plan_hash: str,
    fence: int,
    content_hash: str = "",
) -> PartHeader:
    """As `open_part`, without parsing the rows."""
    return _verified(root, path, verify_key, run, plan_hash, fence, content_hash)[0]


def _verified(
    root: Path, path: str, verify_key: bytes, run: str, plan_hash: str, fence: int, content_hash: str
) -> tuple[PartHeader, bytes]:
    _require_inside(root, path)
    header, signed, signature = _parse_header(path, _read(root, _header_path(path), path, most=_HEADER_BYTES))
    if not signing.verify(verify_key, signed, signature):
        raise _rejected(path, "is not signed by this run's worker, or its header was altered")
    body = _read(root, path, path)
    if hashlib.sha256(body).hexdigest() != header.content_hash:
        raise _rejected(path, "does not hold what was signed: its content was altered")
    difference = _difference(header, path, run, plan_hash, fence, content_hash)
    if difference:
        raise _rejected(path, difference)
    return header, body


def _difference(header: PartHeader, path: str, run: str, plan_hash: str, fence: int, content_hash: str) -> str:
    """How a genuine part differs from the one asked for, or nothing."""
    if header.run != run:
        return "belongs to another run"
    if header.plan_hash != plan_hash:
        return "was staged under another plan"
    if header.fence != fence:
        return f"was staged under fence {header.fence}, not {fence}"
    if header.path != path:
        return f"was signed as {header.stream}, {header.kind}, number {header.ordinal}, and was moved or renamed"
    if content_hash and header.content_hash != content_hash:
        return "is not the one that was checked before: it was replaced"
    return ""


def _schema_problem(kind: str, schema: pa.Schema, treatments: Mapping[str, str]) -> str:
    if kind != "rows":
        wanted = _SCHEMAS[kind]
        return "" if schema.equals(wanted) else f"must hold exactly {', '.join(wanted.names)}"
    columns = [name for name in schema.names if name != ROW_ID]
    if len(set(schema.names)) != len(schema.names):
        return "names a column twice"
    if ROW_ID not in schema.names or schema.field(ROW_ID).type != pa.int64():
        return f"has no {ROW_ID} of type int64"
    if any(schema.field(name).type != pa.string() for name in columns):
        return "holds a column that is not text"
    if set(columns) != set(treatments):
        return "does not state the treatment of exactly its columns"
    return ""


def _signed_bytes(header: PartHeader) -> bytes:
    return _PURPOSE + canonical_bytes(_header_json(header))


def _header_json(header: PartHeader) -> dict[str, Any]:
    """Column names stand in lists of pairs: any name PostgreSQL allows, also one that canonical keys do not."""
    document = {item.name: getattr(header, item.name) for item in fields(header)}
    for name in ("treatments", "keys"):
        document[name] = [[column, text] for column, text in sorted(document[name].items())]
    return document


def _parse_header(path: str, content: bytes) -> tuple[PartHeader, bytes, bytes]:
    """The header, the bytes that should be signed, and the signature."""
    try:
        document = json.loads(content)
        header = _header_of(document["header"])
        return header, _signed_bytes(header), bytes.fromhex(document["signature"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _rejected(path, "has a header that cannot be read") from None


def _header_of(given: dict[str, Any]) -> PartHeader:
    """Raises ValueError, KeyError or TypeError for anything but a header of format 1 exactly as it is written."""
    values = dict(given)
    for name in ("treatments", "keys"):
        values[name] = dict(given[name])
    numbers = [values[name] for name in ("format", "fence", "ordinal", "rows")]
    texts = [values[name] for name in ("run", "plan_hash", "stream", "kind", "content_hash", "lane")]
    if not all(type(number) is int for number in numbers) or not all(isinstance(text, str) for text in texts):
        raise TypeError("a header's number or text has another type")
    header = PartHeader(**values)
    _require_names(header)
    if header.format != FORMAT or _header_json(header) != given:
        raise ValueError("a header of another format")
    return header


def _require_names(header: PartHeader) -> None:
    """Raises ValueError for what must not become part of a path."""
    if not re.fullmatch(r"[a-z0-9_-]{1,128}", header.stream):
        raise ValueError("a stream's name is made of a-z, 0-9, _ and -")
    if header.kind not in get_args(PartKind) or header.ordinal < 0:
        raise ValueError("a part has a known kind and an ordinal from 0")
    _directory(header.run, header.fence)


def _directory(run: str, fence: int) -> PurePosixPath:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", run) or fence < 0:
        raise ValueError("a run's id is made of letters, digits, _ and -, and a fence is not negative")
    return PurePosixPath(run, f"fence-{fence}")


def _header_path(path: str) -> str:
    return path.removesuffix(".parquet") + ".json"


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="snappy", store_schema=True)
    return cast(bytes, sink.getvalue().to_pybytes())


def _store(root: Path, header: PartHeader, body: bytes, signature: str) -> None:
    _require_names(header)
    part_directory(root, header.run, header.fence)
    target, head = root / header.path, root / _header_path(header.path)
    if head.exists():
        raise _already_written(header)
    document = {"header": _header_json(header), "signature": signature}
    # A body without a header is what a killed writer left behind; only the header makes the part.
    with _temporary(target, body) as temporary:
        os.replace(temporary, target)
    _sync_directory(target.parent)
    with _temporary(head, json.dumps(document, ensure_ascii=False).encode()) as temporary:
        try:
            os.link(temporary, head)
        except FileExistsError:
            # Another writer under the same fence got there first.
            raise _already_written(header) from None
    _sync_directory(target.parent)


@contextmanager
def _temporary(target: Path, content: bytes) -> Iterator[Path]:
    """A hidden file beside `target` with `content` on disk; gone afterwards unless it was renamed."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Refused(
            "The disk that holds staged parts is full; nothing was written to the destination.",
            remedy="Free space in the data directory, then run the pipeline again.",
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        return
    _sync_directory(directory.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_inside(root: Path, path: str) -> None:
    pure = PurePosixPath(path)
    plain = not pure.is_absolute() and ".." not in pure.parts and str(pure) == path and path.endswith(".parquet")
    if not plain or not (root / path).resolve().is_relative_to(root.resolve()):
        raise _rejected(path, "lies outside the directory of parts")


def _read(root: Path, name: str, path: str, *, most: int = -1) -> bytes:
    try:
        # O_NONBLOCK: a named pipe put in a part's place must not hold the publisher up.
        descriptor = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise _rejected(path, "is missing") from None
        if error.errno == errno.ELOOP:
            raise _rejected(path, "is a link and not a file") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _rejected(path, "is not a file")
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most)


def _already_written(header: PartHeader) -> Conflict:
    return Conflict(
        f"Part {header.path} was already written; a part is never overwritten.",
        remedy="Start the step again under a new fence.",
    )


def _rejected(path: str, problem: str) -> PartRejected:
    return PartRejected(f"Part {path!r} {problem}; nothing was written.", remedy=_REMEDY)
