"""Every page, with rows behind its address: accessible in both themes, whole on a phone, and silent in the console."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import get_resolver

from tests.web.test_permissions import addresses

from .conftest import Site
from .pages import FOUNDING, NO_PAGES, VISITS, Visit
from .watching import NARROW, Watched

pytestmark = pytest.mark.browser


def test_every_address_is_visited_or_known_to_be_no_page() -> None:
    there = {view for view, _ in addresses(get_resolver().url_patterns) if not view.partition(":")[0].endswith("-api")}
    visited = {visit.view for visit in VISITS if not visit.view.startswith("errors/")}
    assert sorted(there - visited - NO_PAGES - FOUNDING) == [], "add a visit for each of these to pages.py"
    assert sorted((visited | NO_PAGES | FOUNDING) - there) == [], "these have no address any more"


@pytest.mark.parametrize("visit", VISITS, ids=str)
def test_a_page_is_accessible_whole_and_silent(site: Site, as_person: Callable[..., Watched], visit: Visit) -> None:
    watched = as_person(visit.who)
    response = watched.open(visit.path.format(**site.rows))
    found: dict[str, list[str]] = {}
    assert (response.status, watched.theme) == (visit.status, "light")
    found["light"] = watched.violations() + watched.too_wide()
    watched.keep(f"{visit.path} {visit.who} light")
    watched.page.locator("[data-theme-toggle]").first.click()
    assert watched.theme == "dark"
    found["dark"] = watched.violations("color-contrast")
    watched.keep(f"{visit.path} {visit.who} dark")
    watched.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    found["narrow"] = watched.violations() + watched.too_wide()
    watched.keep(f"{visit.path} {visit.who} narrow")
    assert found == {"light": [], "dark": [], "narrow": []}
