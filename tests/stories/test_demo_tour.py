"""The demo's tour, walked once in a real browser against a real demo: everything that it claims really happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.faults.installation import ROOT, START_SECONDS, Installation, _environment, eventually
from tests.web.browser.conftest import BROWSER, FLAGS, WIDE
from tests.web.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
MOST_MOVES = 40
STEP_SECONDS = 240.0


class Demo(Installation):
    """`manage.py up --demo`."""

    def start(self) -> None:
        command = [sys.executable, "manage.py", "up", "--demo", "--data", str(self.data.root), "--port", str(self.port)]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=_environment(self.temporary), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        eventually(lambda: "serving at" in self.said or self._ended(), "the demo", 4 * START_SECONDS)
        assert not self._ended(), self.said

    def password(self, name: str) -> str:
        known = json.loads((self.data.keys / "demo-users.json").read_text())
        return str(known[f"{name}@acme.example"])


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    made = Demo.new()
    try:
        made.start()
        yield made  # type: ignore[misc]
    finally:
        made.remove()


@pytest.fixture
def context(demo: Demo) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        opened = browser.new_context(
            base_url=f"http://127.0.0.1:{demo.port}", viewport=WIDE, reduced_motion="reduce", accept_downloads=True
        )
        opened.set_default_timeout(30_000)
        yield opened
        browser.close()


class Tour:
    """The overview of the demo, and what happened at each press of its buttons."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed: list[str] = []
        self.seen: dict[str, str] = {}

    def sign_in(self, password: str) -> None:
        self.page.goto("/login/")
        self.page.get_by_label("E-mail address").fill("alice@acme.example")
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/login/" not in url)

    def walk(self) -> None:
        """Press what the tour offers until it is at its last step."""
        for _ in range(MOST_MOVES):
            act = self._offered()
            if act == "connect":
                return
            self.pressed.append(act)
            self.page.locator(f"form[action='/demo/acts/{act}'] button").click()
            self.page.wait_for_load_state("load")
            self.seen[act] = self.page.inner_text("body")
        raise AssertionError(f"the tour does not end: {self.pressed}")

    def _offered(self) -> str:
        """The act whose turn it is, once nothing is under way any more; the page renews itself meanwhile."""
        self.page.goto("/")
        limit = time.monotonic() + STEP_SECONDS
        form = self.page.locator("li[aria-current=step] .move-act form")
        while time.monotonic() < limit:
            if form.count():
                act = str(form.first.get_attribute("action")).rpartition("/")[2]
                if [act] != self.pressed[-1:]:
                    return act
            self.page.wait_for_timeout(1000)
            if not self.page.locator(".move-busy").count():
                self.page.goto("/")
        raise AssertionError(f"waited in vain after {self.pressed[-1:]}: {self.text()}")

    def text(self) -> str:
        self.page.goto("/")
        self.page.locator(".tour details").evaluate_all("all => all.forEach(one => one.open = true)")
        return " ".join(self.page.inner_text(".tour").split())


WALK = [
    *(
        "compare",
        "add-column",
        "start",
        "discover",
        "classify",
        "approve-classification",
        "propose-pass",
        "approve-own",
    ),
    *("ask", "edit-token", "approve-token", "add-room", "start", "break-file", "start-orders", "mend-file"),
    *("start-orders", "kill", "verify", "tamper"),
]


def test_the_whole_tour_is_genuine(demo: Demo, context: BrowserContext) -> None:
    watched = Watched(context.new_page())
    tour = Tour(watched.page)
    tour.sign_in(demo.password("alice"))
    tour.walk()
    assert tour.pressed == WALK
    said = tour.text()
    assert "6 of 7" in said
    for sentence in (
        "20 of 20 fraud rings are found on the masked data.",
        "Column public.customers.passport_no is unclassified",
        "Refused, and in the audit log.",
        "Risk: medium. Approvals it takes: 1.",
        "Killed after",
        "which nobody disturbed.",
        "was altered: its bytes no longer have the hash that was sequenced.",
    ):
        assert sentence in said, said
    assert ": the same as run" in said
    assert "passport numbers of 200,000 people become readable" in tour.seen["propose-pass"]
    assert "You took part in this change as its author" in tour.seen["approve-own"]
    _as_the_database_says(demo)
    _one_mail_and_a_closed_incident(tour.page)
    _side_by_side(tour.page)
    assert watched.complaints == []


def _as_the_database_says(demo: Demo) -> None:
    """What the pages told is so: runs, the killed worker, the served table, who did what."""
    runs = "SELECT p.slug, r.state FROM runs_run r JOIN pipelines_pipeline p ON p.id = r.pipeline_id ORDER BY r.number"
    customers, orders = "customers-to-warehouse", "partner-orders"
    assert demo.admin(runs) == [
        (customers, "PUBLISHED"), (orders, "PUBLISHED"), (customers, "REFUSED"), (customers, "PUBLISHED"),
        (orders, "BLOCKED"), (orders, "PUBLISHED"), (customers, "PUBLISHED"),
    ]  # fmt: skip
    killed = "extract was ended by SIGKILL; starting it again"
    assert killed in demo.said
    (tokens,) = demo.admin(
        "SELECT count(*), count(*) FILTER (WHERE starts_with(passport_no, 'tok_')) FROM public.customers",
        database="demo_warehouse",
    )
    assert tokens[0] == tokens[1] > 190_000
    assert demo.admin("SELECT count(*) FROM public.partner_orders", database="demo_warehouse") == [(10_000,)]
    # alice, erin, bob, erin, bob, erin, alice, dora
    assert demo.admin("SELECT count(*) FROM audit_event WHERE action = 'demo.switched_user'") == [(7,)]


def _one_mail_and_a_closed_incident(page: Page) -> None:
    page.goto("/outbox/")
    mails = re.findall(r"\[ERROR\] orders: enough orders 4,100 rows[^\n]*", page.inner_text("main"))
    assert len(set(mails)) == 1, page.inner_text("main")
    assert "still served" in mails[0]
    page.goto("/search/?q=enough+orders")
    page.locator("a[href^='/incidents/']").first.click()
    assert "Resolved" in page.inner_text("main")


def _side_by_side(page: Page) -> None:
    page.goto("/demo/rows/")
    page.wait_for_selector(".sides")
    masked = page.inner_text(".side-after >> nth=0")
    assert "[redacted]" in masked
    assert "tok_" in masked
