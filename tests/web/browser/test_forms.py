"""Forms that answer while one types: what they say, that nothing typed is lost, and where a refused form leads."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .conftest import Site
from .watching import Watched

pytestmark = pytest.mark.browser
AsPerson = Callable[..., Watched]
POLICY = "/policies/crm/personal-data/edit"
PIPELINE = "/pipelines/crm/customers-to-warehouse/edit"
SUITE = "/pipelines/crm/customers-to-warehouse/suite"


class TestPolicies:
    def test_a_wrong_text_is_told_while_it_is_typed_and_a_right_one_tells_its_consequence(
        self, as_person: AsPerson
    ) -> None:
        erin = as_person("erin")
        page = erin.page
        erin.open(POLICY)
        verdict = page.locator("#verdict")
        expect(verdict).to_contain_text("nothing changes")
        page.get_by_role("button", name="YAML").click()
        text = page.locator("textarea[name=text]")
        whole = text.input_value()
        text.fill(whole.replace("kind: redact", "kind: blur"))
        expect(verdict).to_contain_text("blur")
        assert erin.violations() == []
        text.fill(whole.replace("kind: partial, keep_domain: true", "kind: pass"))
        expect(verdict).to_contain_text("High risk.")
        expect(verdict).to_contain_text("public.customers.email")
        assert erin.violations() == []

    def test_a_rule_is_added_to_the_table_without_losing_what_was_typed(self, as_person: AsPerson) -> None:
        erin = as_person("erin")
        page = erin.page
        erin.open(POLICY)
        page.get_by_label("Name", exact=True).fill("Half typed")
        rules = page.locator("details.rule")
        before = rules.count()
        page.get_by_role("button", name="Add a rule").click()
        expect(rules).to_have_count(before + 1)
        new = rules.last
        new.get_by_label("Name of the rule").fill("addresses stay at home")
        new.locator("select[name$='-tag']").select_option("pii.address")
        new.locator("select[name$='-kind']").select_option("partial")
        expect(new.get_by_label("Last characters kept")).to_be_visible()
        assert erin.violations() == []
        new.locator("select[name$='-kind']").select_option("drop")
        expect(new.get_by_label("Last characters kept")).to_have_count(0)
        assert page.get_by_label("Name", exact=True).input_value() == "Half typed"
        assert new.get_by_label("Name of the rule").input_value() == "addresses stay at home"
        expect(page.locator("#verdict")).to_contain_text("addresses stay at home")
        page.get_by_role("button", name="YAML").click()
        assert "name: addresses stay at home" in page.locator("textarea[name=text]").input_value()

    def test_a_refused_rule_names_its_field(self, as_person: AsPerson) -> None:
        erin = as_person("erin")
        page = erin.page
        erin.open(POLICY)
        page.get_by_role("button", name="Add a rule").click()
        expect(page.locator("details.rule[open]")).to_have_count(1)
        page.get_by_role("button", name=re.compile("^Propose")).click()
        expect(page.locator("[data-focus]")).to_contain_text("A rule needs a short name")
        expect(page.locator("details.rule[open] .field-error")).to_contain_text("A rule needs a short name")
        assert page.url.endswith(POLICY)
        assert erin.violations() == []


class TestPipelines:
    def test_what_would_happen_follows_the_form(self, as_person: AsPerson) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open(PIPELINE)
        page.locator("[name='streams.0.destination.table']").fill("people")
        expect(page.locator("#verdict")).to_contain_text("public.people")
        page.locator("[name='cron']").fill("every now and then")
        expect(page.locator("#verdict .why-fail")).to_be_visible()
        assert page.locator("[name='streams.0.destination.table']").input_value() == "people"

    def test_form_and_yaml_are_the_same_definition(self, as_person: AsPerson) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open(PIPELINE)
        page.locator("[name='streams.0.destination.table']").fill("people")
        page.get_by_role("button", name="YAML").click()
        text = page.locator("textarea[name=definition]")
        assert "table: people" in text.input_value()
        text.fill(text.input_value().replace("table: people", "table: persons"))
        page.get_by_role("button", name="Form", exact=True).click()
        assert page.locator("[name='streams.0.destination.table']").input_value() == "persons"

    def test_a_check_is_added_and_its_fields_follow_its_kind(self, as_person: AsPerson) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open(PIPELINE)
        kinds = page.locator("select[name$='.expectation']")
        before = kinds.count()
        page.get_by_role("button", name="Add a check").click()
        expect(kinds).to_have_count(before + 1)
        kinds.last.select_option("expect_table_row_count_to_be_between")
        expect(page.locator(f"[name='output_checks.{before}.kwargs.min_value']")).to_be_visible()

    def test_what_is_refused_leads_to_its_place(self, as_person: AsPerson) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open(PIPELINE)
        page.get_by_label("Name", exact=True).fill("")
        page.get_by_role("button", name="Propose this change").click()
        summary = page.locator("[role=alert]").first
        expect(summary).to_be_focused()
        summary.get_by_role("link", name="Name").click()
        expect(page.get_by_label("Name", exact=True)).to_be_focused()


class TestColumns:
    def test_a_classification_is_proposed_from_the_page_of_a_table(self, site: Site, as_person: AsPerson) -> None:
        erin = as_person("erin")
        page = erin.page
        erin.open(f"/sources/datasets/{site.rows['dataset']}/")
        page.get_by_role("button", name="Propose the chosen classification").click()
        expect(page.get_by_text("Nothing would change: no column was chosen.")).to_be_visible()
        assert erin.violations() == []
        page.get_by_label("Tag of country").select_option("pii.address")
        page.get_by_label("Why").fill("Small countries tell who somebody is.")
        page.get_by_role("button", name="Propose the chosen classification").click()
        page.wait_for_url(re.compile(r"/changes/\d+/$"))
        assert "country" in erin.said()
        page.get_by_role("button", name="Withdraw").click()
        page.locator("dialog[open]").get_by_role("button", name="Withdraw").click()
        expect(page.locator(".pagehead-status .chip", has_text="Withdrawn")).to_be_visible()


class TestSuites:
    def test_a_check_is_added_and_filled_in_by_key_and_judged_while_one_types(self, as_person: AsPerson) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open(SUITE)
        told = page.locator("#told")
        count = int(page.locator("[name='output_checks.count']").input_value())
        page.locator("[id='new.0']").focus()
        page.locator("[id='new.0']").select_option("expect_column_value_lengths_to_be_between")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("[name='output_checks.count']")).to_have_value(str(count + 1))
        place = f"output_checks.{count}.kwargs"
        page.locator(f"[name='{place}.column']").select_option("country")
        page.locator(f"[name='{place}.min_value']").fill("9")
        page.locator(f"[name='{place}.max_value']").fill("2")
        expect(told).to_contain_text("The lower bound is above the upper one.")
        page.locator(f"[name='{place}.max_value']").fill("20")
        expect(told).to_contain_text("the length of country is between 9 and 20")
        assert alice.violations() == []

    def test_a_refused_check_leads_to_its_place_on_a_phone(self, as_person: AsPerson) -> None:
        alice = as_person("alice", viewport={"width": 390, "height": 844})
        page = alice.page
        alice.open(SUITE)
        page.locator("[id='import_text']").fill('{"expectations": [{"type": "expect_column_to_be_odd", "kwargs": {}}]}')
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_text("Line 1:")).to_be_visible()
        assert "expect_column_to_be_odd" in page.locator("[id='import_text']").input_value()
        assert alice.violations() == []

    def test_the_next_times_follow_the_schedule(self, as_person: AsPerson) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open(PIPELINE)
        page.locator("[name='cron']").fill("0 0 31 2 *")
        expect(page.locator("#times")).to_contain_text("never comes")
        page.locator("[id='preset']").select_option("0 6 * * 1-5")
        expect(page.locator("[name='cron']")).to_have_value("0 6 * * 1-5")
        expect(page.locator("#times li")).to_have_count(5)
        assert alice.violations() == []
