"""What people come to Lockgate for, done as they do it: with a mouse and a keyboard, in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from controlplane.demo import databases, governed

from .conftest import Site
from .watching import Watched

pytestmark = pytest.mark.browser
AsPerson = Callable[..., Watched]
SECONDS = 60_000
WRONG = "wrong-and-never-shown-7731"


def chip(page: Page, text: str) -> Any:
    return page.locator(".pagehead-status .chip", has_text=text)


def wait_for_state(page: Page, text: str) -> None:
    """The page of a change does not turn by itself: it is looked at again until it says so."""
    for _ in range(60):
        if chip(page, text).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(page.inner_text(".pagehead"))


class TestGettingIn:
    def test_a_wrong_password_is_told_without_saying_which_half_is_wrong(self, as_person: AsPerson) -> None:
        told = []
        for address in ("alice@acme.example", "nobody@acme.example"):
            watched = as_person()
            watched.open("/runs/")
            watched.page.get_by_label("E-mail address").fill(address)
            watched.page.get_by_label("Password").fill(WRONG)
            watched.page.get_by_role("button", name="Sign in").click()
            watched.page.wait_for_selector("[role=alert]")
            told.append(watched.said("[role=alert]"))
            assert watched.page.locator(".app").count() == 0
            assert WRONG not in watched.page.content()
            assert watched.violations() == []
        assert told[0] == told[1] != ""

    def test_who_signs_in_arrives_where_they_wanted_to_go(self, site: Site, as_person: AsPerson) -> None:
        page = as_person().page
        page.goto("/runs/")
        assert page.url == f"{site.url}/login/?next=/runs/"
        page.get_by_label("E-mail address").fill(site.address("alice"))
        page.get_by_label("Password").fill(site.passwords["alice"])
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site.url}/runs/")
        page.locator("button.person").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{site.url}/login/")
        page.goto("/runs/")
        assert page.url == f"{site.url}/login/?next=/runs/"


class TestReview:
    def test_alice_proposes_bob_approves_and_the_applier_applies(self, as_person: AsPerson) -> None:
        alice, bob = as_person("alice"), as_person("bob")
        page = alice.page
        alice.open("/pipelines/crm/customers-to-warehouse/")
        page.get_by_role("link", name="Propose a change").click()
        page.get_by_label("Schedule", exact=False).first.fill("30 4 * * *")
        page.get_by_label("Why").fill("The source is backed up at three.")
        page.get_by_role("button", name="Propose this change").click()
        page.wait_for_url(re.compile(r"/changes/\d+/$"))
        assert page.get_by_role("button", name=re.compile("^Approve")).count() == 0
        self._approve(bob, page.url, "Agreed.")
        wait_for_state(page, "Applied")
        assert alice.violations() == []
        alice.open("/pipelines/crm/customers-to-warehouse/")
        assert "30 4 * * *" in alice.said()
        assert "version 2" in alice.said(".pretitle")

    def _approve(self, reviewer: Watched, url: str, comment: str) -> None:
        page = reviewer.page
        reviewer.open("/changes/")
        page.locator(f"a[href='/changes/{url.rstrip('/').rpartition('/')[2]}/']").first.click()
        assert "backed up at three" in reviewer.said()
        page.get_by_label("Comment").first.fill(comment)
        page.get_by_role("button", name="Approve (1 of 1)").click()
        expect(page.get_by_text("You approved")).to_be_visible()

    def test_bob_cannot_approve_his_own_change(self, as_person: AsPerson) -> None:
        bob, erin = as_person("bob"), as_person("erin")
        page = bob.page
        bob.open("/policies/crm/personal-data/edit")
        page.get_by_label("Name").first.fill("Personal data of all customers")
        page.get_by_role("button", name=re.compile("^Propose")).click()
        page.wait_for_url(re.compile(r"/changes/\d+/$"))
        assert page.get_by_role("button", name=re.compile("^(Approve|Reject)")).count() == 0
        erin.open(page.url)
        seen = erin.page.locator("input[name=seen]").input_value()
        answer = page.evaluate(
            """async ([url, seen]) => { const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
                const body = new URLSearchParams({csrfmiddlewaretoken: token, verdict: "approve", seen, comment: ""});
                const answer = await fetch(url + "decide", {method: "POST", body});
                return [answer.status, await answer.text()]; }""",
            [page.url, seen],
        )
        assert answer[0] == 403
        assert "somebody else must decide it" in answer[1]
        page.reload()
        assert chip(page, "Awaiting review").count() == 1
        page.get_by_role("button", name="Withdraw").click()
        page.locator("dialog[open]").get_by_role("button", name="Withdraw").click()
        expect(chip(page, "Withdrawn")).to_be_visible()


class TestRunning:
    def test_a_run_reaches_published_on_an_open_page(self, as_person: AsPerson) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open("/pipelines/crm/customers-to-warehouse/")
        page.get_by_role("button", name="Start now").click()
        page.wait_for_url(re.compile(r"/runs/\d+/$"))
        page.evaluate("window.neverReloaded = true")
        expect(page.locator("#run-state .chip", has_text="Published")).to_be_visible(timeout=SECONDS)
        expect(page.locator("#h-outcome")).to_be_visible()
        assert page.evaluate("window.neverReloaded") is True
        assert "Rows by table" in alice.said()
        assert page.locator("#run-actions").get_by_role("button", name="Cancel").count() == 0
        expect(page.locator("#run-actions").get_by_role("button", name="Run again")).to_be_visible()
        assert alice.violations() == []
        page.get_by_role("link", name="Manifest").first.click()
        assert "customers" in alice.said()

    def test_an_incident_is_acknowledged_and_resolved(self, site: Site, as_person: AsPerson) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open("/incidents/")
        page.locator("main tbody a").first.click()
        page.get_by_role("button", name="Acknowledge").click()
        expect(chip(page, "Acknowledged")).to_be_visible()
        assert "Looked after by Alice" in alice.said()
        page.get_by_role("button", name="Resolve").first.click()
        dialog = page.locator("dialog[open]")
        assert alice.violations() == []
        dialog.locator("select").select_option("accepted")
        dialog.locator("textarea").fill("The copy was an experiment.")
        dialog.get_by_role("button", name="Resolve").click()
        expect(chip(page, "Resolved")).to_be_visible()
        assert "The copy was an experiment." in alice.said()


class TestProof:
    def test_dora_searches_the_log_and_verifies_it(self, as_person: AsPerson) -> None:
        dora = as_person("dora")
        page = dora.page
        dora.open("/audit/")
        page.get_by_label("Action").select_option("change.rejected")
        page.wait_for_url(re.compile("action=change.rejected"))
        assert [row for row in page.locator("tbody tr").all_inner_texts() if "change.rejected" not in row] == []
        assert "rejected change" in dora.said("tbody")
        page.evaluate("window.neverReloaded = true")
        page.get_by_role("button", name="Verify").click()
        expect(page.get_by_text("The log is whole.")).to_be_visible()
        assert page.evaluate("window.neverReloaded") is True
        assert dora.violations() == []

    def test_what_nobody_did_is_found_nowhere(self, as_person: AsPerson) -> None:
        dora = as_person("dora")
        dora.open("/audit/")
        dora.page.get_by_placeholder("Search what happened").fill("xyzzy-was-never-here")
        dora.page.keyboard.press("Enter")
        dora.page.wait_for_url(re.compile("q=xyzzy"))
        assert "No event fits" in dora.said()


class TestTokens:
    def test_a_token_is_shown_once_and_opens_the_api_until_it_is_revoked(self, as_person: AsPerson) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open("/tokens/")
        page.get_by_label("Name").fill("nightly-import")
        page.get_by_label(re.compile("^Read")).check()
        page.get_by_role("button", name="Make the token").click()
        expect(page.get_by_text("This is the only time you see it.")).to_be_visible()
        assert alice.violations() == []
        secret = page.inner_text("pre").strip()
        assert self._asks(page, secret) == 200
        page.get_by_role("link", name="I have copied it").click()
        page.wait_for_url(re.compile("/tokens/$"))
        assert "nightly-import" in alice.said()
        assert secret not in page.content()
        page.get_by_role("button", name="Revoke").first.click()
        page.locator("dialog[open]").get_by_role("button", name="Revoke").click()
        expect(page.locator(".chip", has_text="Revoked").first).to_be_visible()
        assert self._asks(page, secret) == 401

    def _asks(self, page: Page, secret: str) -> int:
        # In a context of its own, so that no cookie of the page opens the door instead.
        fresh = page.context.browser.new_context()  # type: ignore[union-attr]
        answer = fresh.request.get(
            page.url.partition("/tokens")[0] + "/api/v1/runs/", headers={"Authorization": f"Bearer {secret}"}
        )
        fresh.close()
        return answer.status


class TestConnecting:
    def test_a_wrong_password_names_field_cause_and_remedy_and_is_never_shown(
        self, site: Site, as_person: AsPerson
    ) -> None:
        alice = as_person("alice")
        page = alice.page
        alice.open("/sources/new?kind=postgresql")
        page.get_by_label("Name", exact=True).fill("Orders")
        page.get_by_label("Short name").fill("orders")
        page.get_by_label("Host").fill("127.0.0.1")
        page.get_by_label("Port").fill(str(site.installation.database_port))
        page.get_by_label("Database").fill(governed.SOURCE)
        page.get_by_label("Read user").fill(databases.READER)
        page.get_by_label("Read password").fill(WRONG)
        page.get_by_role("button", name="Test the connection").click()
        page.wait_for_url(re.compile("/sources/tests/"))
        expect(page.get_by_text("The connection does not work yet")).to_be_visible(timeout=SECONDS)
        said = alice.said()
        assert "password" in said
        assert WRONG not in page.content()
        assert alice.violations() == []
        page.get_by_role("link", name="Mend the field “Read password”").click()
        assert page.get_by_label("Name", exact=True).input_value() == "Orders"
        assert page.get_by_label("Read password").input_value() == ""
        assert WRONG not in page.content()
