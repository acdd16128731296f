"""The first minutes of an installation, in the browser: somebody founds it, invites a second reviewer, who joins."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page

from tests.faults.installation import Installation, eventually

from .watching import Watched

FOUNDER, SECOND = "admin", "bob"
PASSWORDS = {FOUNDER: "violet harbour lantern", SECOND: "copper meadow compass"}


@dataclass
class Founding:
    """What the two saw, in the order of the story."""

    passwords: dict[str, str] = field(default_factory=lambda: dict(PASSWORDS), repr=False)
    complaints: list[str] = field(default_factory=list)
    violations: dict[str, list[str]] = field(default_factory=dict)
    first_url: str = ""
    empty_form_said: str = ""
    steps_said: str = ""
    banner: str = ""
    change_said: str = ""
    signature_said: str = ""
    banner_while_invited: int = 0
    banner_after_joining: int = 0
    invitation_url: str = ""
    person_said: str = ""
    second_was_greeted: str = ""


def found(installation: Installation, chromium: Browser) -> Founding:
    seen = Founding()
    url = f"http://127.0.0.1:{installation.port}"
    founder = _page(chromium, url, seen)
    _set_up(founder, seen)
    _invite(founder, seen)
    second = _page(chromium, url, seen)
    _join(founder, second, installation, seen)
    founder.page.reload()
    seen.banner_after_joining = founder.page.get_by_text("Founding mode.").count()
    for watched in (founder, second):
        seen.complaints += watched.complaints
        watched.page.context.close()
    return seen


def _page(chromium: Browser, url: str, seen: Founding) -> Watched:
    context = chromium.new_context(base_url=url, viewport={"width": 1360, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(30_000)
    return Watched(context.new_page())


def _checked(watched: Watched, name: str, seen: Founding) -> Page:
    seen.violations[name] = watched.violations()
    watched.keep(f"founding {name}")
    return watched.page


def _set_up(watched: Watched, seen: Founding) -> None:
    watched.open("/")
    page = _checked(watched, "set-up", seen)
    seen.first_url = page.url
    page.get_by_role("button", name="Found the organisation").click()
    page.wait_for_selector(".is-invalid")
    seen.empty_form_said = watched.said()
    _checked(watched, "set-up, not filled in", seen)
    page.get_by_label("Organisation").fill("Acme")
    page.get_by_label("First team").fill("CRM")
    page.get_by_label("Your name").fill("Admin")
    page.get_by_label("E-mail address").fill(f"{FOUNDER}@acme.example")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_label("Password").fill(PASSWORDS[FOUNDER])
    # The people of these tests bring a policy of their own, which the packs would contradict.
    for pack in page.locator("[name=packs]").all():
        pack.uncheck()
    page.get_by_role("button", name="Found the organisation").click()
    page.wait_for_selector("#founding, .app")
    if page.locator("#founding").count():
        seen.steps_said = watched.said()
        _checked(watched, "founding", seen)
    page.wait_for_selector(".app")
    seen.banner = _checked(watched, "overview", seen).inner_text(".banner-warn")


def _invite(watched: Watched, seen: Founding) -> None:
    page = watched.page
    page.get_by_role("link", name="Invite a reviewer").first.click()
    _checked(watched, "invite", seen)
    page.get_by_label("E-mail address").fill(f"{SECOND}@acme.example")
    page.get_by_label("Name", exact=True).fill("Bob")
    page.get_by_label(re.compile(r"^Team\b")).select_option(label="CRM")
    page.get_by_label(re.compile("^Steward")).check()
    page.get_by_label(re.compile("^Reviewer")).check()
    page.get_by_label("Why").fill("A second pair of eyes.")
    page.get_by_role("button", name="Propose").click()
    page.wait_for_url(re.compile(r"/changes/\d+/"))
    seen.change_said = watched.said()
    seen.banner_while_invited = page.get_by_text("Founding mode.").count()


def _join(founder: Watched, watched: Watched, installation: Installation, seen: Founding) -> None:
    seen.invitation_url = invitation_for(installation, f"{SECOND}@acme.example")
    founder.open("/people/")
    founder.page.get_by_role("link", name="Bob").click()
    seen.person_said = _checked(founder, "invited", seen).inner_text("main")
    watched.open(seen.invitation_url)
    page = _checked(watched, "invitation", seen)
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_label("Password").fill(PASSWORDS[SECOND])
    page.get_by_role("button", name="Join").click()
    page.wait_for_selector(".app")
    seen.second_was_greeted = page.inner_text(".person-name")


def invitation_for(installation: Installation, address: str) -> str:
    """The link in the mail to that address, which lies in a file because no mail server is configured."""
    found: list[str] = []

    def arrived() -> bool:
        for letter in sorted((installation.data.root / "mail").glob("*")):
            text = letter.read_text().replace("=\n", "")
            if address in text:
                found.extend(re.findall(r"https?://\S+/invite/\S+", text))
        return bool(found)

    eventually(arrived, f"the invitation of {address}", 40, 0.2)
    return found[-1]
