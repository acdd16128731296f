"""Somebody says that the key files are copied and proves it; another file asks again; nobody else may say so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from apps.audit.models import Event
from apps.dataplane.errors import Denied, Invalid
from apps.keys import selectors, services
from apps.keys.models import KeyFile
from tests.support import World, as_role

BACKEND = "django.contrib.auth.backends.ModelBackend"
ROLE_OF = {"extract": "worker", "publish": "publisher", "general": "general", "notary": "notary"}


def begins(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:8]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, int], str]:
    """A process of a class starts with a key file; gives the beginning of its hash."""

    def started(holder: str, seed: int = 1) -> str:
        path = tmp_path / f"{holder}.kek"
        text = bytes([seed] * 32).hex() + "\n"
        path.write_text(text)
        with monkeypatch.context() as there:
            there.setattr(settings, "LOCKGATE", replace(settings.LOCKGATE, role=ROLE_OF[holder], kek_file=path))
            with as_role(ROLE_OF[holder]):
                assert services.unlock() == holder
        return begins(text)

    return started


def test_copies_are_known_once_each_file_was_proved(world: World, start: Callable[..., str]) -> None:
    first, second = start("extract"), start("notary", 2)
    admin = world.actor("admin")
    with as_role("web"):
        assert selectors.backed_up_at() is None
        services.confirm_copied(actor=admin, begins={"extract": first})
        assert (selectors.backed_up_at(), selectors.not_copied()) == (None, True)
        services.confirm_copied(actor=admin, begins={"notary": f" {second.upper()} "})
        assert selectors.not_copied() is False
        assert selectors.backed_up_at() == KeyFile.objects.get(holder="extract").copied_at
    assert Event.objects.filter(action="key.backed_up", actor_id=admin.id).count() == 2


def test_nothing_is_known_of_an_installation_without_key_files(world: World) -> None:
    with as_role("web"):
        assert (selectors.backed_up_at(), selectors.not_copied()) == (None, False)


def test_another_key_file_asks_again(world: World, start: Callable[..., str]) -> None:
    known = start("extract")
    with as_role("web"):
        services.confirm_copied(actor=world.actor("admin"), begins={"extract": known})
    assert start("extract") == known
    assert selectors.not_copied() is False
    KeyFile.objects.filter(holder="extract").update(begins="00000000")
    with as_role("web"):
        assert (selectors.backed_up_at(), selectors.not_copied()) == (None, True)
        (file,) = selectors.files(world.actor("admin"))
    assert (file.copied_at, file.copied_by) == (None, "")


@pytest.mark.parametrize("typed", ["", "00000000", "zzzzzzzz", "<script>", "0" * 64])
def test_a_wrong_beginning_is_named_at_its_field_and_nothing_is_recorded(
    world: World, start: Callable[..., str], typed: str
) -> None:
    good = start("notary", 2)
    start("extract")
    with as_role("web"), pytest.raises(Invalid) as caught:
        services.confirm_copied(actor=world.actor("admin"), begins={"notary": good, "extract": typed})
    assert caught.value.field == "extract"
    assert not Event.objects.filter(action="key.backed_up").exists()
    assert not KeyFile.objects.exclude(copied_at=None).exists()


def test_a_class_that_never_started_has_no_copy(world: World) -> None:
    with as_role("web"), pytest.raises(Invalid, match="No process"):
        services.confirm_copied(actor=world.actor("admin"), begins={"publish": "00000000"})


@pytest.mark.parametrize("name", ["alice", "bob", "dora", "charlie"])
def test_only_an_administrator_says_so(world: World, start: Callable[..., str], name: str) -> None:
    known = start("extract")
    with as_role("web"), pytest.raises(Denied):
        services.confirm_copied(actor=world.actor(name), begins={"extract": known})
    assert selectors.not_copied() is True


def test_the_page_asks_and_the_banner_goes(world: World, start: Callable[..., str], client: Client) -> None:
    known = start("extract")
    client.force_login(world.users["admin"], backend=BACKEND)
    with as_role("web"):
        assert b"The key files are not copied yet." in client.get("/people/").content
        page = client.get("/keys/").content.decode()
        assert "extract.kek" in page
        assert "The key files are not copied yet." not in page  # it is the page where this is mended
        assert client.post("/keys/", {"extract": "not hex!"}).status_code == 422
        assert client.post("/keys/", {"extract": "12345678"}).status_code == 422
        assert client.post("/keys/", {}).status_code == 422
        assert client.post("/keys/", {"extract": known}).status_code == 302
        assert b"The key files are not copied yet." not in client.get("/people/").content
        assert b"Copies of every key file are known" in client.get("/keys/").content


def test_others_see_no_banner_and_no_key_opens_through_a_page(
    world: World, start: Callable[..., str], client: Client
) -> None:
    start("extract")
    client.force_login(world.users["dora"], backend=BACKEND)
    with as_role("web"):
        page = client.get("/keys/").content.decode()
    assert "The key files are not copied yet." not in page
    assert bytes([1] * 32).hex() not in page
    assert "An administrator has to copy them" in page


def test_a_program_says_so_too(world: World, start: Callable[..., str], client: Client) -> None:
    known = start("extract")
    client.force_login(world.users["admin"], backend=BACKEND)
    with as_role("web"):
        for body in ({}, {"begins": {"extract": "x"}}, {"begins": "x"}, {"begins": {}}):
            assert client.post("/api/v1/keys/copied", body, content_type="application/json").status_code == 422
        body = {"begins": {"extract": known}}
        assert client.post("/api/v1/keys/copied", body, content_type="application/json").status_code == 204
        said = client.get("/api/v1/keys/").json()
    assert said["files"][0]["copied_at"]
    assert {key["purpose"] for key in said["keys"]} == {"credentials", "parts", "quarantine", "treatment"}
