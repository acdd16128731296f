"""Nothing but regular files below an allowed root is ever opened, whoever put what there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from apps.dataplane.connectors.files import FileSettings, paths
from apps.dataplane.errors import Invalid, LockgateError, NotFound, Refused

from .conftest import Folder

CSV = "a,b\n1,2\n"


@pytest.mark.parametrize("path", ["..", "../other", "a/../../b", "/etc", "~", "~root/x", "a\\..\\b", "a\0b", "x" * 501])
@pytest.mark.parametrize("name", ["path", "pattern"])
def test_a_form_that_leads_outside_the_root_is_refused_at_its_field(name: str, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        FileSettings.from_json({"root": "files", name: path})
    assert caught.value.field == name


@pytest.mark.parametrize("path", ["../secret", "a/../../secret", "/etc/passwd", "", ".", "a//b", "a/./b", "a\0b"])
def test_a_path_that_does_not_stay_below_is_refused_when_it_is_opened_as_well(folder: Folder, path: str) -> None:
    folder.put("../secret", "x")
    with pytest.raises(Refused):
        paths.open_file(folder.path, path)


def test_a_root_that_nobody_allowed_is_refused(folder: Folder) -> None:
    with pytest.raises(Invalid) as caught:
        folder.found(root="elsewhere")
    assert (caught.value.field, caught.value.sentence) == (
        "root",
        "There is no folder called 'elsewhere' that connections may reach.",
    )


def test_links_are_followed_neither_to_files_nor_to_folders(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(CSV)
    (folder.path / "link.csv").symlink_to(outside / "secret.csv")
    (folder.path / "inside.csv").symlink_to(folder.put("real.csv", CSV))
    (folder.path / "sub").symlink_to(outside)
    found = folder.found(pattern="**/*")
    assert found["link"].detected["problem"] == (
        "Dataset link cannot be read: link.csv: it is a link. Mend it in the folder and discover again."
    )
    assert sorted(found) == ["inside", "link", "real", "sub"]
    for path in ("link.csv", "sub/secret.csv", "inside.csv"):
        with pytest.raises(Refused) as caught:
            paths.open_file(folder.path, path)
        assert "is a link, and only files and folders are followed" in caught.value.sentence


def test_a_file_that_becomes_a_link_between_the_look_and_the_opening_is_not_followed(folder: Folder) -> None:
    file = folder.put("t.csv", CSV)
    secret = folder.put("../secret.csv", "s\n1\n")
    file.unlink()
    file.symlink_to(secret)
    with pytest.raises(LockgateError):
        folder.read("t")


def test_pipes_sockets_and_folders_are_named_and_never_waited_for(folder: Folder) -> None:
    os.mkfifo(folder.path / "pipe.csv")
    listening = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(folder.path)
    try:
        listening.bind("socket.csv")
    finally:
        os.chdir(here)
    (folder.path / "folder.csv").mkdir()
    said = {}
    for name in ("pipe.csv", "socket.csv", "folder.csv"):
        with pytest.raises(Refused) as caught:
            paths.open_file(folder.path, name)
        said[name] = caught.value.sentence
    listening.close()
    assert said == {
        name: f"{name} is not read: a part of it is {kind}, and only files and folders are followed."
        for name, kind in (("pipe.csv", "a pipe"), ("socket.csv", "a socket"), ("folder.csv", "a folder"))
    }


def test_a_device_is_refused(folder: Folder) -> None:
    with pytest.raises(Refused) as caught:
        paths.open_file(Path("/dev"), "null")
    assert caught.value.sentence.startswith("null is not read: a part of it is a device")


def test_a_file_that_is_not_there_is_not_found(folder: Folder) -> None:
    with pytest.raises(NotFound):
        paths.open_file(folder.path, "no/such.csv")


def test_names_that_are_no_text_are_named_without_being_shown_raw(folder: Folder) -> None:
    descriptor = os.open(os.fsencode(folder.path) + b"/bad\xff.csv", os.O_CREAT | os.O_WRONLY)
    os.close(descriptor)
    (schema,) = folder.found().values()
    assert "its name is no printable UTF-8 text" in schema.detected["problem"]


def test_patterns_stay_within_a_folder_but_for_two_stars(folder: Folder) -> None:
    for name in ("a.csv", "x/b.csv", "x/y/c.csv", "x/y/d.txt", ".hidden.csv", "_part.csv", "x/.git/e.csv"):
        folder.put(name, CSV)

    def matched(pattern: str) -> list[str]:
        return [entry.path for entry in paths.files(folder.path, "", pattern)]

    assert matched("*") == ["a.csv"]
    assert matched("*/*.csv") == ["x/b.csv"]
    assert matched("**/*.csv") == ["a.csv", "x/b.csv", "x/y/c.csv"]
    assert matched("x/**") == ["x/b.csv", "x/y/c.csv", "x/y/d.txt"]
    assert matched("[a].csv") == []
