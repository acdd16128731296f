"""The first person on an empty installation, and the second, who ends its founding."""

from __future__ import annotations

import pytest

from .conftest import Site
from .founding import Founding

pytestmark = pytest.mark.browser


@pytest.fixture
def founding(site: Site) -> Founding:
    return site.founding


def test_an_empty_installation_leads_to_its_set_up(founding: Founding) -> None:
    assert founding.first_url.endswith("/setup/")


def test_what_is_missing_is_named_before_anything_is_founded(founding: Founding) -> None:
    assert "Nothing was saved." in founding.empty_form_said
    assert "Organisation: This field is required." in founding.empty_form_said


def test_every_page_says_that_a_single_signature_founds(founding: Founding) -> None:
    assert founding.banner.split("\n")[0].startswith("Founding mode. Changes carry a single signature")
    assert founding.banner_while_invited == 1


def test_the_founders_invitation_says_that_it_carries_one_signature(founding: Founding) -> None:
    assert "Bob" in founding.change_said


def test_without_a_mail_server_the_founder_learns_where_the_invitation_is(site: Site, founding: Founding) -> None:
    assert f"lies as a file in {site.installation.data.root / 'mail'}" in founding.person_said


def test_founding_ends_when_the_second_reviewer_has_joined(founding: Founding) -> None:
    assert founding.second_was_greeted == "Bob"
    assert founding.banner_after_joining == 0


def test_these_pages_are_accessible_and_silent(founding: Founding) -> None:
    assert {name: found for name, found in founding.violations.items() if found} == {}
    assert founding.complaints == []
