"""A part is exactly what its worker signed, where it was put; anything else is refused by name in one sentence."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.dataplane import parts
from apps.dataplane.crypto import signing
from apps.dataplane.errors import Conflict, PartRejected, Refused
from apps.dataplane.parts import StagedPart, open_part, part_directory, verify_part, write_part

PRIVATE, PUBLIC = signing.generate()
RUN, PLAN, FENCE = "0190b6a2-7b1e-7c3d-9a41-5f3e2d1c0b9a", "ab" * 32, 3
ASKED = {"verify_key": PUBLIC, "run": RUN, "plan_hash": PLAN, "fence": FENCE}
ROWS = pa.table({"__row_id": pa.array([1, 2], pa.int64()), "email": ["tok_1", None], "na😀me": ["", "x"]})
REMOVED = pa.table({"row_id": pa.array([7], pa.int64()), "rule": ["unique-id"]})
QUARANTINE = pa.table(
    {
        "row_id": pa.array([8], pa.int64()),
        "rules": pa.array([["email", "age"]], pa.list_(pa.string())),
        "sealed": pa.array([b"\x01"], pa.binary()),
    }
)
PATH = f"{RUN}/fence-3/customers.rows.000001.parquet"


def written(root: Path, **changed: Any) -> StagedPart:
    given: dict[str, Any] = {
        "run": RUN,
        "plan_hash": PLAN,
        "fence": FENCE,
        "stream": "customers",
        "ordinal": 1,
        "kind": "rows",
        "treatments": {"email": "token/1", "na😀me": "pass/1"},
        "keys": {"email": "default/1"},
        "lane": "text",
        "table": ROWS,
        "sign": lambda message: signing.sign(PRIVATE, message),
    }
    return write_part(root, **{**given, **changed})


def refusal(root: Path, path: str = PATH, **changed: Any) -> str:
    """The one sentence with which both readers refuse."""
    with pytest.raises(PartRejected) as opened:
        open_part(root, path, **{**ASKED, **changed})
    with pytest.raises(PartRejected) as verified:
        verify_part(root, path, **{**ASKED, **changed})
    assert opened.value.sentence == verified.value.sentence
    assert opened.value.remedy == "Run the pipeline again; its parts are then staged anew."
    return opened.value.sentence


def test_a_part_comes_back_as_it_was_written(tmp_path: Path) -> None:
    part = written(tmp_path)
    header, table = open_part(tmp_path, part.path, **ASKED)
    assert table.equals(ROWS)
    assert header == part.header == verify_part(tmp_path, part.path, **ASKED)
    assert (part.path, header.rows, header.format, header.lane) == (PATH, 2, 1, "text")
    assert header.treatments == {"email": "token/1", "na😀me": "pass/1"}
    assert header.keys == {"email": "default/1"}
    assert len(part.signature) == 128


@pytest.mark.parametrize(("kind", "table"), [("removed", REMOVED), ("quarantine", QUARANTINE)])
def test_removed_and_quarantined_rows_come_back_too(tmp_path: Path, kind: str, table: pa.Table) -> None:
    for ordinal, content in ((0, table), (1, table.slice(0, 0))):
        part = written(tmp_path, kind=kind, ordinal=ordinal, table=content, treatments={}, keys={})
        header, opened = open_part(tmp_path, part.path, **ASKED)
        assert (header.kind, header.rows, opened.equals(content)) == (kind, content.num_rows, True)


def test_an_empty_part_is_a_part(tmp_path: Path) -> None:
    part = written(tmp_path, table=ROWS.slice(0, 0))
    header, table = open_part(tmp_path, part.path, **ASKED)
    assert (header.rows, table.schema) == (0, ROWS.schema)


def test_directories_are_0700_and_files_0600_and_nothing_else_is_left(tmp_path: Path) -> None:
    root = tmp_path / "parts"
    before = os.umask(0)
    try:
        part = written(root)
    finally:
        os.umask(before)
    directory = part_directory(root, RUN, FENCE)
    assert directory == root / RUN / "fence-3"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (root, root / RUN, directory)]
    assert modes == [0o700, 0o700, 0o700]
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert files == {"customers.rows.000001.parquet": 0o600, "customers.rows.000001.json": 0o600}
    assert root / part.path == directory / "customers.rows.000001.parquet"


def test_files_and_their_directory_are_on_disk_before_the_part_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part_directory(tmp_path, RUN, FENCE)
    done: list[str] = []
    really = {name: getattr(os, name) for name in ("fsync", "replace", "link")}

    def fsync(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("fsync directory" if is_directory else "fsync file")
        really["fsync"](descriptor)

    def noted(name: str) -> Callable[[Path, Path], None]:
        def move(source: Path, target: Path) -> None:
            done.append(f"{name} {target.name}")
            really[name](source, target)

        return move

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", noted("replace"))
    monkeypatch.setattr(os, "link", noted("link"))
    written(tmp_path)
    assert done == [
        "fsync file",
        "replace customers.rows.000001.parquet",
        "fsync directory",
        "fsync file",
        "link customers.rows.000001.json",
        "fsync directory",
    ]


def test_a_part_is_never_overwritten(tmp_path: Path) -> None:
    part = written(tmp_path)
    with pytest.raises(Conflict) as conflict:
        written(tmp_path, table=ROWS.slice(0, 1))
    assert conflict.value.sentence == f"Part {PATH} was already written; a part is never overwritten."
    assert open_part(tmp_path, part.path, **ASKED)[1].equals(ROWS)


def test_what_a_killed_writer_left_is_no_part_and_does_not_stand_in_the_way(tmp_path: Path) -> None:
    directory = part_directory(tmp_path, RUN, FENCE)
    (directory / "customers.rows.000001.parquet").write_bytes(b"half")
    assert refusal(tmp_path) == f"Part '{PATH}' is missing; nothing was written."
    assert open_part(tmp_path, written(tmp_path).path, **ASKED)[1].equals(ROWS)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = part_directory(tmp_path, RUN, FENCE)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Refused) as refused:
        written(tmp_path)
    assert refused.value.sentence == (
        "The disk that holds staged parts is full; nothing was written to the destination."
    )
    assert list(directory.iterdir()) == []


def test_a_part_with_any_byte_of_its_body_changed_is_refused(tmp_path: Path) -> None:
    body = tmp_path / written(tmp_path).path
    original = body.read_bytes()
    for position in (0, 4, len(original) // 2, len(original) - 1):
        body.write_bytes(original[:position] + bytes([original[position] ^ 1]) + original[position + 1 :])
        assert refusal(tmp_path) == (
            f"Part '{PATH}' does not hold what was signed: its content was altered; nothing was written."
        )
    body.write_bytes(original[:-1])
    assert "its content was altered" in refusal(tmp_path)
    body.write_bytes(original)
    assert open_part(tmp_path, PATH, **ASKED)[1].equals(ROWS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run", "another"),
        ("plan_hash", "cd" * 32),
        ("fence", 4),
        ("stream", "payments"),
        ("ordinal", 2),
        ("treatments", [["email", "pass/1"], ["na😀me", "pass/1"]]),
        ("keys", []),
        ("rows", 3),
        ("content_hash", "0" * 64),
        ("lane", "binary"),
    ],
)
def test_a_header_with_anything_changed_is_refused(tmp_path: Path, field: str, value: object) -> None:
    edit_header(tmp_path / written(tmp_path).path, **{field: value})
    assert refusal(tmp_path) == (
        f"Part '{PATH}' is not signed by this run's worker, or its header was altered; nothing was written."
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("format", True),
        ("kind", "secrets"),
        ("fence", 2**60),
        ("fence", "3"),
        ("run", "../../etc"),
        ("run", "\ud800"),
        ("stream", "a/b"),
        ("treatments", [["email", "token/1"], ["email", "pass/1"], ["na😀me", "pass/1"]]),
        ("treatments", "token/1"),
        ("extra", 1),
    ],
)
def test_a_header_that_nobody_writes_is_refused(tmp_path: Path, field: str, value: object) -> None:
    edit_header(tmp_path / written(tmp_path).path, **{field: value})
    assert refusal(tmp_path) == f"Part '{PATH}' has a header that cannot be read; nothing was written."


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"header": {}}', b"[" * 100_000])
def test_a_header_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    header = (tmp_path / written(tmp_path).path).with_suffix(".json")
    header.write_bytes(content)
    assert refusal(tmp_path) == f"Part '{PATH}' has a header that cannot be read; nothing was written."


def test_a_part_signed_by_another_worker_is_refused(tmp_path: Path) -> None:
    stranger = signing.generate()[0]
    written(tmp_path, sign=lambda message: signing.sign(stranger, message))
    assert "is not signed by this run's worker" in refusal(tmp_path)


def test_a_signature_made_for_another_purpose_is_refused(tmp_path: Path) -> None:
    written(tmp_path, sign=lambda message: signing.sign(PRIVATE, message.removeprefix(b"lockgate/part/1\n")))
    assert "is not signed by this run's worker" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"run": "another"}, "belongs to another run"),
        ({"plan_hash": "cd" * 32}, "was staged under another plan"),
        ({"fence": 4}, "was staged under fence 3, not 4"),
        ({"content_hash": "0" * 64}, "is not the one that was checked before: it was replaced"),
    ],
)
def test_a_genuine_part_of_something_else_is_refused(tmp_path: Path, asked: dict[str, Any], problem: str) -> None:
    part = written(tmp_path)
    assert refusal(tmp_path, **asked) == f"Part '{PATH}' {problem}; nothing was written."
    assert verify_part(tmp_path, PATH, **ASKED, content_hash=part.header.content_hash) == part.header


def test_two_parts_cannot_change_places(tmp_path: Path) -> None:
    first = tmp_path / written(tmp_path).path
    second = tmp_path / written(tmp_path, ordinal=2, table=ROWS.slice(1)).path
    first.write_bytes(second.read_bytes())
    assert "its content was altered" in refusal(tmp_path)
    shutil.copy(second.with_suffix(".json"), first.with_suffix(".json"))
    assert refusal(tmp_path) == (
        f"Part '{PATH}' was signed as customers, rows, number 2, and was moved or renamed; nothing was written."
    )


def test_a_missing_part_is_refused(tmp_path: Path) -> None:
    missing = f"Part '{PATH}' is missing; nothing was written."
    assert refusal(tmp_path) == missing
    body = tmp_path / written(tmp_path).path
    body.unlink()
    assert refusal(tmp_path) == missing


@pytest.mark.parametrize("suffix", [".parquet", ".json"])
def test_a_link_or_a_pipe_in_a_parts_place_is_refused(tmp_path: Path, suffix: str) -> None:
    root = tmp_path / "parts"
    file = (root / written(root).path).with_suffix(suffix)
    moved = file.rename(root / "moved")
    file.symlink_to(moved)
    assert refusal(root) == f"Part '{PATH}' is a link and not a file; nothing was written."
    file.unlink()
    os.mkfifo(file)
    assert refusal(root) == f"Part '{PATH}' is not a file; nothing was written."


@pytest.mark.parametrize(
    "path", ["/etc/passwd.parquet", "../x.parquet", f"{RUN}/../x.parquet", "a//b.parquet", "x.csv"]
)
def test_a_path_out_of_the_directory_of_parts_is_refused(tmp_path: Path, path: str) -> None:
    assert refusal(tmp_path, path) == f"Part '{path}' lies outside the directory of parts; nothing was written."


def test_a_directory_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "parts"
    written(elsewhere)
    root.mkdir()
    (root / RUN).symlink_to(elsewhere / RUN)
    assert refusal(root) == f"Part '{PATH}' lies outside the directory of parts; nothing was written."


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"table": ROWS.drop_columns(["__row_id"])}, "has no __row_id of type int64"),
        ({"table": ROWS.append_column("extra", pa.array(["a", "b"]))}, "does not state the treatment of exactly its"),
        ({"treatments": {"email": "token/1"}}, "does not state the treatment of exactly its columns"),
        ({"table": ROWS.append_column("email", pa.array(["a", "b"]))}, "names a column twice"),
        ({"table": ROWS.set_column(1, "email", pa.array([1, 2]))}, "holds a column that is not text"),
        ({"kind": "removed"}, "must hold exactly row_id, rule"),
        ({"kind": "quarantine"}, "must hold exactly row_id, rules, sealed"),
    ],
)
def test_a_part_that_does_not_say_what_it_holds_is_not_written(
    tmp_path: Path, changed: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        written(tmp_path, **changed)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changed", [{"run": "../x"}, {"run": ""}, {"fence": -1}, {"stream": "a/b"}, {"stream": ""}, {"ordinal": -1}]
)
def test_a_name_that_must_not_be_part_of_a_path_is_not_written(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"made of|from 0"):
        written(tmp_path, **changed)
    assert list(tmp_path.iterdir()) == []


def test_a_signed_body_with_other_columns_or_rows_than_its_header_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_parquet", lambda table: parquet_bytes(ROWS.slice(1)))
    written(tmp_path)
    with pytest.raises(PartRejected, match="holds 1 rows and its header says 2"):
        open_part(tmp_path, PATH, **ASKED)
    monkeypatch.setattr(parts, "_parquet", lambda table: parquet_bytes(ROWS.rename_columns(["__row_id", "a", "b"])))
    part = written(tmp_path, ordinal=2)
    with pytest.raises(PartRejected, match="does not state the treatment of exactly its columns"):
        open_part(tmp_path, part.path, **ASKED)


def parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def edit_header(body: Path, **changed: object) -> None:
    file = body.with_suffix(".json")
    document = json.loads(file.read_text(encoding="utf-8"))
    document["header"].update(changed)
    file.write_text(json.dumps(document), encoding="utf-8")
