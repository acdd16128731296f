"""What follows the reader from page to page: the theme they chose and the time zone they live in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from .conftest import Site
from .watching import Watched

pytestmark = pytest.mark.browser
AsPerson = Callable[..., Watched]


def test_the_chosen_theme_stays_on_the_next_page_and_comes_from_the_server(site: Site, as_person: AsPerson) -> None:
    alice = as_person("alice")
    alice.open("/runs/")
    alice.page.get_by_role("button", name="Switch between light and dark").click()
    answer = alice.open("/changes/")
    assert alice.theme == "dark"
    assert 'data-bs-theme="dark"' in answer.text()
    alice.page.locator("button.person").click()
    alice.page.get_by_role("button", name="Follow the system theme").click()
    alice.open("/runs/")
    assert alice.theme == "light"


def test_who_never_chose_sees_what_their_system_shows(as_person: AsPerson) -> None:
    alice = as_person("alice", color_scheme="dark")
    alice.open("/runs/")
    assert alice.theme == "dark"


@pytest.mark.parametrize(("name", "zone"), [("alice", "Europe/Berlin"), ("bob", "Asia/Tokyo")])
def test_times_are_shown_in_the_readers_zone_wherever_the_browser_is(
    site: Site, as_person: AsPerson, name: str, zone: str
) -> None:
    watched = as_person(name, timezone_id="America/New_York")
    watched.open(f"/runs/{site.rows['published']}/")
    assert f"Times in {zone}" in watched.said(".topbar")
    time = watched.page.locator(".pretitle time").first
    moment = datetime.fromisoformat(time.get_attribute("datetime") or "")
    assert time.inner_text().strip() == moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
    assert time.get_attribute("title") == moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%d %H:%M:%S UTC")
