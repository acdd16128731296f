"""Everything without a mouse: where the focus goes, that one sees it, and that nothing traps it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Site
from .watching import Watched

pytestmark = pytest.mark.browser
AsPerson = Callable[..., Watched]


def tab_to(watched: Watched, text: str, limit: int = 60) -> None:
    """Tab until an element with this text has the focus; each on the way shows that it has it."""
    for _ in range(limit):
        watched.page.keyboard.press("Tab")
        focused = watched.focused()
        assert focused["visible"] or focused["page"], focused
        if text in focused["text"] and not focused["page"]:
            return
    raise AssertionError(f"{text} cannot be reached by {limit} tabs")


def test_the_first_tab_offers_to_skip_the_navigation(as_person: AsPerson) -> None:
    alice = as_person("alice")
    alice.open("/runs/")
    alice.page.keyboard.press("Tab")
    assert alice.focused()["text"] == "Skip to content"
    assert alice.page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    alice.page.keyboard.press("Enter")
    assert alice.focused()["id"] == "content"


def test_a_slash_brings_the_reader_to_the_search_and_enter_searches(as_person: AsPerson) -> None:
    alice = as_person("alice")
    alice.open("/runs/")
    alice.page.keyboard.press("/")
    assert alice.page.evaluate("document.activeElement.type") == "search"
    alice.page.keyboard.type("warehouse/")
    assert alice.page.evaluate("document.activeElement.value") == "warehouse/"
    alice.page.keyboard.press("Backspace")
    alice.page.keyboard.press("Enter")
    alice.page.wait_for_url(lambda url: "q=warehouse" in url)
    assert "Customers to warehouse" in alice.said()


def test_what_is_found_is_chosen_and_opened_by_key(as_person: AsPerson) -> None:
    alice = as_person("alice")
    alice.open("/runs/")
    alice.page.keyboard.press("Control+k")
    alice.page.keyboard.type("customers to ware")
    alice.page.keyboard.press("ArrowDown")
    chosen = alice.page.locator("#found [aria-selected=true]", has_text="Customers to warehouse")
    chosen.wait_for()
    assert alice.page.get_attribute("#search", "aria-activedescendant") == chosen.get_attribute("id")
    assert alice.violations() == []
    alice.page.keyboard.press("Enter")
    alice.page.wait_for_url("**/pipelines/crm/customers-to-warehouse/")
    alice.open("/changes/")
    alice.page.keyboard.press("/")
    alice.page.locator("#found .found", has_text="Customers to warehouse").wait_for()
    alice.page.keyboard.press("Escape")
    assert alice.page.locator("#found").is_hidden()


def test_the_keys_are_listed_and_lead_to_pages(as_person: AsPerson) -> None:
    alice = as_person("alice")
    alice.open("/runs/")
    alice.page.keyboard.press("?")
    alice.page.wait_for_selector("#keys[open]")
    assert alice.violations() == []
    alice.page.keyboard.press("Escape")
    assert alice.page.locator("#keys[open]").count() == 0
    alice.page.keyboard.press("g")
    alice.page.keyboard.press("p")
    alice.page.wait_for_url("**/pipelines/")


def test_the_menu_of_a_person_opens_moves_and_closes(as_person: AsPerson) -> None:
    alice = as_person("alice")
    alice.open("/runs/")
    tab_to(alice, "Engineer")
    alice.page.keyboard.press("Enter")
    alice.page.wait_for_selector(".dropdown-menu.show")
    assert alice.violations() == []
    alice.page.keyboard.press("ArrowDown")
    assert alice.focused()["text"] == "Your account"
    alice.page.keyboard.press("Escape")
    assert alice.page.locator(".dropdown-menu.show").count() == 0
    assert "Engineer" in alice.focused()["text"]


def test_a_dialog_takes_the_focus_keeps_it_and_gives_it_back(as_person: AsPerson) -> None:
    alice = as_person("alice")
    alice.open("/pipelines/crm/customers-to-warehouse/")
    tab_to(alice, "Pause")
    alice.page.keyboard.press("Enter")
    alice.page.wait_for_selector("dialog[open]")
    # At its end the focus passes the browser's own bar, where the document says `body`.
    inside = "document.activeElement.matches('body, dialog[open], dialog[open] *')"
    for _ in range(6):
        assert alice.page.evaluate(inside)
        alice.page.keyboard.press("Tab")
    assert alice.violations() == []
    alice.page.keyboard.press("Escape")
    assert alice.page.locator("dialog[open]").count() == 0
    assert alice.focused()["text"] == "Pause"


def test_a_change_is_decided_without_a_mouse(site: Site, as_person: AsPerson) -> None:
    bob = as_person("bob")
    bob.open(f"/changes/{site.rows['open_change']}/")
    for _ in range(80):
        bob.page.keyboard.press("Tab")
        if bob.focused()["text"].startswith("Request changes"):
            break
    assert bob.focused()["visible"]
    bob.page.keyboard.press("Enter")
    bob.page.wait_for_selector("[role=alert]")
    assert "Comment" in bob.said("[role=alert]")
    assert bob.violations() == []
    assert bob.page.locator(".chip", has_text="You asked for changes").count() == 0


def test_the_drawer_of_a_phone_opens_and_closes_by_key(as_person: AsPerson) -> None:
    alice = as_person("alice", viewport={"width": 390, "height": 844})
    alice.open("/runs/")
    tab_to(alice, "Open navigation")
    alice.page.keyboard.press("Enter")
    alice.page.wait_for_selector("#side.show:not(.showing)")
    assert alice.violations() == []
    assert alice.page.evaluate("document.getElementById('side').contains(document.activeElement)")
    alice.page.keyboard.press("Escape")
    alice.page.wait_for_selector("#side", state="hidden")
    assert alice.focused()["text"] == "Open navigation"


@pytest.mark.parametrize("path", ["/", "/pipelines/crm/customers-to-warehouse/edit", "/audit/", "/changes/"])
def test_whatever_takes_the_focus_shows_it(as_person: AsPerson, path: str) -> None:
    watched = as_person("dora" if path == "/audit/" else "alice")
    watched.open(path)
    unseen = []
    for _ in range(45):
        watched.page.keyboard.press("Tab")
        focused = watched.focused()
        if not focused["visible"] and not focused["page"]:
            unseen.append(focused)
    assert unseen == []
