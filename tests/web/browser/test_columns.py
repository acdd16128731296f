"""Columns decided and a connection begun without a mouse, and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .test_keyboard import tab_to
from .watching import Watched

pytestmark = pytest.mark.browser
AsPerson = Callable[..., Watched]
PHONE = {"width": 390, "height": 844}


def test_columns_are_filtered_chosen_by_range_and_decided_by_keys(as_person: AsPerson) -> None:
    bob = as_person("bob")
    page = bob.page
    bob.open("/sources/columns/?q=customers.")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    boxes = page.locator("input[data-choose]")
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    assert [boxes.nth(index).is_checked() for index in range(4)] == [True, True, True, False]
    expect(page.locator("[data-chosen]")).to_have_text("3 chosen")
    page.locator("input[data-choose-all]").focus()
    page.keyboard.press("Space")
    assert all(boxes.nth(index).is_checked() for index in range(boxes.count()))
    page.keyboard.press("Space")
    assert not any(boxes.nth(index).is_checked() for index in range(boxes.count()))
    tab_to(bob, "Propose", limit=400)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing would change: no column was chosen")).to_be_visible()
    assert bob.violations() == []


@pytest.mark.parametrize(
    "path",
    ["/sources/columns/", "/sources/columns/sheet", "/sources/drift/", "/sources/new", "/sources/new?kind=files"],
)
def test_a_phone_scrolls_in_one_direction_only(as_person: AsPerson, path: str) -> None:
    alice = as_person("alice", viewport=PHONE)
    alice.open(path)
    assert alice.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_connection_is_begun_by_keys_from_its_kind_to_its_test(as_person: AsPerson) -> None:
    alice = as_person("alice")
    page = alice.page
    alice.open("/sources/new")
    tab_to(alice, "Paste a connection string")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("by=url"))
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("Nowhere")
    page.get_by_label("Short name").focus()
    page.keyboard.type("nowhere")
    page.get_by_label("Connection string").focus()
    page.keyboard.type("postgresql://reader:canary-in-a-url@127.0.0.1:1/none")
    tab_to(alice, "Test the connection")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/sources/tests/"))
    expect(page.get_by_text("The connection does not work yet")).to_be_visible(timeout=30_000)
    assert "canary-in-a-url" not in page.content()
    assert alice.violations() == []
    alice.open("/sources/")
    assert "Not finished" in alice.said()
    page.get_by_role("link", name="Go on Nowhere").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/sources/tests/"))
