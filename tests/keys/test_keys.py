"""Keys are made once, open only with the KEK of their class, and the web sees their public half alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from apps.audit.models import Event
from apps.dataplane.crypto import sealing, signing
from apps.dataplane.errors import Locked, NotFound, Refused
from apps.keys import selectors, services
from apps.keys.models import Key
from tests.copies import Copy, copy
from tests.support import World, as_role

__all__ = ["copy"]
KEK, OTHER_KEK = bytes(range(32)), bytes(32)


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Be a process of a role, with or without a key file."""

    def change(role: str, kek: bytes | None = KEK) -> None:
        path = None
        if kek is not None:
            path = tmp_path / f"{role}.kek"
            path.write_text(kek.hex() + "\n")
        monkeypatch.setattr(settings, "LOCKGATE", replace(settings.LOCKGATE, role=role, kek_file=path))

    return change


def test_the_extract_worker_makes_its_four_keys_and_records_each(world: World) -> None:
    with as_role("worker"):
        assert services.create_missing("extract", KEK) == 4
        assert services.create_missing("extract", KEK) == 0
    made = set(Key.objects.values_list("purpose", "domain", "version", "state"))
    assert made == {
        ("credentials", "", 1, "ACTIVE"),
        ("parts", "", 1, "ACTIVE"),
        ("quarantine", "", 1, "ACTIVE"),
        ("treatment", "default", 1, "ACTIVE"),
    }
    assert Event.objects.filter(action="key.created").count() == 4


def test_what_the_web_seals_the_worker_opens(world: World, become: Callable[..., None]) -> None:
    services.create_missing("extract", KEK)
    with as_role("web"):
        public = selectors.public("extract", "credentials")
        sealed = sealing.seal(public.public, b"secret", place="connection/read")
    become("worker")
    with as_role("worker"):
        private = services.open_key("credentials")
    assert sealing.unseal(private.secret, sealed, place="connection/read") == b"secret"
    assert public.version == private.version == 1


def test_what_the_notary_signs_everybody_verifies(world: World, become: Callable[..., None]) -> None:
    become("notary")
    with as_role("notary"):
        assert services.unlock() == "notary"
        signature = signing.sign(services.open_key("notary").secret, b"manifest")
    assert signing.verify(selectors.public("notary", "notary", 1).public, b"manifest", signature)


def test_a_process_without_its_key_is_locked(world: World, become: Callable[..., None]) -> None:
    services.create_missing("extract", KEK)
    become("worker", None)
    with pytest.raises(Locked, match="started without its key"):
        services.open_key("parts")


def test_a_process_with_another_key_is_locked_and_makes_nothing(world: World, become: Callable[..., None]) -> None:
    services.create_missing("extract", KEK)
    Key.objects.filter(purpose="parts").delete()
    become("worker", OTHER_KEK)
    for act in (services.unlock, lambda: services.open_key("quarantine")):
        with pytest.raises(Locked, match="does not open"):
            act()
    assert Key.objects.count() == 3


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "00" * 31])
def test_a_key_file_that_is_no_key_locks_without_being_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "extract.kek"
    path.write_text(content)
    with pytest.raises(Locked) as locked:
        services.read_kek(path)
    assert str(locked.value) == "The key file extract.kek is missing, unreadable or no key."


def test_wrapped_bytes_moved_to_another_key_do_not_open(world: World, become: Callable[..., None]) -> None:
    services.create_missing("extract", KEK)
    Key.objects.filter(purpose="quarantine").update(wrapped=Key.objects.get(purpose="treatment").wrapped)
    become("worker")
    with pytest.raises(Locked, match="does not open"):
        services.open_key("quarantine")


def test_a_destroyed_key_is_refused_and_a_missing_one_named(world: World, become: Callable[..., None]) -> None:
    services.create_missing("extract", KEK)
    Key.objects.filter(purpose="treatment").update(state=Key.DESTROYED)
    become("worker")
    with pytest.raises(Refused, match="The key treatment/default/1 was destroyed"):
        services.open_key("treatment", version=1)
    with pytest.raises(NotFound, match="There is no key treatment/nowhere"):
        services.open_key("treatment", "nowhere")


def test_domains_get_their_own_keys(world: World, become: Callable[..., None]) -> None:
    become("worker")
    with as_role("worker"):
        services.unlock()
        assert services.ensure_domains(["crm", "default"]) == 1
        assert services.open_key("treatment", "crm").secret != services.open_key("treatment").secret
    assert selectors.domains() == ["crm", "default"]
    assert (selectors.active_version("crm"), selectors.active_version("other")) == (1, 0)


def test_the_web_cannot_read_a_wrapped_key(world: World) -> None:
    services.create_missing("extract", KEK)
    with as_role("web"), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute("SELECT wrapped FROM keys_key")


def test_a_secret_never_shows_in_a_repr(world: World, become: Callable[..., None]) -> None:
    become("worker")
    services.unlock()
    assert repr(services.open_key("parts")) == "OpenKey(version=1)"


def test_workers_that_start_together_make_each_key_once(copy: Copy) -> None:
    made = copy.together(*[("worker", lambda: services.create_missing("extract", KEK))] * 8)
    assert sorted(made) == [0] * 7 + [4]
