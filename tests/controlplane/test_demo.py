"""Only a demo lets people become one another, between its own people alone, and every time is on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.urls import clear_url_caches, include, path

from apps.audit.models import Event
from controlplane import config, jobs
from controlplane import urls as product
from controlplane.embedded.datadir import DataDirectory
from controlplane.embedded.processes import PROCESSES, Installation, environment
from controlplane.embedded.up import _mark_demo
from tests.support import World, as_role

urlpatterns = [path("demo/", include("controlplane.demo.urls")), path("", include(product))]
LOOPBACK = "http://127.0.0.1:8420"


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    (tmp_path / config.DEMO_MARK).touch()
    return tmp_path


def read(data: Path, **more: str) -> config.Config:
    return config.read({"LOCKGATE_DATA": str(data), "LOCKGATE_URL": LOOPBACK, **more})


def test_the_setting_is_refused_where_no_demo_was_made(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match="was not made by `up --demo`"):
        read(tmp_path, LOCKGATE_DEMO="1")


@pytest.mark.parametrize("url", ["https://lockgate.example", "http://10.0.0.7:8420", "http://127.0.0.1.example"])
def test_the_setting_is_refused_where_others_can_reach_the_pages(marked: Path, url: str) -> None:
    with pytest.raises(config.ConfigError, match="leads beyond this machine"):
        read(marked, LOCKGATE_DEMO="1", LOCKGATE_URL=url)


def test_the_setting_is_one_or_nothing(marked: Path) -> None:
    with pytest.raises(config.ConfigError, match="must be 1, or absent"):
        read(marked, LOCKGATE_DEMO="yes")
    assert [read(marked, LOCKGATE_DEMO="1").demo, read(marked, LOCKGATE_DEMO="0").demo, read(marked).demo] == [
        True, False, False,
    ]  # fmt: skip


def test_only_an_empty_data_directory_with_the_embedded_database_becomes_a_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, given, empty = (DataDirectory(tmp_path / name) for name in ("used", "given", "empty"))
    for data in (used, given, empty):
        (data.pg / "18").mkdir(parents=True)
    (used.pg / "18" / "PG_VERSION").write_text("18")
    monkeypatch.delenv("LOCKGATE_DATABASE_URL", raising=False)
    _mark_demo(used)
    _mark_demo(empty)
    monkeypatch.setenv("LOCKGATE_DATABASE_URL", "postgresql://somewhere/else")
    _mark_demo(given)
    assert [(data.root / config.DEMO_MARK).exists() for data in (used, given, empty)] == [False, False, True]


def test_the_processes_of_no_other_installation_get_the_setting() -> None:
    made = Installation(Path("/data"), "h:1/n", dict.fromkeys(config.ROLES, "p"), "", Path("/key"), {}, 1, LOOPBACK)
    told = {p.name for p in PROCESSES if "LOCKGATE_DEMO" in environment(p, made, {"LOCKGATE_DEMO": "1"})}
    demo = {p.name for p in PROCESSES if "LOCKGATE_DEMO" in environment(p, replace(made, demo=True), {})}
    assert (told, demo) == (set(), {"web", "extract", "publish"})


def test_no_other_installation_has_its_addresses_jobs_or_panels(client: Client, world: World) -> None:
    assert not settings.LOCKGATE.demo
    assert settings.LOCKGATE_DEMO == {}
    assert set(jobs.DEMO_JOBS) & set(settings.LOCKGATE_JOBS) == set()
    client.force_login(world.users["alice"], backend="django.contrib.auth.backends.ModelBackend")
    with as_role("web"):
        assert client.post("/demo/switch", {"person": "bob"}).status_code == 404
        assert "Ten minutes" not in client.get("/").content.decode()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Path]:
    """A demo, as far as the web process knows: its mark in the settings, and the names of its people."""
    (tmp_path / "keys").mkdir()
    names = ("alice", "bob", "erin", "dora", "admin")
    (tmp_path / "keys" / "demo-users.json").write_text(json.dumps({f"{name}@acme.example": "x" for name in names}))
    changed: dict[str, Any] = {
        "LOCKGATE": replace(settings.LOCKGATE, demo=True, data=tmp_path),
        "LOCKGATE_DEMO": {"frame": "controlplane.demo.panel.frame"},
        "ROOT_URLCONF": __name__,
    }
    with override_settings(**changed):
        clear_url_caches()
        yield tmp_path
    clear_url_caches()


def signed_in(client: Client, world: World, name: str) -> Client:
    client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
    return client


def who(client: Client) -> str:
    with as_role("web"):
        return str(client.get("/api/v1/accounts/me").json()["name"])


def test_one_of_the_demos_people_becomes_another_and_it_is_on_record(demo: Path, client: Client, world: World) -> None:
    signed_in(client, world, "alice")
    with as_role("web"):
        response = client.post("/demo/switch", {"person": "bob", "next": "/runs/?state=FAILED"})
    assert (response.status_code, response["Location"]) == (302, "/runs/?state=FAILED")
    assert who(client) == "Bob"
    event = Event.objects.get(action="demo.switched_user")
    assert (event.actor_id, event.subject) == (str(world.users["alice"].id), f"person/{world.users['bob'].id}")


@pytest.mark.parametrize("person", ["charlie", "nobody", "", "bob@acme.example", "<script>", "x" * 5000, "\0"])
def test_nobody_but_the_demos_people_can_be_become(demo: Path, client: Client, world: World, person: str) -> None:
    signed_in(client, world, "alice")
    with as_role("web"):
        response = client.post("/demo/switch", {"person": person})
    assert response.status_code == 404
    assert "<script>" not in response.content.decode().split("<main")[1]
    assert who(client) == "Alice"
    assert not Event.objects.filter(action="demo.switched_user").exists()


def test_somebody_who_was_invited_later_becomes_nobody_else(demo: Path, client: Client, world: World) -> None:
    signed_in(client, world, "charlie")
    with as_role("web"):
        assert client.post("/demo/switch", {"person": "admin"}).status_code == 403
        assert client.get("/demo/rows/").status_code == 403
    assert who(client) == "Charlie"


def test_going_on_never_leads_elsewhere(demo: Path, client: Client, world: World) -> None:
    signed_in(client, world, "alice")
    with as_role("web"):
        response = client.post("/demo/switch", {"person": "bob", "next": "https://elsewhere.example/"})
    assert response["Location"] == "/"


def test_switching_and_acting_are_no_links(demo: Path, client: Client, world: World) -> None:
    signed_in(client, world, "alice")
    with as_role("web"):
        assert client.get("/demo/switch?person=bob").status_code == 405
        assert client.get("/demo/acts/kill").status_code == 405
        assert client.post("/demo/acts/nothing-like-this").status_code == 404


def test_the_frame_of_a_demo_offers_its_people(demo: Path, client: Client, world: World) -> None:
    signed_in(client, world, "alice")
    with as_role("web"):
        page = client.get("/profile/").content.decode()
    assert "You are Alice (engineer)" in page
    assert page.count('name="person"') == 5
